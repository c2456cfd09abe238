"""Uploads driven through the domain's public functions, as a client would drive them, but without HTTP."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from threading import Barrier
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings as django_settings
from django.db import connections
from django.test import override_settings

from fileman import files, uploads
from fileman.backends import forget_backends, get_backend
from fileman.backends.values import Slice
from fileman.caller import Caller
from fileman.encryption import encrypt
from fileman.errors import StorageUnavailable
from fileman.models import File, FileManager
from fileman.signals import file_completed
from fileman.testing.memory import MemoryBackend
from fileman.uploads import DeclaredFile, InitiateRequest, Outcome, Ticket

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
DEADLINE = NOW + DAY
"""Of an upload in one request that was initiated at NOW."""
T = TypeVar("T")


def caller_of(user: Any) -> Caller:
    return Caller(user=user)


def configured(**changes: Any) -> override_settings:
    """FILEMAN_SETTINGS with some keys changed: a decorator and a context manager."""
    return override_settings(FILEMAN_SETTINGS={**django_settings.FILEMAN_SETTINGS, **changes})


def declared(filename: str = "notes.txt", size: object = 5, **more: Any) -> DeclaredFile:
    return DeclaredFile(filename=filename, size=size, **more)


def initiate(user: Any, *files: DeclaredFile, now: datetime = NOW, **fields: Any) -> uploads.Batch:
    return uploads.initiate(caller=caller_of(user), request=InitiateRequest(files=files, **fields), now=now)


def start(
    user: Any,
    data: bytes = b"hello",
    filename: str = "notes.txt",
    *,
    now: datetime = NOW,
    into: FileManager | None = None,
    **more: Any,
) -> Ticket:
    """The ticket of one upload, which must have been accepted."""
    request = {"file_manager_id": into.pk if into else None}
    (ticket,) = initiate(user, declared(filename, len(data), **more), now=now, **request).tickets
    assert ticket.errors == ()
    return ticket


def file_of(ticket: Ticket) -> File:
    """The row as it stands now."""
    assert ticket.file is not None
    return File.objects.get(pk=ticket.file.pk)


def token_of(ticket: Ticket) -> str:
    assert ticket.upload_token is not None
    return ticket.upload_token


def send(ticket: Ticket, data: bytes = b"hello", *, now: datetime = NOW) -> None:
    """Send every byte that the instructions ask for."""
    assert ticket.instructions is not None
    for request in ticket.instructions.requests:
        send_slice(ticket, request.slice, data, now=now)


def send_slice(ticket: Ticket, part: Slice, data: bytes, *, now: datetime = NOW) -> None:
    assert ticket.file is not None
    stream = BytesIO(data[part.offset : part.offset + part.length])
    uploads.receive(file_id=ticket.file.pk, part=part, stream=stream, now=now)


def finish(user: Any, ticket: Ticket, *, now: datetime = NOW, **claims: Any) -> Outcome:
    return uploads.finalize(caller=caller_of(user), upload_token=token_of(ticket), now=now, **claims)


def upload(user: Any, data: bytes = b"hello", filename: str = "notes.txt", *, now: datetime = NOW, **more: Any) -> File:
    """One completed file."""
    ticket = start(user, data, filename, now=now, **more)
    send(ticket, data, now=now)
    outcome = finish(user, ticket, now=now)
    assert outcome.error is None
    return outcome.file


def code_of(outcome: Outcome) -> str | None:
    return str(outcome.error.code) if outcome.error else None


def abort(user: Any, ticket: Ticket, *, now: datetime = NOW) -> Outcome:
    return uploads.abort(caller=caller_of(user), upload_token=token_of(ticket), now=now)


def refresh(user: Any, ticket: Ticket, *, now: datetime = NOW) -> Outcome:
    return uploads.refresh(caller=caller_of(user), upload_token=token_of(ticket), now=now)


def delete(user: Any, file_id: UUID, *, now: datetime = NOW) -> UUID:
    return files.delete(caller=caller_of(user), file_id=file_id, now=now)


@contextmanager
def completions() -> Iterator[list[UUID]]:
    """Yield the ids that `file_completed` announces during the block."""
    announced: list[UUID] = []

    def observe(file_id: UUID, **_: Any) -> None:
        announced.append(file_id)

    file_completed.connect(observe)
    try:
        yield announced
    finally:
        file_completed.disconnect(observe)


def break_storage(
    error: type[BaseException] = StorageUnavailable, *, on: str = "", path: str = "", once: bool = False
) -> list[str]:
    """Let calls of the memory backend fail: all, those of one operation, or those for paths with this text.

    Return the operations that have failed. `MemoryBackend.faults.clear()` mends it.
    """
    failed: list[str] = []

    def fault(operation: str, at: str, moment: str) -> None:
        if on in ("", operation) and path in at and not (once and failed):
            failed.append(operation)
            raise error

    MemoryBackend.faults.append(fault)
    return failed


def at_first(operation: str, moment: str, act: Callable[[], object]) -> None:
    """Act once, before or after the first call of an operation."""
    done: list[str] = []

    def fault(name: str, path: str, when: str) -> None:
        if (name, when) == (operation, moment) and not done:
            done.append(path)
            act()

    MemoryBackend.faults.append(fault)


def lose_key_of(manager: FileManager) -> None:
    """Its settings are encrypted with a key that is not configured."""
    with configured(ENCRYPTION_KEYS=["bG9zdCBsb3N0IGxvc3QgbG9zdCBsb3N0IGxvc3QgbG8="]):
        FileManager.objects.filter(pk=manager.pk).update(settings=encrypt({}, row=manager.pk))
    forget_backends()


def stored_paths(manager: FileManager) -> list[str]:
    """Every object in the manager's storage."""
    return sorted(stored.path for stored in get_backend(manager).list_objects(""))


def at_once(count: int, work: Callable[[int], T]) -> list[T | Exception]:
    """What `work(0)` to `work(count - 1)` answered or raised, each in a thread of its own, begun together."""
    barrier = Barrier(count)

    def one(number: int) -> T | Exception:
        try:
            barrier.wait(timeout=10)
            return work(number)
        except Exception as error:  # noqa: BLE001  # it is the answer
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))
