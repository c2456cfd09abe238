"""Dispose of an upload that has ended: stop what was begun on the storage, delete what was stored, remove the row."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, Q, QuerySet, RestrictedError
from django.utils import timezone

from fileman import conf, deletion_queue
from fileman.backends import get_backend
from fileman.backends.time_limit import time_limit
from fileman.backends.values import Strategy
from fileman.errors import StorageError
from fileman.models import File, StorageUsage
from fileman.uploads import transitions
from fileman.uploads.instructions import build_upload
from fileman.uploads.state import UploadState

logger = logging.getLogger("fileman.lifecycle")
ENDED, UNATTACHED = Q(upload_status__in=File.ENDED), Q(upload_status=File.COMPLETED, attached_to="")
CLAIM = timedelta(minutes=10)  # keeps other hosts away from claimed uploads; longer than a batch takes


def drop_soon(file: File, *, now: datetime) -> None:
    """Stop the upload on the storage and delete its objects once the transaction commits; cleanup retries failures."""
    transaction.on_commit(lambda: _drop(file, now), robust=True)


def _drop(file: File, now: datetime) -> None:
    with time_limit(conf.settings().FINALIZE_BUDGET_SECONDS):
        try:
            if file.upload_status != File.COMPLETED:
                stop(file, now=now)
        except StorageError as error:
            logger.warning("file %s: aborting it on the storage failed, cleanup will retry: %s", file.pk, error)
        deletion_queue.work_now(file, now=now)


def must_be_stopped(file: File) -> bool:
    """Return True if an ended upload may have more on the storage than objects: parts, a session, half a copy."""
    return UploadState.from_file(file).plan.strategy is not Strategy.SINGLE or file.tries > 0


def stop(file: File, *, now: datetime) -> None:
    """Abort an ended upload on its storage. Raises StorageError."""
    get_backend(file.file_manager).abort(build_upload(file, now=now))


def claim_ended(rows: QuerySet[File], *, now: datetime) -> list[File]:
    """Take ended uploads, so that no lock is held while the storage works. Those of other hosts are left to them."""
    with transaction.atomic():
        files = list(rows.select_for_update(skip_locked=True))
        File.objects.filter(pk__in=[file.pk for file in files]).update(look_at=now + CLAIM)
    return files


def remove_rows(files: Sequence[File], where: Q, *, now: datetime | None) -> tuple[Sequence[File], int]:
    """Delete the rows that match `where` together, and free the quota of files that have not ended before.

    Return those deleted, and the number that the host project protects. `now`: queue objects of completed files too.
    """
    try:
        with transaction.atomic():
            rows = File.objects.filter(where, pk__in=[file.pk for file in files])
            matching = set(rows.select_for_update().values_list("pk", flat=True))
            removed = [file for file in files if file.pk in matching]
            rows.is_settled = True
            rows.delete()
            StorageUsage.objects.release_all(file for file in removed if file.upload_status not in File.ENDED)
            stored = [file for file in removed if now and file.upload_status == File.COMPLETED]
            deletion_queue.enqueue({file: [file.stored_path] for file in stored}, now=now or timezone.now())
    except (ProtectedError, RestrictedError, IntegrityError):
        if len(files) == 1:
            return [], 1
        each = [remove_rows([file], where, now=now) for file in files]
        return [file for done, _ in each for file in done], sum(in_use for _, in_use in each)
    for file in stored:
        transitions.log_step(file, "deleted")
    return removed, 0


def lock_deleted_row(instance: File, origin: object, **_: Any) -> None:
    """Reread a row before Django deletes it, and keep attempts away from it: Django may have read it long before.

    A receiver of `pre_delete`, inside the transaction of the deletion.
    """
    if getattr(origin, "is_settled", False):
        return
    columns = ("upload_status", "tries", "file_path")
    row = File.objects.select_for_update().filter(pk=instance.pk).values(*columns).first()
    for column, value in (row or {"upload_status": File.EXPIRED}).items():  # else another deletion has settled it
        setattr(instance, column, value)


def settle_deleted_row(instance: File, origin: object, **_: Any) -> None:
    """Queue the objects and free the quota of a row that Django deletes: by a queryset, an instance or a cascade.

    A receiver of `post_delete`. The use cases settle their own deletions in the statement that proves them theirs.
    """
    if getattr(origin, "is_settled", False) or instance.upload_status in File.ENDED:
        return
    now = timezone.now()
    with transaction.atomic():
        StorageUsage.objects.release(instance.uploaded_by_id, instance.file_size)
        is_completed = instance.upload_status == File.COMPLETED
        paths = [instance.stored_path] if is_completed else [*transitions.get_tried_paths(instance), instance.folder]
        deletion_queue.enqueue({instance: paths}, now=now)
        drop_soon(instance, now=now)
