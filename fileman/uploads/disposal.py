"""Dispose of an upload that has ended: stop what was begun on the storage, delete what was stored, remove the row."""

import logging
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from fileman import conf, deletion_queue
from fileman.backends import get_backend
from fileman.backends.time_limit import time_limit
from fileman.backends.values import Strategy
from fileman.errors import StorageError
from fileman.models import File, StorageUsage
from fileman.uploads import transitions
from fileman.uploads.instructions import build_upload

logger = logging.getLogger("fileman.lifecycle")


def drop_soon(file: File, *, now: datetime) -> None:
    """Stop the upload on the storage and delete its objects once the transaction commits; cleanup retries failures."""
    transaction.on_commit(lambda: _drop(file, now), robust=True)


def _drop(file: File, now: datetime) -> None:
    with time_limit(conf.settings().FINALIZE_BUDGET_SECONDS):
        if file.upload_status != File.COMPLETED:
            _stop_quietly(file, now)
        deletion_queue.work_now(file, now=now)


def _stop_quietly(file: File, now: datetime) -> None:
    try:
        get_backend(file.file_manager).abort(build_upload(file, now=now))
    except StorageError as error:
        logger.warning("file %s: aborting it on the storage failed, cleanup will retry: %s", file.pk, error)


def remove_ended(file: File, now: datetime) -> bool:
    """Delete the row of a failed, aborted or expired upload after aborting it on the storage.

    Its objects have been in the deletion queue since it ended. Raises StorageError and FileInUse.
    """
    upload = build_upload(file, now=now)
    if upload.plan.strategy is not Strategy.SINGLE or file.tries:  # a publishing request may have begun something too
        get_backend(file.file_manager).abort(upload)
    return File.objects.filter(pk=file.pk, upload_status__in=File.ENDED).delete_settled()


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
        paths = [instance.stored_path] if is_completed else transitions.get_tried_paths(instance)
        deletion_queue.enqueue(instance, published=paths, now=now)
        drop_soon(instance, now=now)
