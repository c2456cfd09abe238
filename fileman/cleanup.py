"""Cleanup: expire overdue uploads, remove ended ones, work the deletion queue. Safe to run on many hosts at once.

    unfinished, deadline + SWEEP_GRACE + older_than passed -> expired, objects queued for deletion
    failed, aborted, expired for older_than                -> parts and sessions aborted, then the row is removed
    deletion queue                                         -> all due objects deleted

Completed files are never touched.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from fileman import conf, deletion_queue
from fileman.deletion_queue import Worked
from fileman.errors import FileInUse, StorageError
from fileman.models import File, StorageDeletion, StorageUsage
from fileman.uploads import disposal, transitions

logger = logging.getLogger("fileman.cleanup")
BATCH = 500  # rows read by one statement
CleanableStatus = Literal["pending", "verifying", "failed", "expired", "aborted"]
CLEANABLE: tuple[CleanableStatus, ...] = get_args(CleanableStatus)


@dataclass(frozen=True, kw_only=True)
class Request:
    """Options of one run."""

    older_than: timedelta = timedelta(hours=24)
    """Added to the time after which rows are due."""
    statuses: Sequence[CleanableStatus] = CLEANABLE
    dry_run: bool = False
    """Change neither database nor storage."""
    on_file: Callable[[File, str], None] = lambda *_: None
    """Called for each file with the step taken: "expire" or "remove"."""
    on_batch: Callable[["Report"], None] = lambda _: None
    """Called after each batch, for progress."""


@dataclass(kw_only=True)
class Report:
    """Counts of a run, or of what a dry run would do."""

    expired: int = 0
    """Uploads that were expired."""
    removed: int = 0
    """Rows of ended uploads that were removed."""
    deleted: int = 0
    """Stored objects that were deleted."""
    failed: int = 0
    """Objects and uploads that the storage could not delete; a later run retries them."""
    in_use: int = 0
    """Ended uploads whose row a row of the host project protects; they stay."""
    by_status: dict[str, int] = field(default_factory=dict)
    """Files by the status they had."""


def run_scheduled(*, now: datetime | None = None) -> Report | None:
    """Run once for cron, Celery beat or a CronJob. Return None if CLEANUP_EXPIRED_UPLOADS is off."""
    if not conf.settings().CLEANUP_EXPIRED_UPLOADS:
        return None
    return run(Request(), now=now or timezone.now())


def run(request: Request, *, now: datetime) -> Report:
    """Clean up once. Files whose storage fails are counted as failed and do not stop the rest."""
    report = Report()
    _expire(request, report, now=now)
    _remove(request, report, now=now)
    if request.dry_run:
        report.deleted += StorageDeletion.objects.due(now).count()
    else:
        worked = deletion_queue.work(now=now, on_batch=lambda done: _count(request, report, done))
        logger.info("cleanup: %s expired, %s removed, %s", report.expired, report.removed, worked)
    return report


def _count(request: Request, report: Report, done: Worked) -> None:
    report.deleted += done.deleted
    report.failed += done.failed
    request.on_batch(report)


def _expire(request: Request, report: Report, *, now: datetime) -> None:
    wanted = [status for status in request.statuses if status in File.UNFINISHED]
    before = now - request.older_than - conf.settings().SWEEP_GRACE
    overdue = File.objects.overdue(before, now=now).filter(upload_status__in=wanted)
    for batch in _batches(overdue):
        for file in batch:
            if request.dry_run or _guarded(report, file, _expire_one, now, before):
                report.expired += 1
                if request.dry_run:
                    report.deleted += 1 + len(transitions.get_tried_paths(file))  # which expiry would queue
                _report_file(request, report, file, "expire")
        request.on_batch(report)


def _expire_one(file: File, now: datetime, before: datetime) -> bool:
    return transitions.expire(file, now=now, deadline_before=before)


def _remove(request: Request, report: Report, *, now: datetime) -> None:
    wanted = [status for status in request.statuses if status in File.ENDED]
    ended = File.objects.ended(now - request.older_than).filter(upload_status__in=wanted)
    for batch in _batches(ended):
        for file in batch:
            if request.dry_run or _guarded(report, file, disposal.remove_ended, now):
                report.removed += 1
                _report_file(request, report, file, "remove")
        request.on_batch(report)


def _guarded(report: Report, file: File, step: Callable[..., bool], *arguments: datetime) -> bool:
    """Return True if the step was done. A broken file manager must not stop the rest."""
    try:
        return step(file, *arguments)
    except FileInUse:
        report.in_use += 1
        return False
    except (StorageError, ImproperlyConfigured) as error:
        report.failed += 1
        logger.warning("file %s: cleanup failed: %s", file.pk, error)
        return False


def _report_file(request: Request, report: Report, file: File, verb: str) -> None:
    report.by_status[file.upload_status] = report.by_status.get(file.upload_status, 0) + 1
    request.on_file(file, verb)


def _batches(rows: QuerySet[File]) -> Iterator[list[File]]:
    """Yield batches by primary key, so that rows which could not be changed are not read again."""
    last = None
    while True:
        page = rows.order_by("pk").select_related("file_manager")
        batch = list((page if last is None else page.filter(pk__gt=last))[:BATCH])
        if not batch:
            return
        last = batch[-1].pk
        yield batch


def assign_ownerless(user: Any, *, now: datetime) -> int:
    """Make a user the uploader of all files whose uploader was deleted. Return the number of files.

    Their bytes count against the user's quota, which they may exceed.
    """
    assigned = 0
    while batch := dict(File.objects.filter(uploaded_by=None).values_list("pk", "file_size")[:BATCH]):
        with transaction.atomic():
            rows = File.objects.select_for_update().filter(pk__in=batch, uploaded_by=None)
            sizes = {file.pk: file.file_size for file in rows if file.upload_status not in File.ENDED}
            StorageUsage.objects.reserve(user, sum(sizes.values()), limit=None)
            # Idempotency keys are the uploader's: those of the deleted user must not meet the new one's.
            assigned += rows.update(uploaded_by=user, idempotency_digest="", modified=now)
    return assigned
