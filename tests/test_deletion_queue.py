"""The deletion queue: what must go is remembered until it is gone, whatever breaks."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from fileman import deletion_queue
from fileman.deletion_queue import Worked
from fileman.errors import NotFound, StorageUnavailable
from fileman.models import File, FileManager, StorageDeletion, StorageUsage
from fileman.testing.memory import MemoryBackend
from tests.uploads.clock import DAY, HOUR, MICROSECOND, NOW
from tests.uploads.driver import delete, overwrite, stored_paths, upload
from tests.uploads.faults import break_storage, overtaken

WATCHED_UNTIL = NOW + HOUR
"""The last address that could write lapses with upload_expires_in, an hour."""


@pytest.fixture
def doomed(user: User, manager: FileManager) -> File:
    """A completed file that its user has deleted at NOW, while nothing was deleted from the storage yet."""
    file = upload(user)
    delete(user, file.pk)
    return file


def queue() -> list[tuple[str, Any, int]]:
    rows = StorageDeletion.objects.order_by("path").values_list("path", "due_at", "attempts")
    return [(path.split("/")[0], due, attempts) for path, due, attempts in rows]


def watches() -> list[Any]:
    """When each object is swept for the last time: an uploaded one, then a published one."""
    return list(StorageDeletion.objects.order_by("path").values_list("watch_until", flat=True))


def test_a_late_client_cannot_bring_an_object_back(user: User, manager: FileManager, doomed: File) -> None:
    """The second sweep comes once the last address has lapsed, and no copy is carried out as late as a day after."""
    assert deletion_queue.work(now=NOW) == Worked(deleted=2)
    assert stored_paths(manager) == []
    overwrite(doomed, doomed.upload_path, b"hello")
    assert len(stored_paths(manager)) == 1
    assert deletion_queue.work(now=WATCHED_UNTIL - MICROSECOND) == Worked()
    assert deletion_queue.work(now=WATCHED_UNTIL) == Worked(deleted=1)
    assert stored_paths(manager) == []
    assert deletion_queue.work(now=NOW + DAY) == Worked(deleted=1)
    assert not StorageDeletion.objects.exists()


def test_each_failure_doubles_the_wait_up_to_a_day(doomed: File) -> None:
    break_storage(on="delete")
    now, waits = NOW, []
    for attempt in range(1, 12):
        assert deletion_queue.work(now=now) == Worked(failed=2)
        assert {row.attempts for row in StorageDeletion.objects.all()} == {attempt}
        assert {row.last_error for row in StorageDeletion.objects.all()} == {StorageUnavailable.message}
        due = StorageDeletion.objects.earliest("due_at").due_at
        waits.append((due - now) / timedelta(minutes=1))
        assert deletion_queue.work(now=due - MICROSECOND) == Worked()
        now = due
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]
    MemoryBackend.faults.clear()
    assert deletion_queue.work(now=now) == Worked(deleted=2)
    assert not StorageDeletion.objects.exists()


def test_who_is_overtaken_while_deleting_gives_nothing_back_again(user: User, manager: FileManager) -> None:
    """The other call has deleted the file between our look and our step."""
    file = upload(user)
    other_call = overtaken(File.objects.filter(pk=file.pk).delete, at='SELECT "fileman_file"."id" AS "pk" FROM')
    with other_call as statements, pytest.raises(NotFound):
        delete(user, file.pk)
    assert len(statements) == 1
    assert StorageUsage.objects.get().bytes == 5
    assert queue() == [(".uploads", NOW, 0)]


def test_a_path_is_queued_once_and_queuing_again_starts_over(user: User, manager: FileManager) -> None:
    file = upload(user)
    deletion_queue.work(now=NOW)
    delete(user, file.pk, now=NOW + HOUR)
    assert queue() == [(".uploads", NOW + HOUR, 0), ("uploads", NOW + HOUR, 0)]
    assert watches() == [NOW + 2 * HOUR, NOW + HOUR + DAY]
