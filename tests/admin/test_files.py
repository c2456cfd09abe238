"""Files and the deletion queue in the admin: no form changes them."""

from base64 import b64encode

import pytest
from django.contrib.auth.models import User

from fileman.models import File, StorageDeletion
from tests.admin.staff import ADMIN, Staff
from tests.uploads.driver import file_of, start, upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("manager")]


@pytest.fixture
def root(other_user: User) -> Staff:
    return Staff(other_user)


def test_a_file_is_found_by_every_form_of_its_id(root: Staff, user: User) -> None:
    file = upload(user)
    for term in ("notes", str(file.pk), b64encode(f"File:{file.pk}".encode()).decode(), file.stored_path):
        page = root.client.get(f"{ADMIN}/file/", {"q": term})
        assert list(page.context["cl"].queryset) == [file], term
    assert "5\xa0bytes" in page.content.decode()


def test_no_form_changes_a_file_or_the_queue(root: Staff, user: User) -> None:
    file = file_of(start(user))
    assert root.client.get(f"{ADMIN}/file/add/").status_code == 403
    assert root.client.post(f"{ADMIN}/file/{file.pk}/change/", {"upload_status": "completed"}).status_code == 403
    assert File.objects.get().upload_status == "pending"
    assert root.client.get(f"{ADMIN}/storagedeletion/add/").status_code == 403
    assert not StorageDeletion.objects.exists()
