"""The states of a file: which step is possible from where, and that only one caller makes it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from fileman.backends import get_backend
from fileman.backends.values import StoredObject, Upload
from fileman.encryption import encrypt
from fileman.errors import FilemanError, NotFound, UploadInProgress
from fileman.models import File, FileManager, StorageDeletion
from fileman.signals import file_completed
from fileman.testing.memory import MemoryBackend
from fileman.uploads import Outcome, Ticket, transitions
from fileman.uploads.state import Progress
from fileman.uploads.transitions import Facts
from tests.uploads.clock import MICROSECOND, NOW
from tests.uploads.driver import abort, code_of, delete, file_of, finish, refresh, send, start, stored_paths
from tests.uploads.faults import at_first, overtaken

LEASE = timedelta(seconds=60)
ATTEMPT = UUID(int=5)
STATES: dict[str, dict[str, Any]] = {
    "pending": {"upload_status": "pending"},
    "verifying": {"upload_status": "verifying", "attempt_id": ATTEMPT, "lease_until": NOW + LEASE},
    "verifying, lease over": {"upload_status": "verifying", "attempt_id": ATTEMPT, "lease_until": NOW},
    "completed": {"upload_status": "completed", "completed_at": NOW, "etag": "e", "file_path": "uploads/1"},
    "failed": {"upload_status": "failed", "failure_reason": "size"},
    "expired": {"upload_status": "expired"},
    "aborted": {"upload_status": "aborted"},
}
STEPS: dict[str, Callable[[File], object]] = {
    "claim": lambda file: transitions.claim(file, now=NOW),
    "release": lambda file: transitions.release(file, ATTEMPT, has_tried=True, now=NOW),
    "complete": lambda file: transitions.complete(file, ATTEMPT, facts(file), has_tried=True, now=NOW),
    "fail": lambda file: transitions.fail(file, ATTEMPT, reason="type", has_tried=True, now=NOW),
    "abort": lambda file: transitions.abort(file, now=NOW),
    "expire": lambda file: transitions.expire(file, now=NOW),
}
OF_PENDING = {"claim": "verifying", "abort": "aborted", "expire": "expired"}
OF_LEASED = {"release": "pending", "complete": "completed", "fail": "failed"}
ALLOWED = {"pending": OF_PENDING, "verifying": OF_LEASED, "verifying, lease over": OF_PENDING | OF_LEASED}
PAIRS = [(state, step) for state in STATES for step in STEPS]


def facts(file: File) -> Facts:
    stored = StoredObject(path=file.get_try_path(1), size=file.file_size, etag="new", content_type="text/plain")
    return Facts(stored=stored, content_type="text/plain", detected_content_type="", checksum=None, metadata={})


def in_state(user: User, state: str) -> File:
    file = file_of(start(user))
    File.objects.filter(pk=file.pk).update(**STATES[state])
    return File.objects.get(pk=file.pk)


def row(file: File) -> dict[str, object]:
    return dict(File.objects.filter(pk=file.pk).values().get())


@pytest.mark.parametrize(("state", "step"), PAIRS)
def test_every_step_from_every_state(user: User, manager: FileManager, state: str, step: str) -> None:
    file = in_state(user, state)
    before = row(file)
    done = STEPS[step](file) not in (None, False)
    expected = ALLOWED.get(state, {}).get(step)
    assert done is (expected is not None)
    if expected is None:
        assert row(file) == before
        assert StorageDeletion.objects.count() == 0
    else:
        assert row(file)["upload_status"] == expected


@pytest.mark.parametrize("step", ["release", "complete", "fail"])
def test_only_the_attempt_that_holds_the_lease_ends_it(user: User, manager: FileManager, step: str) -> None:
    file = in_state(user, "verifying")
    File.objects.filter(pk=file.pk).update(attempt_id=uuid4())
    before = row(file)
    assert STEPS[step](file) is False
    assert row(file) == before


def test_another_finalizes_after_a_dead_worker(user: User, sent: Ticket) -> None:
    assert transitions.claim(file_of(sent), now=NOW)
    early = finish(user, sent, now=NOW + LEASE - MICROSECOND)
    assert early.error is not None
    assert (early.error.code, early.error.retryable) == ("UPLOAD_IN_PROGRESS", True)
    assert finish(user, sent, now=NOW + LEASE).file.upload_status == "completed"


@pytest.mark.parametrize("call", [finish, abort])
def test_who_comes_while_another_holds_the_lease_is_told_to_come_again(
    user: User, sent: Ticket, call: Callable[[User, Ticket], Outcome]
) -> None:
    """Also when the other has given the upload back by the time we look."""
    row_of_file = File.objects.filter(pk=file_of(sent).pk)

    def claim() -> None:
        row_of_file.update(upload_status="verifying", attempt_id=ATTEMPT, lease_until=NOW + LEASE)

    def release() -> None:
        row_of_file.update(upload_status="pending", attempt_id=None, lease_until=None)

    with overtaken(claim, at="UPDATE", of="verifying", after=release) as statements:
        outcome = call(user, sent)
    assert len(statements) == 1
    assert outcome.file.upload_status == "pending"
    assert code_of(outcome) == "UPLOAD_IN_PROGRESS"
    assert StorageDeletion.objects.count() == 0


def test_an_attempt_goes_on_from_what_the_one_before_has_left(
    user: User, manager: FileManager, sent: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when that one has worked between the look and the claim of this one."""
    progress: list[object] = []
    publish = MemoryBackend.publish

    def look(self: MemoryBackend, upload: Upload, verified: StoredObject) -> StoredObject:
        progress.append(dict(upload.progress))
        return publish(self, upload, verified)

    path = f".uploads/{manager.pk}/{file_of(sent).pk}"
    stored = get_backend(manager).stat(path)
    left = Progress(stored=stored, detected_content_type="", is_validated=True, try_number=1, notes={"copied": 3})

    def work() -> None:
        file = file_of(sent)
        state = {**file.upload_state, "progress": left.to_json()}
        File.objects.filter(pk=file.pk).update(tries=1, upload_state=encrypt(state, row=file.pk))

    monkeypatch.setattr(MemoryBackend, "publish", look)
    with overtaken(work, at="UPDATE", of="verifying"):
        assert finish(user, sent).error is None
    assert progress == [{"copied": 3}]
    assert (file_of(sent).tries, file_of(sent).file_path) == (1, file_of(sent).get_try_path(1))


@pytest.mark.django_db(transaction=True)
def test_finalize_refuses_to_work_inside_a_transaction(user: User, sent: Ticket) -> None:
    """The claim would be seen by nobody, and a rollback would undo it after the storage has acted."""
    before = row(file_of(sent))
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        finish(user, sent)
    assert row(file_of(sent)) == before


def test_aborting_twice_is_success_and_a_completed_upload_cannot_be_aborted(user: User, manager: FileManager) -> None:
    ticket = start(user)
    for _ in range(2):
        outcome = abort(user, ticket)
        assert (outcome.file.upload_status, outcome.error) == ("aborted", None)
    done = start(user)
    send(done)
    finish(user, done)
    outcome = abort(user, done)
    assert outcome.error is not None
    assert (outcome.file.upload_status, outcome.error.code) == ("completed", "INVALID_INPUT")


def test_while_a_finalize_call_works_nobody_aborts_or_deletes(user: User, manager: FileManager) -> None:
    ticket = start(user)
    transitions.claim(file_of(ticket), now=NOW)
    outcome = abort(user, ticket)
    assert code_of(outcome) == "UPLOAD_IN_PROGRESS"
    with pytest.raises(UploadInProgress):
        delete(user, file_of(ticket).pk)
    assert file_of(ticket).upload_status == "verifying"


def test_after_a_dead_worker_bytes_are_taken_as_refresh_asks_for_them(user: User, manager: FileManager) -> None:
    """Without waiting for a finalize that could not succeed anyway."""
    ticket = start(user)
    transitions.claim(file_of(ticket), now=NOW)
    with pytest.raises(UploadInProgress):
        send(ticket, now=NOW + LEASE - MICROSECOND)
    outcome = refresh(user, ticket, now=NOW + LEASE)
    assert (outcome.error, outcome.instructions is None) == (None, False)
    send(ticket, now=NOW + LEASE)
    assert finish(user, ticket, now=NOW + LEASE).file.upload_status == "completed"


@pytest.mark.parametrize("state", ["failed", "expired", "aborted"])
def test_an_upload_that_has_ended_takes_no_bytes(user: User, manager: FileManager, state: str) -> None:
    ticket = start(user)
    File.objects.filter(pk=file_of(ticket).pk).update(**STATES[state])
    with pytest.raises(FilemanError) as refusal:
        send(ticket)
    assert refusal.value.code == f"UPLOAD_{state.upper()}"
    assert stored_paths(manager) == []


def test_a_file_that_is_deleted_before_finalize_returns_is_not_found(user: User, sent: Ticket) -> None:
    def delete_at_once(file_id: UUID, **_: Any) -> None:
        delete(user, file_id)

    file_completed.connect(delete_at_once)
    try:
        with pytest.raises(NotFound):
            finish(user, sent)
    finally:
        file_completed.disconnect(delete_at_once)

    assert not File.objects.exists()


def test_who_is_no_longer_the_uploader_after_the_work_is_told_nothing(
    user: User, other_user: User, sent: Ticket
) -> None:
    at_first("publish", "before", lambda: File.objects.update(uploaded_by=other_user))
    with pytest.raises(NotFound):
        finish(user, sent)
    assert file_of(sent).upload_status == File.COMPLETED
