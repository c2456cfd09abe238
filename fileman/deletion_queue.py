"""The deletion queue: stored objects to delete, remembered until they are gone.

A row is written in the transaction that gives up its object, so a crash loses nothing. It stays until a deletion has
succeeded after the last signed request for its path expired, because a late client can create the object again.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from fileman.backends import get_backend
from fileman.errors import StorageError
from fileman.models import File, FileManager, StorageDeletion

logger = logging.getLogger("fileman.deletions")
CLAIM = timedelta(minutes=10)  # keeps other workers away from claimed rows; longer than any batch takes
RETRY_AFTER = timedelta(minutes=5)  # after the first failure; doubled with each further one, up to a day
BATCH = 500  # rows claimed at once
PUBLISHED_WATCH = timedelta(days=1)  # how late a storage may still carry out a publishing request


@dataclass(frozen=True, kw_only=True)
class Worked:
    """Counts of one run over the queue."""

    deleted: int = 0
    failed: int = 0

    def __add__(self, other: "Worked") -> "Worked":
        return Worked(deleted=self.deleted + other.deleted, failed=self.failed + other.failed)


def enqueue(file: File, *, published: Iterable[str] = (), now: datetime) -> None:
    """Queue the object that signed requests wrote, and objects that this server has published or may have."""
    backend = get_backend(file.file_manager)
    lapse = timedelta(seconds=backend.settings.upload_expires_in + backend.capabilities.late_write_seconds)
    watched = {file.upload_path: now + lapse} | dict.fromkeys(published, now + PUBLISHED_WATCH)
    rows = [
        StorageDeletion(
            file_manager=file.file_manager, path=path, file_id=file.pk, due_at=now, watch_until=until, created=now
        )
        for path, until in watched.items()
    ]
    StorageDeletion.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["file_manager", "path"],
        update_fields=["file_id", "due_at", "watch_until", "attempts", "last_error"],
    )


def name_requester(file: File, user: Any) -> None:
    """Note who deletes the file, so that their repeated call succeeds. The file's upload path must be queued.

    One row is enough, and a statement that locks only one row is in no deadlock with a worker.
    """
    rows = StorageDeletion.objects.filter(file_manager=file.file_manager_id, path=file.upload_path)
    rows.update(requested_by=user)


def was_requested(file_id: UUID, *, by: Any) -> bool:
    """Return True if this user deleted this file, and the queue still watches what its signed requests may write."""
    return StorageDeletion.objects.filter(file_id=file_id, requested_by=by).exists()


def work_now(file: File, *, now: datetime) -> None:
    """Delete this upload's queued objects; cleanup retries failures."""
    rows = StorageDeletion.objects.due(now).filter(file_id=file.pk)
    _work_batch(_claim(list(rows.values_list("pk", flat=True)), now=now), now=now)


def work(*, now: datetime, on_batch: Callable[[Worked], None] = lambda _: None) -> Worked:
    """Delete all due objects, in batches; safe to run on many hosts at once. A later run retries failures."""
    total = Worked()
    while rows := _claim(None, now=now):
        done = _work_batch(rows, now=now)
        total += done
        on_batch(done)
    return total


def _claim(keys: Sequence[int] | None, *, now: datetime) -> list[StorageDeletion]:
    """Take due rows by moving their due time ahead, so that no lock is held while the storage works."""
    with transaction.atomic():
        due = StorageDeletion.objects.due(now).select_for_update(skip_locked=True).order_by("due_at", "id")
        due = due if keys is None else due.filter(pk__in=keys)
        taken = list(due.values_list("pk", flat=True)[:BATCH])
        StorageDeletion.objects.filter(pk__in=taken).update(due_at=now + CLAIM)
    rows = StorageDeletion.objects.filter(pk__in=taken).select_related("file_manager")
    return list(rows.order_by("file_manager", "id"))


def _work_batch(rows: Sequence[StorageDeletion], *, now: datetime) -> Worked:
    total = Worked()
    for _, group in groupby(rows, key=lambda row: row.file_manager_id):
        of_manager = list(group)
        failures = _delete(of_manager[0].file_manager, [row.path for row in of_manager])
        _settle(of_manager, failures, now=now)
        total += Worked(deleted=len(of_manager) - len(failures), failed=len(failures))
    return total


def _delete(manager: FileManager, paths: Sequence[str]) -> dict[str, str]:
    """Return path -> reason for the objects not deleted. A broken file manager fails its own paths only."""
    try:
        return {failure.path: failure.reason for failure in get_backend(manager).delete(paths)}
    except (StorageError, ImproperlyConfigured) as error:
        return dict.fromkeys(paths, str(error))


def _settle(rows: Sequence[StorageDeletion], failures: dict[str, str], *, now: datetime) -> None:
    gone = [row for row in rows if row.path not in failures]
    finished = [row.pk for row in gone if row.watch_until <= now]
    StorageDeletion.objects.filter(pk__in=finished).delete()
    again = [row for row in gone if row.watch_until > now]
    for row in again:
        row.due_at, row.attempts, row.last_error = row.watch_until, 0, ""
    failed = [row for row in rows if row.path in failures]
    for row in failed:
        row.attempts += 1
        row.last_error = failures[row.path][:500]
        row.due_at = now + min(RETRY_AFTER * 2 ** min(row.attempts - 1, 9), timedelta(days=1))
        logger.warning("deletion %s: attempt %s failed: %s", row.pk, row.attempts, row.last_error)
    StorageDeletion.objects.bulk_update([*again, *failed], ["due_at", "attempts", "last_error"])
