"""File managers and files: what their tables allow, whoever writes, and what they protect."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from fileman import cleanup
from fileman.models import File, FileManager, StorageDeletion, StorageUsage
from tests.uploads.clock import DAY, NOW
from tests.uploads.driver import declared, file_of, initiate, start, upload
from tests.uploads.faults import at_once

pytestmark = pytest.mark.django_db


def memory(name: str, **fields: Any) -> FileManager:
    return FileManager.objects.create(name=name, backend_type="memory", **fields)


def defaults() -> list[str]:
    return list(FileManager.objects.filter(is_default=True).values_list("name", flat=True))


def test_a_new_default_demotes_the_old_one(group: Group) -> None:
    memory("First", is_default=True)
    memory("Of the group", is_default=True, group=group)
    memory("Second", is_default=True)
    assert defaults() == ["Of the group", "Second"]
    memory("Of the group too", is_default=True, group=group)
    assert defaults() == ["Of the group too", "Second"]


def test_one_default_for_everybody_and_one_for_each_group(group: Group) -> None:
    """Held by the database, also against bulk writes."""
    other = Group.objects.create(name="others")
    for scope in (None, group, other):
        memory("A", group=scope, is_default=True)
        memory("B", group=scope)
        with pytest.raises(IntegrityError), transaction.atomic():
            FileManager.objects.filter(group=scope).update(is_default=True)
    assert defaults() == ["A", "A", "A"]


@pytest.mark.django_db(transaction=True)
def test_switching_the_default_from_many_places_at_once_leaves_one() -> None:
    managers = [memory(f"M{number}", is_default=number == 0) for number in range(6)]

    def make_default(number: int) -> None:
        manager = FileManager.objects.get(pk=managers[number].pk)
        manager.is_default = True
        manager.save()

    for _ in range(3):
        assert at_once(6, make_default) == [None] * 6
        assert len(defaults()) == 1


def test_a_name_is_unique_in_its_scope(group: Group) -> None:
    """No group is a scope of its own."""
    memory("Files")
    memory("Files", group=group)
    for scope in (None, group):
        with pytest.raises(ValidationError, match="has this name"):
            memory("Files", group=scope)
        unchecked = FileManager(name="Files", group=scope, backend_type="memory", supports_direct_upload=False)
        with pytest.raises(IntegrityError), transaction.atomic():
            FileManager.objects.bulk_create([unchecked])  # bypasses save, as a parallel call would
    assert FileManager.objects.count() == 2


def test_a_manager_with_files_or_queued_deletions_cannot_be_deleted(user: User, manager: FileManager) -> None:
    file = upload(user)
    with pytest.raises(ProtectedError):
        manager.delete()
    StorageDeletion.objects.all().delete()
    File.objects.filter(pk=file.pk).delete()
    StorageDeletion.objects.create(file_manager=manager, path="x", due_at=NOW, watch_until=NOW, created=NOW)
    with pytest.raises(ProtectedError):
        manager.delete()
    StorageDeletion.objects.all().delete()
    manager.delete()
    assert not FileManager.objects.exists()


def test_a_group_with_a_manager_or_files_cannot_be_deleted(user: User, group: Group) -> None:
    manager = memory("Group's", group=group)
    with pytest.raises(ProtectedError):
        group.delete()
    user.groups.add(group)
    memory("Everybody's", is_default=True)
    (ticket,) = initiate(user, declared(), group_id=group.pk).tickets
    assert ticket.errors == ()
    manager.delete()
    with pytest.raises(ProtectedError):
        group.delete()


def test_a_deleted_user_leaves_the_files_but_no_reservation(user: User, manager: FileManager) -> None:
    file, unfinished = upload(user), file_of(start(user))
    User.objects.get(pk=user.pk).delete()
    assert File.objects.get(pk=file.pk).uploaded_by is None
    assert not StorageUsage.objects.exists()
    report = cleanup.run(cleanup.Request(), now=NOW + 9 * DAY)
    assert report.by_status == {"pending": 1}
    assert File.objects.get(pk=unfinished.pk).upload_status == "expired"


IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "unknown status": {"upload_status": "deleted"},
    "no bytes": {"file_size": 0},
    "negative size": {"file_size": -1},
    "more bytes than JSON can say": {"file_size": 2**53},
    "verifying without a lease": {"upload_status": "verifying"},
    "verifying without an attempt": {"upload_status": "verifying", "lease_until": NOW},
    "pending with a lease": {"lease_until": NOW},
    "pending with an attempt": {"attempt_id": uuid4()},
    "completed without a time": {"upload_status": "completed", "etag": "e"},
    "completed without an etag": {"upload_status": "completed", "completed_at": NOW},
    "pending but completed once": {"completed_at": NOW, "etag": "e"},
    "verified without a checksum": {"checksum_verified": True},
    "failed without a reason": {"upload_status": "failed"},
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_the_database_refuses_an_impossible_file(user: User, manager: FileManager, name: str) -> None:
    start(user)
    before = File.objects.values().get()
    with pytest.raises(IntegrityError), transaction.atomic():
        File.objects.update(**IMPOSSIBLE[name])
    assert File.objects.values().get() == before


@pytest.mark.parametrize("limit", [-1, 2**53])
def test_the_database_refuses_an_impossible_limit(manager: FileManager, limit: int) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        FileManager.objects.update(max_file_size=limit)


def test_the_database_refuses_negative_usage_and_a_path_or_token_twice(user: User, manager: FileManager) -> None:
    one, two = file_of(start(user)), file_of(start(user))
    File.objects.filter(pk=two.pk).update(file_path="uploads/two")
    refused: list[Callable[[], object]] = [
        lambda: StorageUsage.objects.update(bytes=-1),
        lambda: File.objects.filter(pk=one.pk).update(file_path="uploads/two"),
        lambda: File.objects.filter(pk=one.pk).update(upload_token=two.upload_token),
    ]
    for write in refused:
        with pytest.raises(IntegrityError), transaction.atomic():
            write()


def test_the_text_forms_name_ids_and_nothing_of_the_user(user: User, manager: FileManager) -> None:
    file = file_of(start(user, filename="private.txt"))
    assert repr(file) == f"<File {file.pk} pending>"
    assert repr(manager) == f"<FileManager {manager.pk} memory>"
