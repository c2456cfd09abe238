"""Uploads driven through the domain's public functions, as a client would drive them, but without HTTP."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from typing import Any
from uuid import UUID

from django.conf import settings as django_settings
from django.db import connection
from django.test import override_settings

from fileman import files, uploads
from fileman.backends import get_backend
from fileman.backends.values import Slice
from fileman.caller import Caller
from fileman.models import File, FileManager, StorageUsage
from fileman.uploads import DeclaredFile, InitiateRequest, Outcome, Ticket
from fileman.uploads.instructions import build_upload
from tests.uploads.clock import NOW


def caller_of(user: Any) -> Caller:
    """The caller with nothing but this user. A caller is taken as it is."""
    return user if isinstance(user, Caller) else Caller(user=user)


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


def start_many(user: Any, count: int) -> Sequence[Ticket]:
    """The tickets of uploads of the same declaration."""
    return initiate(user, *[declared()] * count).tickets


def file_of(ticket: Ticket) -> File:
    """The row as it stands now."""
    assert ticket.file is not None
    return File.objects.get(pk=ticket.file.pk)


def token_of(ticket: Ticket) -> str:
    assert ticket.upload_token is not None
    return ticket.upload_token


def send(ticket: Ticket | Outcome, data: bytes = b"hello", *, now: datetime = NOW) -> None:
    """Send every byte that the instructions ask for."""
    assert ticket.instructions is not None
    for request in ticket.instructions.requests:
        send_slice(ticket, request.slice, data, now=now)


def send_slice(ticket: Ticket | Outcome, part: Slice, data: bytes, *, now: datetime = NOW) -> None:
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


def used_bytes(user: Any) -> int:
    """What the user's files and unfinished uploads hold of the quota."""
    return StorageUsage.objects.get(user=user).bytes


def extra_inserts(files: int) -> int:
    """The inserts beyond the first that so many new files take: Django 5.2 passes SQLite at most 999 values in one."""
    per_statement = connection.ops.bulk_batch_size(File._meta.concrete_fields, [None] * files)
    return (files - 1) // per_statement


def overwrite(file: File, path: str, data: bytes) -> None:
    """Write an object, as a late request of the storage or a client with an old URL does."""
    backend, write = get_backend(file.file_manager), replace(build_upload(file, now=NOW), upload_path=path)
    backend.delete([path])
    backend.write(write, write.slice(1), BytesIO(data))


def stored_paths(manager: FileManager) -> list[str]:
    """Every object in the manager's storage."""
    return sorted(stored.path for stored in get_backend(manager).list_objects(""))
