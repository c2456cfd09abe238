"""One path for each publishing request, and finalize calls that end in time and go on from what is proven.

The faults are injected into the memory backend. `publish` is the only operation that writes to a path of a try.
"""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from fileman import cleanup
from fileman.backends import get_backend
from fileman.backends.values import StoredObject, Upload
from fileman.encryption import encrypt
from fileman.errors import StorageUnavailable
from fileman.models import File, FileManager, StorageDeletion
from fileman.testing.memory import MemoryBackend
from fileman.uploads import Ticket, transitions
from tests.uploads import driver
from tests.uploads.clock import DAY, NOW
from tests.uploads.driver import abort, code_of, configured, file_of, finish, overwrite, send, start
from tests.uploads.faults import at_first, break_storage

DATA, OTHER = b"hello", b"HELLO"


def content(manager: FileManager, file: File) -> bytes:
    return b"".join(get_backend(manager).read(file.stored_path))


def queued() -> list[str]:
    return sorted(StorageDeletion.objects.values_list("path", flat=True))


def test_the_file_path_is_known_from_completion_on_and_ends_with_the_stored_name(user: User, sent: Ticket) -> None:
    before = file_of(sent)
    assert (before.file_path, before.tries) == (None, 0)

    file = finish(user, sent).file

    assert (file.file_path, file.tries) == (f"uploads/{file.pk}/1/{before.filename}", 1)
    assert queued() == [file.upload_path]


def test_an_object_of_an_earlier_try_with_other_bytes_is_passed_over(user: User, manager: FileManager) -> None:
    """A store without pins has copied what the client wrote after the verification."""
    sent = start(user, DATA, checksum=f"sha256:{hashlib.sha256(DATA).hexdigest()}")
    send(sent, DATA)
    break_storage(on="publish", number=0)
    finish(user, sent)
    overwrite(file_of(sent), file_of(sent).get_try_path(1), OTHER)

    file = finish(user, sent).file

    assert (file.upload_status, file.file_path) == ("completed", file.get_try_path(2))
    assert content(manager, file) == DATA
    assert queued() == sorted([file.upload_path, file.get_try_path(1), file.folder])


def test_only_requests_that_were_sent_count(user: User, manager: FileManager) -> None:
    """Calls that come too early, or meet a storage that fails before the copy, take no number."""
    ticket = start(user, DATA)
    for _ in range(3):
        assert code_of(finish(user, ticket)) == "NOT_UPLOADED"
    send(ticket, DATA)
    break_storage(on="read", number=0)
    assert code_of(finish(user, ticket)) == "STORAGE_UNAVAILABLE"
    assert file_of(ticket).tries == 0

    assert finish(user, ticket).file.tries == 1


def test_a_killed_attempt_keeps_its_number(user: User, manager: FileManager, sent: Ticket) -> None:
    """Nobody knows whether it has sent its request."""

    def kill() -> None:
        File.objects.filter(pk=file_of(sent).pk).update(attempt_id=None, upload_status="pending", lease_until=None)
        raise SystemExit

    at_first("read", "before", kill)
    with pytest.raises(SystemExit):
        finish(user, sent)

    file = finish(user, sent).file

    assert (file.tries, file.file_path) == (2, file.get_try_path(2))
    assert queued() == sorted([file.upload_path, file.get_try_path(1), file.folder])


@pytest.mark.parametrize("end", ["aborted", "expired", "failed"])
def test_every_path_of_an_upload_that_ends_is_queued(user: User, manager: FileManager, sent: Ticket, end: str) -> None:
    break_storage(on="publish", number=0)
    finish(user, sent)
    file = file_of(sent)

    if end == "failed":
        finish(user, sent, file_size=4)
    elif end == "expired":
        cleanup.run(cleanup.Request(older_than=timedelta(0)), now=NOW + 2 * DAY)
    else:
        abort(user, sent)

    assert file_of(sent).upload_status == end
    assert queued() == sorted([file.upload_path, file.get_try_path(1)])


def test_an_upload_is_not_aborted_past_a_try_that_the_caller_has_not_seen(user: User, sent: Ticket) -> None:
    """The row was read before another call sent a publishing request; its path would not be queued."""
    stale = file_of(sent)
    break_storage(on="publish", number=0)
    finish(user, sent)

    assert not transitions.abort(stale, now=NOW)
    assert transitions.abort(file_of(sent), now=NOW)


# Answers that are not the storage's


@pytest.mark.parametrize("lasts", [False, True], ids=["once", "always"])
def test_a_page_that_answers_for_the_storage_fails_no_upload(
    user: User, manager: FileManager, sent: Ticket, monkeypatch: pytest.MonkeyPatch, lasts: bool
) -> None:
    """Something in between finds an object of 24 bytes, at the first look or at every path."""
    page = StoredObject(path="", size=24, etag="page")
    with monkeypatch.context() as patch:
        patch.setattr(MemoryBackend, "assemble", lambda self, upload: replace(page, path=upload.upload_path))
        if lasts:
            patch.setattr(MemoryBackend, "stat", lambda self, path: replace(page, path=path))
        assert code_of(finish(user, sent)) == "STORAGE_UNAVAILABLE"

    assert file_of(sent).upload_status == "pending"
    assert driver.stored_paths(manager) == [file_of(sent).upload_path]
    assert finish(user, sent).error is None


@pytest.mark.parametrize("cut", [b"", b"h", b"hello and more"], ids=["empty", "short", "long"])
@pytest.mark.parametrize("checksum", [None, f"md5:{hashlib.md5(DATA).hexdigest()}"], ids=["first bytes", "checksum"])
def test_a_read_that_breaks_off_fails_no_upload(
    user: User, manager: FileManager, monkeypatch: pytest.MonkeyPatch, cut: bytes, checksum: str | None
) -> None:
    """The response has the right status, but another number of bytes than the object."""
    ticket = start(user, DATA, checksum=checksum)
    send(ticket, DATA)
    File.objects.filter(pk=file_of(ticket).pk).update(upload_state=encrypt_without_checksums(ticket))
    with monkeypatch.context() as patch:
        patch.setattr(MemoryBackend, "read", lambda *_, **__: iter([cut]))
        assert code_of(finish(user, ticket)) == "STORAGE_UNAVAILABLE"

    assert finish(user, ticket).error is None


def encrypt_without_checksums(ticket: Ticket) -> object:
    """Return a state without the checksums that were computed while the bytes came through our view."""
    file = file_of(ticket)
    return encrypt({**file.upload_state, "written": None}, row=file.pk)


# Time


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every operation takes nine virtual seconds, just less than its time-out. Return the operations."""
    clock = [0.0]
    operations: list[str] = []
    monkeypatch.setattr("fileman.backends.time_limit.time.monotonic", lambda: clock[0])

    def pass_time(name: str, path: str, moment: str) -> None:
        if moment == "before":
            clock[0] += 9
            operations.append(name)

    MemoryBackend.faults.append(pass_time)
    yield operations
    MemoryBackend.faults.remove(pass_time)


def test_a_slow_storage_costs_calls_but_no_step_twice(user: User, sent: Ticket, slow: list[str]) -> None:
    """Only one operation fits into each call of 20 seconds."""
    calls: list[object] = []
    while not calls or calls[-1] is not None:
        started = time.monotonic()
        error = finish(user, sent).error
        assert time.monotonic() - started <= 20
        calls.append(error and (error.code, error.retry_after_seconds))

    assert calls == [("UPLOAD_IN_PROGRESS", 2), ("UPLOAD_IN_PROGRESS", 2), None]
    assert slow == ["assemble", "read", "publish"]
    assert file_of(sent).tries == 1


@pytest.mark.django_db(transaction=True)
def test_a_batch_on_a_storage_that_hangs_is_refused_in_time(user: User, manager: FileManager) -> None:
    """Each begin hangs until its time-out. Those that run at first use up the time, and no other starts."""
    FileManager.objects.filter(pk=manager.pk).update(backend_type="beginning")
    begun: list[str] = []

    def hang(operation: str, path: str, moment: str) -> None:
        begun.append(path)
        time.sleep(1.5)
        raise StorageUnavailable

    MemoryBackend.faults.append(hang)
    most = {"STORAGE_CONNECT_TIMEOUT_SECONDS": 0.1, "STORAGE_READ_TIMEOUT_SECONDS": 0.3, "FINALIZE_BUDGET_SECONDS": 1.8}
    backends = {"beginning": "tests.uploads.faults.Beginning"}
    with configured(**most, BACKENDS=backends, SINGLE_REQUEST_MAX_BYTES=3):
        tickets = driver.start_many(user, 30)

    assert len(begun) == 8
    errors = {(error.code, error.retry_after_seconds) for ticket in tickets for error in ticket.errors}
    assert errors == {("STORAGE_UNAVAILABLE", 2)}
    assert set(File.objects.values_list("upload_status", flat=True)) == {"expired"}


def test_content_validators_take_their_time(user: User, sent: Ticket, slow: list[str]) -> None:
    """They read as often as they like, outside of the limit, and pass each object once."""
    READS.clear()
    with configured(CONTENT_VALIDATORS=["tests.uploads.test_tries.read_thrice"]):
        outcomes = [finish(user, sent) for _ in range(3)]

    assert [outcome.error and outcome.error.code for outcome in outcomes][-1] is None
    assert READS == [DATA] * 3


READS: list[bytes] = []


def read_thrice(file: File, content: Any) -> None:
    READS.extend(content.read() for _ in range(3))


def test_a_long_publishing_keeps_its_path(user: User, sent: Ticket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that takes several calls is one request, whose path the progress names."""
    publish = MemoryBackend.publish
    seen: list[tuple[str, dict[str, Any]]] = []

    def copy_in_steps(self: MemoryBackend, upload: Upload, verified: StoredObject) -> StoredObject:
        seen.append((upload.file_path, dict(upload.progress)))
        if upload.progress.get("step", 0) < 2:
            upload.progress["step"] = upload.progress.get("step", 0) + 1
            raise StorageUnavailable
        return publish(self, upload, verified)

    monkeypatch.setattr(MemoryBackend, "publish", copy_in_steps)

    codes = [code_of(finish(user, sent)) for _ in range(2)]
    file = finish(user, sent).file

    assert codes == ["STORAGE_UNAVAILABLE"] * 2
    assert seen == [(file.get_try_path(1), progress) for progress in ({}, {"step": 1}, {"step": 2})]
    assert (file.file_path, file.tries) == (file.get_try_path(1), 1)
