"""Abort: end an unfinished upload because its user says so."""

from datetime import datetime

from fileman import access
from fileman.access import rates
from fileman.caller import Caller
from fileman.errors import InvalidInput, UploadInProgress
from fileman.models import File
from fileman.uploads import disposal, transitions
from fileman.uploads.lookup import get_own_upload
from fileman.uploads.values import Outcome


def abort(*, caller: Caller, upload_token: str, now: datetime) -> Outcome:
    """End an upload and delete its stored bytes. Aborting twice is success.

    The outcome's error is UploadInProgress while a finalize call holds the upload, even if that call has released it by
    the time the row is read again. Raises Unauthenticated, RateLimited and NotFound.
    """
    access.require_signed_in(caller)
    rates.count(caller, "CHANGES", now=now)
    file = get_own_upload(caller, upload_token=upload_token)
    if transitions.abort(file, now=now):
        disposal.drop_soon(file, now=now)
    file = get_own_upload(caller, upload_token=upload_token)
    if file.upload_status == File.ABORTED:
        return Outcome(file=file)
    if file.upload_status == File.COMPLETED:
        return Outcome(file=file, error=InvalidInput("This upload is completed. Delete the file instead."))
    return Outcome(file=file, error=transitions.state_error(file, now=now) or UploadInProgress())
