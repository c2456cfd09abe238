"""Cleanup: complete what closed tabs left, expire overdue uploads, work the deletion queue, remove ended ones.

    pending, all bytes arrived, client gone                -> completed (`uploads.sweep`)
    unfinished, deadline + SWEEP_GRACE + older_than passed -> expired, objects queued for deletion
    completed for a field, no row has it, UNCLAIMED_LIFETIME + older_than passed -> deleted, object queued
    deletion queue                                         -> all due objects deleted
    failed, aborted, expired for older_than                -> parts and sessions aborted, then the row is removed

Other completed files are never touched. Safe to run on many hosts at once: a batch takes rows that no other has locked.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, get_args
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from fileman import attachments, conf, deletion_queue, uploads
from fileman.backends import get_backend
from fileman.backends.side_by_side import Task, run_side_by_side
from fileman.deletion_queue import Worked
from fileman.errors import StorageError, StorageUnavailable
from fileman.models import File, FileManager, StorageDeletion
from fileman.models.file import UNCLAIMED
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

    completed: int = 0
    """Uploads that were completed although their client is gone."""
    expired: int = 0
    removed: int = 0
    """Rows of ended uploads and of unclaimed files that were removed."""
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
    return run(Request(), now=now) if conf.settings().CLEANUP_EXPIRED_UPLOADS else None


def run(request: Request, *, now: datetime | None = None) -> Report:
    """Clean up once. `now`: None reads the clock for each batch.

    A file manager that fails is skipped for the rest of the run, and does not stop the others or hold them up.
    """
    cleanup = _Cleanup(request=request, fixed_now=now)
    if conf.settings().SWEEP_UPLOADS and not request.dry_run:
        cleanup.report.completed = uploads.sweep(now=now)
    cleanup.expire()
    if request.statuses == CLEANABLE:
        cleanup.delete_unclaimed()
    cleanup.work_queue()
    cleanup.remove()
    report = cleanup.report
    logger.info("cleanup: %s expired, %s removed, %s deleted", report.expired, report.removed, report.deleted)
    return report


@dataclass(kw_only=True)
class _Cleanup:
    """One run."""

    request: Request
    fixed_now: datetime | None
    report: Report = field(default_factory=Report)
    failing: set[UUID] = field(default_factory=set)
    """File managers to skip."""

    @property
    def now(self) -> datetime:
        return self.fixed_now or timezone.now()

    def expire(self) -> None:
        """Expire overdue uploads: whole batches, in the database alone."""
        before = self.now - self.request.older_than - conf.settings().SWEEP_GRACE
        overdue = File.objects.overdue(before, now=self.now).filter(upload_status__in=self.request.statuses)
        for manager in self._get_working_managers(overdue):
            rows = manager.files.all() & overdue  # each file has the manager at hand
            if self.request.dry_run:
                for batch in get_batches(rows):
                    self.report.deleted += sum(1 + len(transitions.get_tried_paths(file)) for file in batch)
                    self._count_expired(batch)
            else:
                while batch := transitions.expire_batch(rows, now=self.now, size=BATCH):
                    self._count_expired(batch)

    def _count_expired(self, files: Sequence[File]) -> None:
        self.report.expired += len(files)
        self._report_files(files, "expire")

    def delete_unclaimed(self) -> None:
        """Delete the files that were uploaded for a field of the host project and that no row has claimed in time."""
        if not self.request.dry_run:
            for one in attachments.get_fields():
                one.attach_unnoticed()
        before = self.now - self.request.older_than - conf.settings().UNCLAIMED_LIFETIME
        unclaimed = File.objects.filter(UNCLAIMED, modified__lt=before)
        for manager in self._get_working_managers(unclaimed):
            for batch in get_batches(manager.files.all() & unclaimed):
                self._remove_rows(batch, disposal.UNATTACHED)

    def work_queue(self) -> None:
        if self.request.dry_run:
            self.report.deleted += StorageDeletion.objects.filter(due_at__lte=self.now).count()
            return
        deletion_queue.work(
            now=self.fixed_now, on_batch=self._count_deleted, on_failing_manager=lambda one: self.failing.add(one.pk)
        )

    def _count_deleted(self, done: Worked) -> None:
        self.report.deleted += done.deleted
        self.report.failed += done.failed
        self.request.on_batch(self.report)

    def remove(self) -> None:
        """Remove the rows of ended uploads, after aborting their parts and sessions on the storage."""
        ended = File.objects.filter(disposal.ENDED, modified__lt=self.now - self.request.older_than)
        ended = ended.filter(upload_status__in=self.request.statuses)
        ended = ended.exclude(file_manager__in=self.failing).exclude(look_at__gt=self.now)
        failing = StorageDeletion.objects.filter(attempts__gt=0, file_id=OuterRef("pk"))
        ended = ended.exclude(Exists(failing))  # they wait as long as their objects do
        run_side_by_side(self._remove_ended(one.files.all() & ended) for one in self._get_working_managers(ended))

    def _remove_ended(self, rows: QuerySet[File]) -> Task:
        """Remove rows of one file manager."""
        take = list if self.request.dry_run else lambda page: disposal.claim_ended(page, now=self.now)
        for batch in get_batches(rows, take):
            done: list[File] = []
            for file in batch:
                if disposal.must_be_stopped(file) and not self.request.dry_run:
                    try:
                        yield partial(disposal.stop, file, now=self.now)
                    except Exception as error:  # noqa: BLE001 - whatever a backend raises
                        self.report.failed += 1
                        deletion_queue.postpone(file, str(error), now=self.now)
                        if isinstance(error, StorageUnavailable):
                            self._remove_rows(done)
                            return
                        continue
                done.append(file)
            self._remove_rows(done)

    def _remove_rows(self, files: Sequence[File], where: Q = disposal.ENDED) -> None:
        removed, in_use = (files, 0) if self.request.dry_run else disposal.remove_rows(files, where, now=self.now)
        self.report.removed += len(removed)
        self.report.in_use += in_use
        self._report_files(removed, "remove")

    def _get_working_managers(self, rows: QuerySet[File]) -> list[FileManager]:
        """Return the file managers of these rows whose backend can be made. The rows of the others are failures."""
        working = []
        for manager in FileManager.objects.filter(pk__in=rows.values("file_manager")).order_by("name", "pk"):
            try:
                get_backend(manager)
            except (StorageError, ImproperlyConfigured) as error:
                self.failing.add(manager.pk)
                self.report.failed += rows.filter(file_manager=manager).count()
                deletion_queue.log_once(manager.pk, "cleanup failed", str(error))
            else:
                working.append(manager)
        return working

    def _report_files(self, files: Sequence[File], verb: str) -> None:
        for file in files:
            self.report.by_status[file.upload_status] = self.report.by_status.get(file.upload_status, 0) + 1
            self.request.on_file(file, verb)
        self.request.on_batch(self.report)


def get_batches(rows: QuerySet[File], take: Callable[[QuerySet[File]], list[File]] = list) -> Iterator[list[File]]:
    """Yield batches by primary key, so that rows which could not be changed are not read again."""
    last = UUID(int=0)
    while batch := take(rows.filter(pk__gt=last).order_by("pk")[:BATCH]):
        last = batch[-1].pk
        yield batch
