"""The states of a file and the only statements that change them.

    pending -> verifying (a lease and an attempt id) -> completed | failed | pending (a temporary error)
    verifying, lease over -> verifying (the next attempt) | aborted | expired
    pending -> aborted | expired

Every step is one conditional UPDATE. It took place if the row count is 1, and only one caller sees that. A worker that
lost its lease finds its attempt id replaced, so its late commit changes nothing.

Each claim takes the number of a try, so each publishing request has a path of its own and the row knows all of them:
1 to `File.tries`. A number whose request was not sent is given back. The commit names the path that won; the others are
queued for deletion when the upload ends, whatever a storage does late.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, Q, QuerySet

from fileman import conf, deletion_queue
from fileman.backends.values import Strategy
from fileman.checksums import Checksum
from fileman.errors import FilemanError, UploadAborted, UploadExpired, UploadFailed, UploadInProgress
from fileman.models import File, StorageUsage
from fileman.models.file import unheld
from fileman.uploads.state import UploadState
from fileman.uploads.verification import Verified

logger = logging.getLogger("fileman.lifecycle")
_NO_LEASE: dict[str, Any] = {"attempt_id": None, "lease_until": None}
_ENDED: dict[str, Any] = {**_NO_LEASE, "look_at": None}  # which is for the cleanup from now on


@dataclass(frozen=True, kw_only=True)
class Facts(Verified):
    """What finalize commits about the published object."""

    metadata: dict[str, Any] | None
    """None: unchanged, because updateFile may have changed it meanwhile."""
    awaits_claims: bool = False
    """`UploadState.awaits_claims`."""


def state_error(file: File, *, now: datetime) -> FilemanError | None:
    """Return why nothing more can be done with this upload; None if it is pending or its lease is over."""
    failed = UploadFailed(f"This upload has failed: {file.failure_reason}")
    ended: dict[str, FilemanError] = {File.FAILED: failed, File.ABORTED: UploadAborted(), File.EXPIRED: UploadExpired()}
    if file.upload_status in ended:
        return ended[file.upload_status]
    if file.upload_status == File.VERIFYING and file.lease_until is not None and file.lease_until > now:
        return UploadInProgress()
    if file.expires_at + conf.settings().FINALIZE_GRACE <= now and file.upload_status != File.COMPLETED:
        return UploadExpired()
    return None


def claim(file: File, *, now: datetime) -> UUID | None:
    """Take the upload and the number of a try for one attempt, LEASE long.

    Return None if another attempt holds it or its time is over. The file in hand gets its number, and the progress of
    the attempts before, in the same transaction: after it the row may be another attempt's already.
    """
    attempt_id, settings = uuid4(), conf.settings()
    with transaction.atomic(durable=True):
        rows = File.objects.filter(unheld(now), pk=file.pk, expires_at__gt=now - settings.FINALIZE_GRACE)
        lease = {"attempt_id": attempt_id, "lease_until": now + settings.LEASE}
        taken = rows.update(upload_status=File.VERIFYING, tries=F("tries") + 1, modified=now, **lease)
        if taken:
            file.refresh_from_db(fields=["upload_state", "tries"])
    return attempt_id if taken else None


def release(
    file: File, attempt_id: UUID, *, has_tried: bool, now: datetime, progress: Mapping[str, Any] | None = None
) -> bool:
    """Make the upload pending again, with the progress from which the next attempt resumes; None: unchanged."""
    changes: dict[str, Any] = {**_NO_LEASE, "tries": _count(has_tried=has_tried)}
    if progress is not None:
        changes |= replace(UploadState.from_file(file), progress=progress).update_for(file)
    return _step(_held(file, attempt_id), upload_status=File.PENDING, modified=now, **changes)


def complete(file: File, attempt_id: UUID, facts: Facts, *, has_tried: bool, now: datetime) -> bool:
    """Commit the published object, and queue the upload path and the other tries for deletion."""
    stored = facts.stored
    changes: dict[str, Any] = {} if facts.metadata is None else {"metadata": facts.metadata}
    if facts.awaits_claims:
        changes |= replace(UploadState.from_file(file), awaits_claims=True).update_for(file)
    changes |= {"file_path": stored.path, "file_size": stored.size, "etag": stored.etag, "version": stored.version}
    changes |= {"content_type": facts.content_type, "detected_content_type": facts.detected_content_type}
    changes |= {"checksum": str(facts.checksum or ""), "checksum_verified": facts.checksum is not None}
    changes |= {**_NO_LEASE, "tries": _count(has_tried=has_tried), "completed_at": now, "modified": now}
    with transaction.atomic():
        done = _step(_held(file, attempt_id), upload_status=File.COMPLETED, **changes)
        if done:
            losers = [path for path in get_tried_paths(file, has_tried=has_tried) if path != stored.path]
            losers += [file.folder] if losers else []  # what they left that is no object
            deletion_queue.enqueue({file: losers}, now=now)
    if done:
        log_step(file, File.COMPLETED)
    return done


def accept_claims(file: File, *, checksum: Checksum | None, metadata: Mapping[str, Any] | None, now: datetime) -> None:
    """Record what the client of a swept upload has stated after its completion, once."""
    changes: dict[str, Any] = {} if metadata is None else {"metadata": metadata}
    if checksum is not None:
        changes |= {"checksum": str(checksum), "checksum_verified": True}
    changes |= replace(UploadState.from_file(file), awaits_claims=False).update_for(file)
    _step(Q(pk=file.pk, upload_status=File.COMPLETED), modified=now, **changes)


def fail(file: File, attempt_id: UUID, *, reason: str, has_tried: bool, now: datetime) -> bool:
    """End the upload for good, and queue everything it stored for deletion."""
    return _end(file, _held(file, attempt_id), File.FAILED, has_tried=has_tried, now=now, failure_reason=reason[:500])


def get_tried_paths(file: File, *, has_tried: bool = True) -> list[str]:
    """Return every path at which this upload may have an object, now or late. `has_tried`: the last try was sent."""
    is_in_place = UploadState.from_file(file).plan.strategy is Strategy.PARTS or file.file_path is not None
    return [file.get_try_path(number) for number in range(0 if is_in_place else 1, file.tries + has_tried)]


def abort(file: File, *, now: datetime) -> bool:
    """End an upload that no attempt holds, at its user's request."""
    return _end(file, _unheld(file, now), File.ABORTED, now=now)


def expire(file: File, *, now: datetime) -> bool:
    """End an upload that no attempt holds."""
    return _end(file, _unheld(file, now), File.EXPIRED, now=now)


def expire_batch(rows: QuerySet[File], *, now: datetime, size: int) -> list[File]:
    """End up to `size` of these uploads in one transaction, and return them as they were. No attempt may hold them.

    Rows that another host has locked are left to it.
    """
    with transaction.atomic():
        # In the order of the index that forgets expired rows: another would pass over those of all batches before.
        files = list(rows.select_for_update(skip_locked=True).order_by("expires_at")[:size])
        expired = File.objects.filter(pk__in=[file.pk for file in files])
        expired.update(upload_status=File.EXPIRED, modified=now, **_ENDED)
        deletion_queue.enqueue({file: get_tried_paths(file) for file in files}, now=now)
        StorageUsage.objects.release_all(files)  # last, because other hosts wait for these locks
    for file in files:
        log_step(file, File.EXPIRED)
    return files


def give_up(file: File, *, now: datetime) -> bool:
    """Expire an upload that the storage did not begin, and free its idempotency key for another call."""
    File.objects.filter(pk=file.pk).update(idempotency_digest="", idempotency_fingerprint="")
    return expire(file, now=now)


def _unheld(file: File, now: datetime) -> Q:
    """Match the upload if no attempt holds it and none has sent a publishing request since the row was read."""
    return Q(unheld(now), pk=file.pk, tries=file.tries)


def _held(file: File, attempt_id: UUID) -> Q:
    """Match the upload if this attempt holds it."""
    return Q(pk=file.pk, upload_status=File.VERIFYING, attempt_id=attempt_id)


def _count(*, has_tried: bool) -> Any:
    return F("tries") if has_tried else F("tries") - 1


def _end(file: File, where: Q, status: File.Status, *, now: datetime, has_tried: bool = True, **changes: Any) -> bool:
    with transaction.atomic():
        done = _step(where, upload_status=status, tries=_count(has_tried=has_tried), modified=now, **_ENDED, **changes)
        if done:
            StorageUsage.objects.release(file.uploaded_by_id, file.file_size)
            deletion_queue.enqueue({file: get_tried_paths(file, has_tried=has_tried)}, now=now)
    if done:
        log_step(file, status)
    return done


def _step(where: Q, **changes: Any) -> bool:
    return File.objects.filter(where).update(**changes) == 1


def log_step(file: File, step: str) -> None:
    """Log a step of a file's life, with fields for structured logs."""
    facts = {"file_id": str(file.pk), "file_manager_id": str(file.file_manager_id), "bytes": file.file_size}
    logger.info("file %s: %s", file.pk, step, extra={"event": str(step), **facts})
