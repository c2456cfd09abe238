"""Finalize: verify what the storage holds and publish it.

No transaction is open between the claim and the commit. `Attempt` is the work in between.
"""

from datetime import datetime
from typing import Any

from fileman import access, conf, errors
from fileman.access import rates
from fileman.backends.time_limit import time_limit
from fileman.caller import Caller
from fileman.checksums import Checksum
from fileman.models import File
from fileman.uploads import transitions, verification
from fileman.uploads.attempt import Attempt
from fileman.uploads.instructions import find_missing, instruct
from fileman.uploads.lookup import get_own_upload, reread
from fileman.uploads.state import UploadState
from fileman.uploads.values import Outcome
from fileman.uploads.verification import Claims
from fileman.validation import acceptance, json_metadata


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

    An upload that a sweep has completed takes the first call's claims and metadata; its error is the mismatch if they
    disagree.

    `file_size` (bytes) and `checksum` are what the client believes it sent; the upload fails if the storage disagrees.
    `metadata` is merged over the metadata of initiate. The outcome has the error of the upload's state, and
    instructions if slices are missing. Raises Unauthenticated, RateLimited, NotFound, InvalidChecksum, InvalidInput and
    InvalidMetadata; these change nothing.
    """
    access.require_signed_in(caller)
    rates.count(caller, "FINALIZES", now=now)
    file = get_own_upload(caller, upload_token=upload_token)
    claims = _parse_claims(file, file_size, checksum)
    given = json_metadata.clean(metadata, field=("metadata",))
    merged = json_metadata.merge(file.metadata, given, field=("metadata",)) if given else None
    if file.upload_status == File.COMPLETED:
        return _settle_claims(file, claims, merged, now=now)
    error = transitions.state_error(file, now=now)
    if error is not None:
        return Outcome(file=file, error=error)
    attempt_id = transitions.claim(file, now=now)
    if attempt_id is None:
        return _current_outcome(file, now=now)
    claimed = Attempt(file=file, attempt_id=attempt_id, claims=claims, metadata=merged, now=now)
    with time_limit(conf.settings().FINALIZE_BUDGET_SECONDS):
        error = claimed.run()
        outcome = _current_outcome(file, now=now)
        if outcome.file.upload_status == File.COMPLETED or error is None:
            return outcome
        return _outcome_with_instructions(outcome.file, error, caller=caller, now=now)


def _settle_claims(file: File, claims: Claims, metadata: dict[str, Any] | None, *, now: datetime) -> Outcome:
    """Return the completed file, after a comparison with what a sweep could not know."""
    if not UploadState.from_file(file).awaits_claims:
        return Outcome(file=file)
    try:
        with time_limit(conf.settings().FINALIZE_BUDGET_SECONDS):
            checksum = verification.check_late_claims(file, claims)
    except (errors.MismatchError, errors.StorageError, errors.UploadInProgress) as error:
        return Outcome(file=file, error=errors.UploadInProgress() if isinstance(error, errors.OutOfTime) else error)
    transitions.accept_claims(file, checksum=checksum, metadata=metadata, now=now)
    return _current_outcome(file, now=now)


def _outcome_with_instructions(file: File, error: errors.FilemanError, *, caller: Caller, now: datetime) -> Outcome:
    """Return the error, with requests for the missing slices if that is the reason.

    After the deadline nothing is signed any more: then missing slices are UploadExpired, as refresh says.
    """
    if not isinstance(error, errors.NotUploaded | errors.PartsMissing | errors.UploadLost):
        return Outcome(file=file, error=error)
    if file.expires_at <= now:
        return Outcome(file=file, error=errors.UploadExpired())
    try:
        missing = find_missing(file, caller, now=now)
        instructions = instruct(file, missing, caller=caller, now=now)
    except (errors.StorageError, errors.UploadAborted) as problem:
        return Outcome(file=file, error=problem)
    if not missing:
        return Outcome(file=file, error=errors.UploadInProgress())  # the rest has arrived meanwhile
    nothing_arrived = len(missing) == UploadState.from_file(file).plan.total_parts
    error = errors.NotUploaded() if nothing_arrived else errors.PartsMissing()
    return Outcome(file=file, instructions=instructions, error=error)


def _parse_claims(file: File, file_size: int | None, checksum: str | None) -> Claims:
    if file_size is not None and (isinstance(file_size, bool) or file_size < 0):
        raise errors.InvalidInput("fileSize must be a number of bytes.", field=("fileSize",))
    if checksum is None:
        return Claims(size=file_size, checksum=None)
    allowed = acceptance.checksum_algorithms(file.file_manager, file.file_size)
    return Claims(size=file_size, checksum=Checksum.parse(checksum, allowed=allowed, field=("checksum",)))


def _current_outcome(file: File, *, now: datetime) -> Outcome:
    """Return the row as it is now. If it is pending again, another attempt has just released it."""
    reread(file)
    error = transitions.state_error(file, now=now)
    if error is None and file.upload_status != File.COMPLETED:
        error = errors.UploadInProgress()
    return Outcome(file=file, error=error)
