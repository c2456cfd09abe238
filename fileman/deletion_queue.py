"""The deletion queue: stored objects to delete, remembered until they are gone.

A row is written in the transaction that gives up its object, so a crash loses nothing. It stays until a deletion has
succeeded after the last signed request for its path expired, because a late client can create the object again.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from fileman.backends import get_backend
from fileman.backends.side_by_side import Task, run_side_by_side
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


OnBatch = Callable[[Worked], None]
OnFailure = Callable[[FileManager], None]


def enqueue(published: Mapping[File, Iterable[str]], *, now: datetime) -> None:
    """Queue, in one statement, what signed requests wrote and the paths that this server has or may have published."""
    rows = [row for file, paths in published.items() for row in _build_rows(file, paths, now)]
    _save(rows, "file_id", "due_at", "watch_until", "attempts", "last_error")


def _save(rows: Sequence[StorageDeletion], *columns: str) -> None:
    """Insert rows, or update these columns of rows with the same path."""
    key = ["file_manager", "path"]
    StorageDeletion.objects.bulk_create(rows, update_conflicts=True, unique_fields=key, update_fields=columns)


def _build_rows(file: File, published: Iterable[str], now: datetime) -> list[StorageDeletion]:
    backend = get_backend(file.file_manager)
    lapse = timedelta(seconds=backend.settings.upload_expires_in + backend.capabilities.late_write_seconds)
    watched = {file.upload_path: now + lapse} | dict.fromkeys(published, now + PUBLISHED_WATCH)
    return [build_row(file.file_manager, path, file.pk, now=now, until=until) for path, until in watched.items()]


def build_row(
    manager: FileManager, path: str, file_id: UUID | None, *, now: datetime, until: datetime
) -> StorageDeletion:
    """Return a row that is due now, unsaved. `until`: when the last request that may write the path has expired."""
    times = {"due_at": now, "watch_until": until, "created": now}
    return StorageDeletion(file_manager=manager, path=path, file_id=file_id, **times)


def name_requester(file: File, user: Any) -> None:
    """Note who deletes the file, so that their repeated call succeeds. The file's upload path must be queued.

    One row is enough, and a statement that locks only one row is in no deadlock with a worker.
    """
    StorageDeletion.objects.filter(file_manager=file.file_manager_id, path=file.upload_path).update(requested_by=user)


def was_requested(file_id: UUID, *, by: Any) -> bool:
    """Return True if this user deleted this file, and the queue still watches what its signed requests may write."""
    return StorageDeletion.objects.filter(file_id=file_id, requested_by=by).exists()


def work(
    *, now: datetime | None = None, on_batch: OnBatch = lambda _: None, on_failing_manager: OnFailure = lambda _: None
) -> Worked:
    """Delete all due objects, the file managers side by side; safe to run on many hosts at once.

    A manager whose storage fails as a whole costs one call, and its other rows wait for the next run. `now`: None
    reads the clock for each batch.
    """
    batches: list[Worked] = []

    def count(done: Worked) -> None:
        batches.append(done)
        on_batch(done)

    due = StorageDeletion.objects.filter(due_at__lte=now or timezone.now()).values("file_manager")
    managers = FileManager.objects.filter(pk__in=due).order_by("name", "pk")
    run_side_by_side(_work_manager(manager, now, count, on_failing_manager) for manager in managers)
    return Worked(deleted=sum(done.deleted for done in batches), failed=sum(done.failed for done in batches))


def _work_manager(manager: FileManager, now: datetime | None, on_batch: OnBatch, on_failure: OnFailure) -> Task:
    mine = StorageDeletion.objects.filter(file_manager=manager)
    while rows := _claim(mine, now=now or timezone.now()):
        failures, is_of_manager = yield partial(_delete, manager, [row.path for row in rows])
        on_batch(_settle(rows, failures, now=now or timezone.now()))
        if is_of_manager:
            on_failure(manager)
            return


def work_now(file: File, *, now: datetime) -> None:
    """Delete this upload's queued objects; cleanup retries failures."""
    rows = _claim(StorageDeletion.objects.filter(file_id=file.pk), now=now)
    if rows:
        failures, _ = _delete(file.file_manager, [row.path for row in rows])
        _settle(rows, failures, now=now)


def _claim(rows: QuerySet[StorageDeletion], *, now: datetime) -> list[StorageDeletion]:
    """Take due rows by moving their due time ahead, so that no lock is held while the storage works."""
    with transaction.atomic():
        due = rows.filter(due_at__lte=now).select_for_update(skip_locked=True).only("path", "attempts")
        taken = list(due.order_by("due_at", "id")[:BATCH])
        StorageDeletion.objects.filter(pk__in=[row.pk for row in taken]).update(due_at=now + CLAIM)
    return taken


def _delete(manager: FileManager, paths: Sequence[str]) -> tuple[dict[str, str], bool]:
    """Delete objects. Whatever goes wrong is a failure of this file manager alone.

    Return path -> reason for the objects not deleted, and True if the storage or its file manager fails as a whole.
    """
    try:
        failures = get_backend(manager).delete(paths)
    except Exception as error:  # noqa: BLE001 - a backend of the host project may raise anything
        return dict.fromkeys(paths, str(error)), True
    return {failure.path: failure.reason for failure in failures}, False


def _settle(rows: Sequence[StorageDeletion], failures: Mapping[str, str], *, now: datetime) -> Worked:
    gone = StorageDeletion.objects.filter(pk__in=[row.pk for row in rows if row.path not in failures])
    gone.filter(watch_until__lte=now).delete()  # by the row as it is now: it may have been queued again meanwhile
    gone.update(due_at=F("watch_until"), attempts=0, last_error="")
    failing = [row for row in rows if row.path in failures]
    failed: dict[tuple[int, str], list[StorageDeletion]] = {}
    for row in failing:
        failed.setdefault((row.attempts + 1, failures[row.path][:500]), []).append(row)
    for (attempts, reason), alike in failed.items():  # mostly one statement for a whole batch
        log_once(alike[0].file_manager_id, f"deletion of {len(alike)} objects failed", reason)
        due_at = now + min(RETRY_AFTER * 2 ** min(attempts - 1, 9), timedelta(days=1))
        keys = [row.pk for row in alike]
        StorageDeletion.objects.filter(pk__in=keys).update(due_at=due_at, attempts=attempts, last_error=reason)
    return Worked(deleted=len(rows) - len(failing), failed=len(failing))


def log_once(manager_id: UUID, what: str, reason: str) -> None:
    """Log a failure as a warning, or as info while a queued object of the file manager has failed for this reason."""
    is_known = StorageDeletion.objects.filter(file_manager=manager_id, last_error=reason[:500]).exists()
    logger.log(logging.INFO if is_known else logging.WARNING, "file manager %s: %s: %s", manager_id, what, reason)


def postpone(file: File, reason: str, *, now: datetime) -> None:
    """Queue an ended upload that could not be stopped on its storage as an object that could not be deleted."""
    log_once(file.file_manager_id, f"file {file.pk} could not be stopped", reason)
    row = build_row(file.file_manager, file.upload_path, file.pk, now=now, until=now)
    row.due_at, row.attempts, row.last_error = now + timedelta(days=1), 1, reason[:500]
    _save([row], "due_at", "attempts", "last_error")
