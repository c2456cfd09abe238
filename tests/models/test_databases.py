"""What must be the same on SQLite and on PostgreSQL, where this suite runs too: names. test_insertion.py has JSON."""

import pytest
from django.contrib.auth.models import User
from django.db import connection

from fileman.models import File, FileManager
from tests.uploads.driver import declared, initiate

pytestmark = pytest.mark.django_db
BY_CODE_POINT = ["A", "B", "Z", "_", "a", "a b", "ab", "b", "Ä", "ä", "é", "中", "👩"]


def test_file_managers_are_listed_by_the_code_points_of_their_names() -> None:
    for name in reversed(BY_CODE_POINT):
        FileManager.objects.create(name=name, backend_type="memory")

    assert list(FileManager.objects.values_list("name", flat=True)) == BY_CODE_POINT


def test_files_are_sorted_by_the_code_points_of_their_names(user: User, manager: FileManager) -> None:
    names = [f"{name}.txt" for name in BY_CODE_POINT]
    initiate(user, *(declared(filename=name) for name in reversed(names)))

    found = File.objects.order_by("original_filename").values_list("original_filename", flat=True)

    assert list(found) == sorted(names)


@pytest.mark.parametrize(("wanted", "found"), [("NOTES", True), ("müller", True), ("MÜLLER", None)])
def test_a_search_knows_the_two_cases_of_a_letter(wanted: str, found: bool | None, manager: FileManager) -> None:
    """SQLite knows them of A to Z only, as the API says."""
    FileManager.objects.create(name="notes of Mrs müller", backend_type="memory")

    expected = connection.vendor == "postgresql" if found is None else found
    assert FileManager.objects.filter(name__icontains=wanted).exists() is expected


def test_names_that_differ_in_case_or_accent_are_different() -> None:
    for name in ("Files", "files", "Filés"):
        FileManager.objects.create(name=name, backend_type="memory", is_default=name == "files")

    assert FileManager.objects.get(name="files").is_default
    assert not FileManager.objects.get(name="Files").is_default
