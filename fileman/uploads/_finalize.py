"""Finalize: verify what the storage holds and publish it.

    claim -> find the object -> size, form, checksum, content, validators -> publish -> compare -> commit

Between claim and commit no transaction is open. Whatever breaks off leaves the upload pending or, after the lease, free
for the next attempt; that one finds what the earlier has published before it looks for anything else.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fileman import access, conf, uploads
from fileman.backends import Backend, get_backend
from fileman.backends.values import Budget, Slice, StoredObject, Upload
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
from fileman.uploads import transitions, verification
from fileman.uploads.instructions import Outcome, build_upload, instruct
from fileman.uploads.transitions import Facts
from fileman.uploads.verification import Claims
from fileman.validation import acceptance, json_metadata

logger = logging.getLogger("fileman.lifecycle")


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    """One finalize call that holds the lease."""

    file: File
    upload: Upload
    backend: Backend
    attempt_id: UUID
    claims: Claims
    metadata: dict[str, Any] | None
    """None: as it stands."""
    budget: Budget


class _SlicesMissing(Exception):
    def __init__(self, missing: list[Slice]) -> None:
        self.missing = missing


def finalize(
    *,
    caller: Caller,
    upload_token: str,
    file_size: int | None = None,
    checksum: str | None = None,
    metadata: object = None,
    now: datetime,
) -> Outcome:
    """Verify and publish one upload. Safe to repeat: after completion it answers the same file and writes nothing.

    `file_size` and `checksum` are what the client believes it sent; where they disagree with the storage the upload
    fails. `metadata` is merged over what initiate was given. The outcome carries the error of the upload's state, and
    instructions when something is missing. Raises Unauthenticated, NotFound, InvalidChecksum, InvalidInput,
    InvalidMetadata; these change nothing.
    """
    access.require_signed_in(caller)
    file = uploads.find(caller, upload_token=upload_token)
    claims = _claims(file, file_size, checksum)
    merged = _merged_metadata(file, metadata)
    if file.upload_status == File.COMPLETED:
        return Outcome(file=file)
    error = uploads.state_error(file, now=now)
    if error is not None:
        return Outcome(file=file, error=error)
    attempt_id = transitions.claim(file, now=now)
    if attempt_id is None:
        return _as_it_stands(caller, upload_token, now=now)
    file.refresh_from_db(fields=["upload_state"])  # an attempt between our look and our claim may have gone on
    attempt = _Attempt(
        file=file,
        upload=build_upload(file, now=now),
        backend=get_backend(file.file_manager),
        attempt_id=attempt_id,
        claims=claims,
        metadata=merged,
        budget=Budget(seconds=conf.settings().FINALIZE_BUDGET_SECONDS),
    )
    error, missing = _run(attempt, now=now)
    outcome = _as_it_stands(caller, upload_token, now=now)
    if outcome.file.upload_status == File.COMPLETED or error is None:
        return outcome
    return _to_go_on(outcome.file, error, missing, caller=caller, now=now)


def _to_go_on(file: File, error: FilemanError, missing: list[Slice], *, caller: Caller, now: datetime) -> Outcome:
    """The error, with requests for what has to be sent first. What the storage has forgotten is begun again.

    After the deadline nothing more is signed: what has not arrived by then is UploadExpired, as refresh says.
    """
    if (missing or isinstance(error, UploadLost)) and file.expires_at <= now:
        return Outcome(file=file, error=UploadExpired())
    try:
        if isinstance(error, UploadLost):
            error, missing = NotUploaded(), uploads.still_missing(file, caller, now=now)
        instructions = instruct(file, missing, caller=caller, now=now) if missing else None
    except (StorageError, UploadAborted) as problem:
        return Outcome(file=file, error=problem)
    return Outcome(file=file, instructions=instructions, error=error)


def _claims(file: File, file_size: int | None, checksum: str | None) -> Claims:
    if file_size is not None and (isinstance(file_size, bool) or file_size < 0):
        raise InvalidInput("fileSize must be a number of bytes.", field=("fileSize",))
    if checksum is None:
        return Claims(size=file_size, checksum=None)
    allowed = acceptance.checksum_algorithms(file.file_manager, file.file_size)
    return Claims(size=file_size, checksum=Checksum.parse(checksum, allowed=allowed, field=("checksum",)))


def _merged_metadata(file: File, over: object) -> dict[str, Any] | None:
    given = json_metadata.clean(over, field=("metadata",))
    return json_metadata.merge(file.metadata, given, field=("metadata",)) if given else None


def _as_it_stands(caller: Caller, upload_token: str, *, now: datetime) -> Outcome:
    """What the row says now, whoever changed it. An upload that is free again by now was another's until just now."""
    file = uploads.find(caller, upload_token=upload_token)
    error = uploads.state_error(file, now=now)
    if error is None and file.upload_status != File.COMPLETED:
        error = UploadInProgress()
    return Outcome(file=file, error=error)


def _run(attempt: _Attempt, *, now: datetime) -> tuple[FilemanError | None, list[Slice]]:
    """Work under the lease and give it up in every case: completed, failed, or pending again."""
    file, attempt_id = attempt.file, attempt.attempt_id
    try:
        facts = _verify_and_publish(attempt)
    except _SlicesMissing as lack:
        transitions.release(file, attempt_id, now=now)
        return _missing_error(attempt, lack.missing), lack.missing
    except UploadInProgress as error:
        transitions.release(file, attempt_id, now=now, progress=error.progress)
        return error, []
    except MismatchError as error:
        logger.info("file %s: %s", file.pk, error.message)
        if transitions.fail(file, attempt_id, reason=error.message, now=now):
            uploads.drop_soon(file, now=now)
        return error, []
    except (StorageError, PartsMissing) as error:
        logger.warning("file %s: finalize broke off: %s", file.pk, error.message)
        transitions.release(file, attempt_id, now=now)
        return NotUploaded() if isinstance(error, FileMissing) else error, []
    except BaseException:
        transitions.release(file, attempt_id, now=now)
        raise
    if not transitions.complete(file, attempt_id, facts, now=now):
        return UploadInProgress(), []
    file_completed.send_robust(sender=File, file_id=file.pk)
    return None, []


def _missing_error(attempt: _Attempt, missing: list[Slice]) -> FilemanError:
    return PartsMissing() if len(missing) < attempt.upload.plan.total_parts else NotUploaded()


def _verify_and_publish(attempt: _Attempt) -> Facts:
    backend, upload, file = attempt.backend, attempt.upload, attempt.file
    stored = _with_written(_find(attempt), file)
    verified = verification.verify(file, upload, stored, attempt.claims, backend=backend, budget=attempt.budget)
    published = _with_written(_publish(attempt, verified.stored), file)
    verification.compare(published, verified.stored)
    return Facts(
        stored=published,
        detected_content_type=verified.detected_content_type,
        checksum=str(verified.checksum or ""),
        checksum_verified=verified.checksum is not None,
        metadata=attempt.metadata,
    )


def _find(attempt: _Attempt) -> StoredObject:
    """The object to verify: published by an earlier attempt, or assembled, or assembled now.

    Raises _SlicesMissing with what has to be sent first.
    """
    upload, backend = attempt.upload, attempt.backend
    for path in (upload.file_path, upload.upload_path):
        try:
            return backend.stat(path)
        except FileMissing:
            continue
    if uploads.needs_begin(attempt.file):
        raise UploadLost
    missing = backend.missing(upload)
    if missing:
        raise _SlicesMissing(missing)
    return backend.assemble(upload, attempt.budget)


def _publish(attempt: _Attempt, verified: StoredObject) -> StoredObject:
    if verified.path == attempt.upload.file_path:
        return verified
    return attempt.backend.publish(attempt.upload, verified, attempt.budget)


def _with_written(stored: StoredObject, file: File) -> StoredObject:
    """Add the checksums that were computed while these very bytes came through our view."""
    written: Mapping[str, Any] = file.upload_state.get("written", {})
    if written.get("etag") != stored.etag:
        return stored
    values = {name: getattr(stored, name) for name in stored.__dataclass_fields__}
    return StoredObject(**{**values, "checksums": {**written["checksums"], **stored.checksums}})
