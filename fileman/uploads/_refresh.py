"""Refresh: sign requests again for the slices that the storage still lacks."""

from datetime import datetime
from uuid import UUID

from fileman import access, conf
from fileman.access import rates
from fileman.backends.time_limit import time_limit
from fileman.caller import Caller
from fileman.errors import InvalidInput, UploadExpired
from fileman.models import File
from fileman.uploads.instructions import find_missing, instruct
from fileman.uploads.lookup import get_own_upload, get_token
from fileman.uploads.transitions import state_error
from fileman.uploads.values import Outcome


def refresh(*, caller: Caller, upload_token: str | None = None, file_id: UUID | None = None, now: datetime) -> Outcome:
    """Sign requests for the missing slices. By file id, the outcome has the token. Without instructions: finalize.

    Raises Unauthenticated, RateLimited, InvalidInput (not exactly one), NotFound, StorageError, UploadAborted.
    """
    access.require_signed_in(caller)
    rates.count(caller, "REFRESHES", now=now)
    if (upload_token is None) == (file_id is None):
        raise InvalidInput("Pass exactly one of uploadToken and fileId.")
    file = get_own_upload(caller, upload_token=upload_token, file_id=file_id)
    error = state_error(file, now=now)
    if error is not None:
        return Outcome(file=file, error=error)
    if file.upload_status == File.COMPLETED:
        return Outcome(file=file)
    with time_limit(conf.settings().FINALIZE_BUDGET_SECONDS):
        missing = find_missing(file, caller, now=now)
        if missing and file.expires_at <= now:
            return Outcome(file=file, error=UploadExpired())
        instructions = instruct(file, missing, caller=caller, now=now) if missing else None
    token = get_token(file, now=now) if upload_token is None else None
    return Outcome(file=file, upload_token=token, instructions=instructions)
