"""Finalize: verify what the storage holds and publish it.

    claim -> find the object -> size, form, checksum, content, validators -> publish -> compare -> commit

No transaction is open between claim and commit. An attempt that breaks off leaves the upload pending or, once its lease
is over, free for the next attempt, which first looks for an object that an earlier attempt has published.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from fileman import access, conf
from fileman.backends import Backend, get_backend
from fileman.backends.values import Budget, StoredObject, Upload
from fileman.caller import Caller
from fileman.checksums import Checksum
from fileman.errors import (
    FilemanError,
    FileMissing,
    InvalidInput,
    MismatchError,
    NotUploaded,
    PartsMissing,
    StorageError,
    UploadAborted,
    UploadExpired,
    UploadInProgress,
    UploadLost,
)
from fileman.models import File
from fileman.signals import file_completed
from fileman.uploads import disposal, transitions, verification
from fileman.uploads.instructions import build_upload, find_missing, instruct
from fileman.uploads.lookup import get_own_upload
from fileman.uploads.state import UploadState
from fileman.uploads.transitions import Facts
from fileman.uploads.values import Outcome
from fileman.uploads.verification import Claims
from fileman.validation import acceptance, json_metadata

logger = logging.getLogger("fileman.lifecycle")


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    """One finalize call that holds the lease."""

    file: File
    state: UploadState
    upload: Upload
    backend: Backend
    attempt_id: UUID
    claims: Claims
    metadata: dict[str, Any] | None
    """None: unchanged."""
    budget: Budget


def finalize(
    *,
    caller: Caller,
    upload_token: str,
    file_size: int | None = None,
    checksum: str | None = None,
    metadata: object = None,
    now: datetime,
) -> Outcome:
    """Verify and publish one upload. Safe to repeat: after completion it returns the same file and writes nothing.

    `file_size` (bytes) and `checksum` are what the client believes it sent; the upload fails if the storage disagrees.
    `metadata` is merged over the metadata of initiate. The outcome has the error of the upload's state, and
    instructions if slices are missing. Raises Unauthenticated, NotFound, InvalidChecksum, InvalidInput and
    InvalidMetadata; these change nothing.
    """
    access.require_signed_in(caller)
    file = get_own_upload(caller, upload_token=upload_token)
    claims = _parse_claims(file, file_size, checksum)
    merged = _merge_metadata(file, metadata)
    if file.upload_status == File.COMPLETED:
        return Outcome(file=file)
    error = transitions.state_error(file, now=now)
    if error is not None:
        return Outcome(file=file, error=error)
    attempt_id = transitions.claim(file, now=now)
    if attempt_id is None:
        return _current_outcome(caller, upload_token, now=now)
    state = UploadState.reload(file)  # another attempt may have made progress between our read and our claim
    attempt = _Attempt(
        file=file,
        state=state,
        upload=build_upload(file, now=now),
        backend=get_backend(file.file_manager),
        attempt_id=attempt_id,
        claims=claims,
        metadata=merged,
        budget=Budget(seconds=conf.settings().FINALIZE_BUDGET_SECONDS),
    )
    error = _run(attempt, now=now)
    outcome = _current_outcome(caller, upload_token, now=now)
    if outcome.file.upload_status == File.COMPLETED or error is None:
        return outcome
    return _outcome_with_instructions(outcome.file, error, caller=caller, now=now)


def _outcome_with_instructions(file: File, error: FilemanError, *, caller: Caller, now: datetime) -> Outcome:
    """Return the error, with requests for the missing slices if that is the reason.

    After the deadline nothing is signed any more: then missing slices are UploadExpired, as refresh says.
    """
    if not isinstance(error, NotUploaded | PartsMissing | UploadLost):
        return Outcome(file=file, error=error)
    if file.expires_at <= now:
        return Outcome(file=file, error=UploadExpired())
    try:
        missing = find_missing(file, caller, now=now)
        instructions = instruct(file, missing, caller=caller, now=now) if missing else None
    except (StorageError, UploadAborted) as problem:
        return Outcome(file=file, error=problem)
    return Outcome(
        file=file, instructions=instructions, error=NotUploaded() if isinstance(error, UploadLost) else error
    )


def _parse_claims(file: File, file_size: int | None, checksum: str | None) -> Claims:
    if file_size is not None and (isinstance(file_size, bool) or file_size < 0):
        raise InvalidInput("fileSize must be a number of bytes.", field=("fileSize",))
    if checksum is None:
        return Claims(size=file_size, checksum=None)
    allowed = acceptance.checksum_algorithms(file.file_manager, file.file_size)
    return Claims(size=file_size, checksum=Checksum.parse(checksum, allowed=allowed, field=("checksum",)))


def _merge_metadata(file: File, over: object) -> dict[str, Any] | None:
    given = json_metadata.clean(over, field=("metadata",))
    return json_metadata.merge(file.metadata, given, field=("metadata",)) if given else None


def _current_outcome(caller: Caller, upload_token: str, *, now: datetime) -> Outcome:
    """Return the row as it is now. If it is pending again, another attempt has just released it."""
    file = get_own_upload(caller, upload_token=upload_token)
    error = transitions.state_error(file, now=now)
    if error is None and file.upload_status != File.COMPLETED:
        error = UploadInProgress()
    return Outcome(file=file, error=error)


def _run(attempt: _Attempt, *, now: datetime) -> FilemanError | None:
    """Work under the lease and give it up in every case: completed, failed, or pending again."""
    file, attempt_id = attempt.file, attempt.attempt_id
    try:
        facts = _verify_and_publish(attempt)
    except UploadInProgress as error:
        transitions.release(file, attempt_id, now=now, progress=error.progress)
        return error
    except MismatchError as error:
        logger.info("file %s: %s", file.pk, error.message)
        if transitions.fail(file, attempt_id, reason=error.message, now=now):
            disposal.drop_soon(file, now=now)
        return error
    except (NotUploaded, PartsMissing) as error:
        transitions.release(file, attempt_id, now=now)
        return error
    except StorageError as error:
        logger.warning("file %s: finalize broke off: %s", file.pk, error.message)
        transitions.release(file, attempt_id, now=now)
        return NotUploaded() if isinstance(error, FileMissing) else error
    except BaseException:
        transitions.release(file, attempt_id, now=now)
        raise
    if not transitions.complete(file, attempt_id, facts, now=now):
        return UploadInProgress()
    file_completed.send_robust(sender=File, file_id=file.pk)
    return None


def _verify_and_publish(attempt: _Attempt) -> Facts:
    backend, upload, file = attempt.backend, attempt.upload, attempt.file
    stored = _add_written_checksums(_find_object(attempt), attempt.state)
    verified = verification.verify(file, upload, stored, attempt.claims, backend=backend, budget=attempt.budget)
    published = _add_written_checksums(_publish(attempt, verified.stored), attempt.state)
    verification.compare(published, verified.stored)
    return Facts(
        stored=published,
        detected_content_type=verified.detected_content_type,
        checksum=str(verified.checksum or ""),
        checksum_verified=verified.checksum is not None,
        metadata=attempt.metadata,
    )


def _find_object(attempt: _Attempt) -> StoredObject:
    """Return the object to verify: published by an earlier attempt, or assembled earlier, or assembled now.

    Raises NotUploaded or PartsMissing if slices are missing.
    """
    upload, backend = attempt.upload, attempt.backend
    for path in (upload.file_path, upload.upload_path):
        try:
            return backend.stat(path)
        except FileMissing:
            continue
    if attempt.state.needs_begin:
        raise UploadLost
    missing = backend.missing(upload)
    if missing:
        raise PartsMissing() if len(missing) < upload.plan.total_parts else NotUploaded()
    return backend.assemble(upload, attempt.budget)


def _publish(attempt: _Attempt, verified: StoredObject) -> StoredObject:
    if verified.path == attempt.upload.file_path:
        return verified
    return attempt.backend.publish(attempt.upload, verified, attempt.budget)


def _add_written_checksums(stored: StoredObject, state: UploadState) -> StoredObject:
    """Add the checksums that were computed while these very bytes came through our view."""
    if state.written is None or state.written.etag != stored.etag:
        return stored
    return replace(stored, checksums={**state.written.checksums, **stored.checksums})
