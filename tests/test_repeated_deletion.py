"""Deleting again: a double click, twenty pages at once and a client whose answer was lost all succeed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from fileman import cleanup, deletion_queue, files
from fileman.errors import NotFound, StorageUnavailable
from fileman.models import File, FileManager, StorageDeletion
from fileman.testing.memory import MemoryBackend
from fileman.uploads import transitions
from tests.conftest import grant
from tests.uploads.clock import DAY, HOUR, MICROSECOND, NOW
from tests.uploads.driver import configured, delete, file_of, finish, send, start, stored_paths, upload, used_bytes
from tests.uploads.faults import at_once, break_storage

pytestmark = pytest.mark.django_db(transaction=True)
WATCHED_UNTIL = NOW + HOUR
"""Signed requests expire with upload_expires_in, an hour."""


def pending(user: User) -> File:
    ticket = start(user)
    send(ticket)
    return file_of(ticket)


def pending_in_parts(user: User) -> File:
    with configured(SINGLE_REQUEST_MAX_BYTES=4, PART_SIZE_BYTES=2):
        return pending(user)


def failed_in_parts(user: User) -> File:
    with configured(SINGLE_REQUEST_MAX_BYTES=4, PART_SIZE_BYTES=2):
        ticket = start(user)
        send(ticket)
        return finish(user, ticket, file_size=4).file


STATES = {"completed": upload, "pending": pending, "in parts": pending_in_parts, "failed in parts": failed_in_parts}
in_every_state = pytest.mark.parametrize("make", STATES.values(), ids=STATES)


@in_every_state
def test_twenty_calls_at_once_all_succeed_and_one_deletes(
    user: User, manager: FileManager, make: Callable[[User], File], caplog: pytest.LogCaptureFixture
) -> None:
    """And again later. The second call for an unfinished upload removes the row of the aborted one."""
    kept, file = upload(user, b"kept"), make(user)
    caplog.clear()
    answers = at_once(20, lambda _: delete(User.objects.get(pk=user.pk), file.pk))
    assert answers == [file.pk] * 20
    assert delete(user, file.pk) == file.pk
    assert list(File.objects.all()) == [kept]
    deletion_queue.work(now=NOW)
    assert (used_bytes(user), stored_paths(manager)) == (4, [kept.file_path])
    step = {"completed": ["deleted"], "failed": []}.get(file.upload_status, ["aborted"])
    assert [record.getMessage() for record in caplog.records] == [f"file {file.pk}: {one}" for one in step]


@in_every_state
def test_a_client_of_a_killed_worker_asks_again(user: User, manager: FileManager, make: Callable[[User], File]) -> None:
    """The injected fault: the process dies at its first call of the storage, after the commit."""
    file = make(user)
    break_storage(SystemExit)
    with pytest.raises(SystemExit):
        delete(user, file.pk)
    MemoryBackend.faults.clear()
    assert delete(user, file.pk) == file.pk
    assert not File.objects.exists()
    deletion_queue.work(now=NOW + deletion_queue.CLAIM)
    assert stored_paths(manager) == []


@in_every_state
def test_for_everybody_else_a_deleted_file_is_an_absent_one(
    user: User, other_user: User, manager: FileManager, make: Callable[[User], File]
) -> None:
    """Even for somebody who may delete every file."""
    file = make(user)
    assert delete(user, file.pk) == delete(user, file.pk) == file.pk
    rows = list(StorageDeletion.objects.order_by("pk").values())
    for caller in (other_user, grant(other_user, "view_file", "delete_file")):
        refusals = []
        for file_id in (file.pk, uuid4()):
            with pytest.raises(NotFound) as caught:
                delete(caller, file_id)
            refusals.append((caught.value.code, caught.value.message, caught.value.field))
        assert refusals[0] == refusals[1]
    assert list(StorageDeletion.objects.order_by("pk").values()) == rows


def test_a_file_is_forgotten_once_its_signed_requests_have_expired(user: User, manager: FileManager) -> None:
    file = upload(user)
    delete(user, file.pk)
    deletion_queue.work(now=WATCHED_UNTIL - MICROSECOND)
    assert delete(user, file.pk, now=WATCHED_UNTIL) == file.pk
    deletion_queue.work(now=WATCHED_UNTIL)
    with pytest.raises(NotFound):
        delete(user, file.pk, now=WATCHED_UNTIL)


def test_an_aborted_upload_that_cleanup_has_removed_is_deleted_again(user: User, manager: FileManager) -> None:
    file = pending(user)
    delete(user, file.pk)
    cleanup.run(cleanup.Request(older_than=timedelta(0)), now=NOW + MICROSECOND)
    assert not File.objects.exists()
    assert delete(user, file.pk) == file.pk


def test_an_ended_upload_that_cannot_be_aborted_now_stays_for_the_next_call(user: User, manager: FileManager) -> None:
    """The injected fault: the storage is down while an aborted upload in parts is deleted."""
    file = pending_in_parts(user)
    delete(user, file.pk)
    break_storage()
    with pytest.raises(StorageUnavailable):
        delete(user, file.pk)
    MemoryBackend.faults.clear()
    assert File.objects.get().upload_status == "aborted"
    assert delete(user, file.pk) == file.pk
    assert not File.objects.exists()


@pytest.mark.parametrize("end", ["aborted", "completed"])
def test_an_upload_that_ends_while_it_is_deleted_is_deleted_as_what_it_is_now(
    user: User, manager: FileManager, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another call is faster: it ends the upload after this one has read the row."""
    ticket = start(user)
    send(ticket)
    find = files.find

    def find_and_be_overtaken(*arguments: Any) -> File:
        found = find(*arguments)
        monkeypatch.setattr(files, "find", find)
        assert transitions.abort(found, now=NOW) if end == "aborted" else finish(user, ticket).error is None
        return found

    monkeypatch.setattr(files, "find", find_and_be_overtaken)
    file_id = file_of(ticket).pk
    assert delete(user, file_id) == file_id
    assert (File.objects.count(), used_bytes(user)) == (0, 0)
    deletion_queue.work(now=NOW)
    assert stored_paths(manager) == []


def _expire(user: User) -> None:
    start(user)
    cleanup.run(cleanup.Request(older_than=timedelta(0), statuses=["pending"]), now=NOW + 2 * DAY)


ENDS: dict[str, Callable[[User], Any]] = {
    "completed": upload,
    "failed": failed_in_parts,
    "expired": _expire,
    "aborted": lambda user: transitions.abort(pending(user), now=NOW),
    "deleted by Django": lambda user: upload(user).delete(),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_each_row_of_the_queue_names_its_file_and_only_a_deletion_by_a_user_its_user(
    user: User, manager: FileManager, end: Callable[[User], Any]
) -> None:
    end(user)
    rows = StorageDeletion.objects.all()
    assert {row.path for row in rows} >= {f".uploads/{manager.pk}/{row.file_id}" for row in rows}
    assert len({row.file_id for row in rows}) == 1
    assert {row.requested_by for row in rows} == {None}
