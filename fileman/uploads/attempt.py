"""One attempt to verify and publish an upload, under its lease.

    look at earlier tries -> assemble -> size, form, checksum, content, validators -> publish -> commit

One call takes FINALIZE_BUDGET_SECONDS at most; what it has established is in the row when it breaks off, and the next
call goes on from there. An attempt publishes to a path that no other request writes, by one request that is never
repeated. So a request that a storage carries out late changes nothing that a row names; if it was carried out after
all, the next attempt finds its object, verifies it and takes it.
"""

import logging
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from fileman import errors
from fileman.backends import get_backend
from fileman.backends.values import StoredObject
from fileman.models import File
from fileman.signals import file_completed
from fileman.uploads import disposal, transitions, verification
from fileman.uploads.instructions import build_upload
from fileman.uploads.state import Progress, UploadState
from fileman.uploads.transitions import Facts
from fileman.uploads.verification import Claims, Verified
from fileman.validation import content_types

logger = logging.getLogger("fileman.lifecycle")
FORGETFUL = (errors.NotUploaded, errors.PartsMissing, errors.FileMissing, errors.UploadLost, errors.ObjectChanged)
"""Errors after which nothing of what was established holds any more."""


@dataclass(kw_only=True)
class Attempt:
    """One finalize call that has just claimed the upload. It goes on from where earlier ones broke off."""

    file: File
    attempt_id: UUID
    claims: Claims
    metadata: dict[str, Any] | None = None
    """None: unchanged."""
    now: datetime
    has_tried: bool = field(default=False, init=False)
    """True once this attempt may have sent a publishing request of its own."""

    def __post_init__(self) -> None:
        self.state = UploadState.from_file(self.file)
        self.progress = Progress.from_json(self.state.progress)
        self.upload = build_upload(self.file, now=self.now, notes=self.progress.notes)
        self.backend = get_backend(self.file.file_manager)


def run(attempt: Attempt) -> errors.FilemanError | None:
    """Work under the lease and give it up in every case: completed, failed, or pending again."""
    file, now = attempt.file, attempt.now
    try:
        facts = _verify_and_publish(attempt)
    except errors.MismatchError as error:
        return _fail(attempt, error)
    except (errors.UploadInProgress, errors.NotUploaded, errors.PartsMissing, errors.StorageError) as error:
        return _break_off(attempt, error)
    except BaseException:
        _release(attempt)
        raise
    if not transitions.complete(file, attempt.attempt_id, facts, has_tried=attempt.has_tried, now=now):
        return errors.UploadInProgress()
    file_completed.send_robust(sender=File, file_id=file.pk)
    return None


def _release(attempt: Attempt) -> None:
    progress = attempt.progress.to_json()
    changed = None if progress == attempt.state.progress else progress
    transitions.release(
        attempt.file, attempt.attempt_id, has_tried=attempt.has_tried, now=attempt.now, progress=changed
    )


def _fail(attempt: Attempt, mismatch: errors.MismatchError) -> errors.FilemanError:
    """End the upload for good, if the storage itself contradicts it and not something that answers in its place."""
    try:
        _question_storage(attempt)
    except errors.StorageError as error:
        return _break_off(attempt, error)
    file, now, reason = attempt.file, attempt.now, mismatch.message
    logger.info("file %s: %s", file.pk, reason)
    if transitions.fail(file, attempt.attempt_id, reason=reason, has_tried=attempt.has_tried, now=now):
        disposal.drop_soon(file, now=now)
    return mismatch


def _break_off(attempt: Attempt, error: errors.FilemanError) -> errors.FilemanError:
    """Make the upload pending again, and return the client's error."""
    if isinstance(error, errors.UploadInProgress | errors.OutOfTime):
        _release(attempt)
        return errors.UploadInProgress()
    logger.warning("file %s: finalize broke off: %s", attempt.file.pk, error.message)
    if isinstance(error, FORGETFUL):
        attempt.progress.forget()
    _release(attempt)
    return errors.NotUploaded() if isinstance(error, errors.FileMissing) else error


def _question_storage(attempt: Attempt) -> None:
    """Raise StorageUnavailable unless the storage knows that an invented path is empty and repeats the object's facts.

    A maintenance page or a captive portal finds an object at every path; one response of theirs is not repeated.
    """
    progress, backend = attempt.progress, attempt.backend
    if progress.stored is None:
        return
    if not progress.is_questioned:
        if backend.find(f"{attempt.upload.upload_path}.absent"):
            progress.forget()
            raise errors.StorageUnavailable
        progress.is_questioned = True
    again = backend.stat(progress.stored.path)
    if (again.etag, again.size) != (progress.stored.etag, progress.stored.size):
        raise errors.ObjectChanged


def _verify_and_publish(attempt: Attempt) -> Facts:
    verified = _verify_earlier_try(attempt) or _verify(attempt, _get_assembled(attempt))
    if verified.stored.path == attempt.upload.upload_path:
        verified = _publish(attempt, verified)
    return Facts(**vars(verified), metadata=attempt.metadata, awaits_claims=attempt.claims.are_unknown)


def _verify(attempt: Attempt, stored: StoredObject) -> Verified:
    stored = _add_written_checksums(stored, attempt.state)
    return verification.verify(
        attempt.file, attempt.upload, stored, attempt.claims, backend=attempt.backend, progress=attempt.progress
    )


def _verify_earlier_try(attempt: Attempt) -> Verified | None:
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
            except errors.MismatchError as error:
                logger.info("file %s: try %s is not the upload: %s", file.pk, number, error.message)
                progress.forget()
        progress.next_look = number + 1
    return None


def _get_assembled(attempt: Attempt) -> StoredObject:
    """Return the object of the upload: known from an earlier call, assembled earlier, or assembled now.

    Raises FileMissing, PartsMissing or UploadLost if slices are missing.
    """
    if attempt.progress.stored is not None:
        return attempt.progress.stored
    if attempt.state.needs_begin:
        raise errors.UploadLost
    stored = attempt.backend.assemble(attempt.upload)
    attempt.progress.notes.clear()  # from now on they are those of publish
    return stored


def _publish(attempt: Attempt, verified: Verified) -> Verified:
    """Publish the verified object to the path of this try, or go on with the try that has begun."""
    progress, backend = attempt.progress, attempt.backend
    number = progress.try_number or attempt.file.tries
    served, path = content_types.served(verified.content_type), attempt.file.get_try_path(number)
    upload = replace(attempt.upload, file_path=path, content_type=served)
    attempt.has_tried = number == attempt.file.tries
    try:
        published = backend.publish(upload, verified.stored)
    except BaseException as error:
        if progress.notes:
            progress.try_number = number
        else:
            attempt.has_tried = attempt.has_tried and not isinstance(error, errors.OutOfTime)  # which sends no request
            progress.try_number, progress.next_look = None, 0
        raise
    return _compare(attempt, published, verified)


def _compare(attempt: Attempt, published: StoredObject, verified: Verified) -> Verified:
    """Return the facts of the published object. Raises ObjectChanged unless it is the verified one."""
    published = _add_written_checksums(published, attempt.state)
    same = verification.is_same(published, verified.stored)
    if same is None and not attempt.backend.capabilities.pins_copies:
        try:
            return _verify(attempt, published)
        except errors.MismatchError as error:
            raise errors.ObjectChanged from error
    if same is False:
        raise errors.ObjectChanged
    return replace(verified, stored=published)


def _add_written_checksums(stored: StoredObject, state: UploadState) -> StoredObject:
    """Add the checksums that were computed while these very bytes came through our view."""
    if state.written is None or state.written.etag != stored.etag:
        return stored
    return replace(stored, checksums={**state.written.checksums, **stored.checksums})
