"""Uploads whose storage has forgotten what was begun: refresh and finalize begin again and say what to send."""

from collections.abc import Sequence
from unittest.mock import Mock

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from fileman.backends.values import Slice, Upload
from fileman.errors import NotUploaded, StorageUnavailable, UploadAborted, UploadLost
from fileman.models import File, FileManager
from fileman.testing.memory import MemoryBackend
from fileman.uploads import Outcome, Ticket
from tests.uploads.driver import abort, configured, file_of, finish, refresh, send, start
from tests.uploads.faults import at_first, note_calls

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = 5000
SECOND = {"id": "the second"}


@pytest.fixture
def ticket(user: User, manager: FileManager) -> Ticket:
    """An upload in parts, begun and not sent."""
    with configured(SINGLE_REQUEST_MAX_BYTES=1000, PART_SIZE_BYTES=1000):
        return start(user, b"x" * SIZE, now=timezone.now())


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """The storage knows nothing of what was begun until now."""
    missing = MemoryBackend.missing

    def forgetful(self: MemoryBackend, upload: Upload) -> Sequence[Slice]:
        if upload.begun != SECOND:
            raise UploadLost
        return missing(self, upload)

    monkeypatch.setattr(MemoryBackend, "missing", forgetful)


def go_on(by: str, user: User, ticket: Ticket) -> Outcome:
    return (refresh if by == "refresh" else finish)(user, ticket, now=timezone.now())


def state_of(ticket: Ticket) -> dict[str, object]:
    state: dict[str, object] = file_of(ticket).upload_state
    return state


@pytest.mark.parametrize("by", ["refresh", "finalize"])
def test_what_was_never_begun_is_begun(user: User, ticket: Ticket, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """A crash between the row and the storage; the storage is not asked about what it cannot know."""
    file = file_of(ticket)
    file.upload_state = {key: value for key, value in file.upload_state.items() if key not in {"begun", "origin"}}
    file.save()
    missing = MemoryBackend.missing
    begin, asked = Mock(return_value=SECOND), list[dict[str, object]]()

    def noted(self: MemoryBackend, upload: Upload) -> Sequence[Slice]:
        asked.append(dict(upload.begun))
        return missing(self, upload)

    monkeypatch.setattr(MemoryBackend, "missing", noted)
    monkeypatch.setattr(MemoryBackend, "begin", begin)

    outcome = go_on(by, user, ticket)

    assert begin.call_count == 1
    assert asked == [SECOND]
    assert outcome.instructions is not None


@pytest.mark.parametrize("by", ["refresh", "finalize"])
def test_what_is_begun_again_while_its_user_aborts_is_stopped(
    user: User, ticket: Ticket, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """Abort has stopped what it knew of; nothing else would stop this."""
    forget(monkeypatch)
    aborts, before_begin = note_calls("abort"), list[int]()
    before = state_of(ticket)

    def begin(self: MemoryBackend, upload: Upload, *, origin: str | None) -> dict[str, str]:
        abort(user, ticket, now=timezone.now())
        before_begin.append(len(aborts))
        return SECOND

    monkeypatch.setattr(MemoryBackend, "begin", begin)
    error: object
    try:
        error = go_on(by, user, ticket).error
    except UploadAborted as raised:
        error = raised

    assert isinstance(error, UploadAborted)
    assert (before_begin, len(aborts)) == ([1], 2)
    assert (file_of(ticket).upload_status, state_of(ticket)) == (File.ABORTED, before)


def test_a_storage_that_cannot_begin_again_leaves_the_upload_pending(
    user: User, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(monkeypatch)
    monkeypatch.setattr(MemoryBackend, "begin", Mock(side_effect=StorageUnavailable))

    outcome = go_on("finalize", user, ticket)

    assert isinstance(outcome.error, StorageUnavailable)
    assert (outcome.file.upload_status, outcome.instructions) == (File.PENDING, None)


@pytest.mark.parametrize(("operation", "lost"), [("assemble", "parts"), ("read", "objects")])
def test_bytes_that_vanish_meanwhile_can_be_sent_again(user: User, ticket: Ticket, operation: str, lost: str) -> None:
    """The answer says that the call may be repeated, and the repeated call asks for what is gone."""
    send(ticket, b"x" * SIZE, now=timezone.now())

    def vanish() -> None:
        store = MemoryBackend._stores[FileManager.objects.get().pk]
        getattr(store, lost).clear()
        store.parts.clear()

    at_first(operation, "before", vanish)
    outcome = go_on("finalize", user, ticket)

    assert isinstance(outcome.error, NotUploaded)
    assert outcome.error.retryable
    assert outcome.file.upload_status == File.PENDING
    again = go_on("finalize", user, ticket)
    assert again.instructions is not None
    assert [request.slice.part_number for request in again.instructions.requests] == [1, 2, 3, 4, 5]
