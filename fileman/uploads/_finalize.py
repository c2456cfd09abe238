"""Finalize: verify what the storage holds and publish it.

    claim -> look at earlier tries -> assemble -> size, form, checksum, content, validators -> publish -> commit

No transaction is open between claim and commit. One call takes FINALIZE_BUDGET_SECONDS at most; what it has established
is in the row when it breaks off, and the next call goes on from there. An attempt publishes to a path that no other
request writes, by one request that is never repeated. So a request that a storage carries out late changes nothing that
a row names; if it was carried out after all, the next attempt finds its object, verifies it and takes it.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from fileman import access, conf
from fileman.backends import Backend, get_backend
from fileman.backends.time_limit import time_limit
from fileman.backends.values import StoredObject, Upload
from fileman.caller import Caller
from fileman.checksums import Checksum
from fileman.errors import (
    FilemanError,
    FileMissing,
    InvalidInput,
    MismatchError,
    NotUploaded,
    ObjectChanged,
    OutOfTime,
    PartsMissing,
    StorageError,
    StorageUnavailable,
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
from fileman.uploads.state import Progress, UploadState
from fileman.uploads.transitions import Facts
from fileman.uploads.values import Outcome
from fileman.uploads.verification import Claims, Verified
from fileman.validation import acceptance, json_metadata

logger = logging.getLogger("fileman.lifecycle")
FORGETFUL = (NotUploaded, PartsMissing, FileMissing, UploadLost, ObjectChanged)
"""Errors after which nothing of what was established holds any more."""


@dataclass(kw_only=True)
class _Attempt:
    """One finalize call that holds the lease."""

    file: File
    state: UploadState
    progress: Progress
    upload: Upload
    backend: Backend
    attempt_id: UUID
    claims: Claims
    metadata: dict[str, Any] | None
    """None: unchanged."""
    now: datetime
    has_tried: bool = False
    """True once this attempt may have sent a publishing request of its own."""


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
    progress = Progress.from_json(state.progress)
    attempt = _Attempt(
        file=file,
        state=state,
        progress=progress,
        upload=build_upload(file, now=now, notes=progress.notes),
        backend=get_backend(file.file_manager),
        attempt_id=attempt_id,
        claims=claims,
        metadata=merged,
        now=now,
    )
    with time_limit(conf.settings().FINALIZE_BUDGET_SECONDS):
        error = _run(attempt)
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
        instructions = instruct(file, missing, caller=caller, now=now)
    except (StorageError, UploadAborted) as problem:
        return Outcome(file=file, error=problem)
    if not missing:
        return Outcome(file=file, error=UploadInProgress())  # the rest has arrived meanwhile
    nothing_arrived = len(missing) == UploadState.from_file(file).plan.total_parts
    return Outcome(file=file, instructions=instructions, error=NotUploaded() if nothing_arrived else PartsMissing())


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


def _run(attempt: _Attempt) -> FilemanError | None:
    """Work under the lease and give it up in every case: completed, failed, or pending again."""
    file, now = attempt.file, attempt.now
    try:
        facts = _verify_and_publish(attempt)
    except MismatchError as error:
        return _fail(attempt, error)
    except (UploadInProgress, NotUploaded, PartsMissing, StorageError) as error:
        return _break_off(attempt, error)
    except BaseException:
        _release(attempt)
        raise
    if not transitions.complete(file, attempt.attempt_id, facts, has_tried=attempt.has_tried, now=now):
        return UploadInProgress()
    file_completed.send_robust(sender=File, file_id=file.pk)
    return None


def _release(attempt: _Attempt) -> None:
    progress = attempt.progress.to_json()
    transitions.release(
        attempt.file,
        attempt.attempt_id,
        has_tried=attempt.has_tried,
        now=attempt.now,
        progress=None if progress == attempt.state.progress else progress,
    )


def _fail(attempt: _Attempt, mismatch: MismatchError) -> FilemanError:
    """End the upload for good, if the storage itself contradicts it and not something that answers in its place."""
    try:
        _question_storage(attempt)
    except StorageError as error:
        return _break_off(attempt, error)
    file, now = attempt.file, attempt.now
    logger.info("file %s: %s", file.pk, mismatch.message)
    reason = mismatch.message
    if transitions.fail(file, attempt.attempt_id, reason=reason, has_tried=attempt.has_tried, now=now):
        disposal.drop_soon(file, now=now)
    return mismatch


def _break_off(attempt: _Attempt, error: FilemanError) -> FilemanError:
    """Make the upload pending again, and return the client's error."""
    if isinstance(error, UploadInProgress | OutOfTime):
        _release(attempt)
        return UploadInProgress()
    logger.warning("file %s: finalize broke off: %s", attempt.file.pk, error.message)
    if isinstance(error, FORGETFUL):
        attempt.progress.forget()
    _release(attempt)
    return NotUploaded() if isinstance(error, FileMissing) else error


def _question_storage(attempt: _Attempt) -> None:
    """Raise StorageUnavailable unless the storage knows that an invented path is empty and repeats the object's facts.

    A maintenance page or a captive portal finds an object at every path; one response of theirs is not repeated.
    """
    progress, backend = attempt.progress, attempt.backend
    if progress.stored is None:
        return
    if not progress.is_questioned:
        if backend.find(f"{attempt.upload.upload_path}.absent"):
            progress.forget()
            raise StorageUnavailable
        progress.is_questioned = True
    again = backend.stat(progress.stored.path)
    if (again.etag, again.size) != (progress.stored.etag, progress.stored.size):
        raise ObjectChanged


def _verify_and_publish(attempt: _Attempt) -> Facts:
    verified = _verify_earlier_try(attempt) or _verify(attempt, _get_assembled(attempt))
    if verified.stored.path == attempt.upload.upload_path:
        verified = _publish(attempt, verified)
    return Facts(
        stored=verified.stored,
        detected_content_type=verified.detected_content_type,
        checksum=str(verified.checksum or ""),
        checksum_verified=verified.checksum is not None,
        metadata=attempt.metadata,
    )


def _verify(attempt: _Attempt, stored: StoredObject) -> Verified:
    stored = _add_written_checksums(stored, attempt.state)
    return verification.verify(
        attempt.file, attempt.upload, stored, attempt.claims, backend=attempt.backend, progress=attempt.progress
    )


def _verify_earlier_try(attempt: _Attempt) -> Verified | None:
    """Return the facts of an object that an earlier attempt has published after all, without knowing it.

    Each try is looked at once between two publishing requests. One whose object is refused is passed over.
    """
    progress, file = attempt.progress, attempt.file
    if progress.try_number is not None:
        return None
    first = 0 if file.file_path is not None else 1  # a row of fileman 0.1 may have published to its only path
    for number in range(max(first, progress.next_look), file.tries):
        path = file.get_try_path(number)
        at_hand = progress.stored if progress.stored and progress.stored.path == path else None
        stored = at_hand or attempt.backend.find(path)
        if stored is not None:
            try:
                return _verify(attempt, stored)
            except MismatchError as error:
                logger.info("file %s: try %s is not the upload: %s", file.pk, number, error.message)
                progress.forget()
        progress.next_look = number + 1
    return None


def _get_assembled(attempt: _Attempt) -> StoredObject:
    """Return the object of the upload: known from an earlier call, assembled earlier, or assembled now.

    Raises FileMissing, PartsMissing or UploadLost if slices are missing.
    """
    if attempt.progress.stored is not None:
        return attempt.progress.stored
    if attempt.state.needs_begin:
        raise UploadLost
    stored = attempt.backend.assemble(attempt.upload)
    attempt.progress.notes.clear()  # from now on they are those of publish
    return stored


def _publish(attempt: _Attempt, verified: Verified) -> Verified:
    """Publish the verified object to the path of this try, or go on with the try that has begun."""
    progress, backend = attempt.progress, attempt.backend
    number = progress.try_number or attempt.file.tries
    upload = replace(attempt.upload, file_path=attempt.file.get_try_path(number))
    attempt.has_tried = number == attempt.file.tries
    try:
        published = backend.publish(upload, verified.stored)
    except BaseException as error:
        if progress.notes:
            progress.try_number = number
        else:
            attempt.has_tried = attempt.has_tried and not isinstance(error, OutOfTime)  # which sends no request
            progress.try_number, progress.next_look = None, 0
        raise
    return _compare(attempt, published, verified)


def _compare(attempt: _Attempt, published: StoredObject, verified: Verified) -> Verified:
    """Return the facts of the published object. Raises ObjectChanged unless it is the verified one."""
    published = _add_written_checksums(published, attempt.state)
    same = verification.is_same(published, verified.stored)
    if same is None and not attempt.backend.capabilities.pins_copies:
        try:
            return _verify(attempt, published)
        except MismatchError as error:
            raise ObjectChanged from error
    if same is False:
        raise ObjectChanged
    return replace(verified, stored=published)


def _add_written_checksums(stored: StoredObject, state: UploadState) -> StoredObject:
    """Add the checksums that were computed while these very bytes came through our view."""
    if state.written is None or state.written.etag != stored.etag:
        return stored
    return replace(stored, checksums={**state.written.checksums, **stored.checksums})
