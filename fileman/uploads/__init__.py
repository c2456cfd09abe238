"""The use cases of an unfinished upload: initiate, refresh, abort, and taking bytes that come through us."""

import logging
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

from django.db import transaction

from fileman import access, conf, deletion_queue, tokens
from fileman.backends import get_backend
from fileman.backends.values import Slice, Strategy
from fileman.caller import Caller
from fileman.encryption import encrypt
from fileman.errors import (
    FilemanError,
    InvalidInput,
    NotFound,
    StorageError,
    UploadAborted,
    UploadExpired,
    UploadFailed,
    UploadInProgress,
    UploadLost,
)
from fileman.models import File
from fileman.uploads import transitions
from fileman.uploads._initiate import Batch, InitiateRequest, Ticket, begin, initiate, needs_begin
from fileman.uploads.instructions import Outcome, build_upload, instruct
from fileman.validation.acceptance import DeclaredFile

__all__ = [
    "Batch",
    "DeclaredFile",
    "InitiateRequest",
    "Ticket",
    "abort",
    "find",
    "initiate",
    "needs_begin",
    "receive",
    "refresh",
    "state_error",
    "still_missing",
]
logger = logging.getLogger("fileman.lifecycle")
_WITH = ("file_manager__group", "group", "uploaded_by")


def find(caller: Caller, *, upload_token: str | None = None, file_id: UUID | None = None) -> File:
    """The caller's own upload. Raises NotFound for whatever is absent, foreign, or of a group they have left."""
    key = {"upload_token": upload_token} if upload_token is not None else {"pk": file_id}
    file = File.objects.select_related(*_WITH).filter(uploaded_by=caller.user, **key).first()
    if file is None or not access.may_continue(caller, file):
        raise NotFound(field=("uploadToken",) if upload_token is not None else ("fileId",))
    return file


def state_error(file: File, *, now: datetime) -> FilemanError | None:
    """Why nothing more can be done with this upload; None while it is pending or waits for its next attempt."""
    ended: dict[str, FilemanError] = {
        File.FAILED: UploadFailed(f"This upload has failed: {file.failure_reason}"),
        File.ABORTED: UploadAborted(),
        File.EXPIRED: UploadExpired(),
    }
    if file.upload_status in ended:
        return ended[file.upload_status]
    if file.upload_status == File.VERIFYING and file.lease_until is not None and file.lease_until > now:
        return UploadInProgress()
    if file.expires_at + conf.settings().FINALIZE_GRACE <= now and file.upload_status != File.COMPLETED:
        return UploadExpired()
    return None


def refresh(*, caller: Caller, upload_token: str | None = None, file_id: UUID | None = None, now: datetime) -> Outcome:
    """Sign what the storage still lacks; by file id, with a new token. Success without instructions: finalize.

    Raises Unauthenticated, InvalidInput (not exactly one of the two), NotFound, StorageError, UploadAborted.
    """
    access.require_signed_in(caller)
    if (upload_token is None) == (file_id is None):
        raise InvalidInput("Give exactly one of uploadToken and fileId.")
    file = find(caller, upload_token=upload_token, file_id=file_id)
    error = state_error(file, now=now)
    if error is not None:
        return Outcome(file=file, error=error)
    if file.upload_status == File.COMPLETED:
        return Outcome(file=file)
    missing = still_missing(file, caller, now=now)
    if missing and file.expires_at <= now:
        return Outcome(file=file, error=UploadExpired())
    instructions = instruct(file, missing, caller=caller, now=now) if missing else None
    new_token = _new_token(file, now=now) if upload_token is None else None
    return Outcome(file=file, upload_token=new_token, instructions=instructions)


def _new_token(file: File, *, now: datetime) -> str:
    token = tokens.new_upload_token()
    file.upload_token = tokens.digest(token)
    File.objects.filter(pk=file.pk).update(upload_token=file.upload_token, modified=now)
    return token


def still_missing(file: File, caller: Caller, *, now: datetime) -> list[Slice]:
    """What the storage lacks, after starting anew what was never started, is lost, or is another origin's session.

    Raises StorageError, UploadAborted.
    """
    backend = get_backend(file.file_manager)
    stale = None
    if not needs_begin(file):
        try:
            missing = backend.missing(build_upload(file, now=now))
        except UploadLost:
            logger.info("file %s: the storage has forgotten what was begun; beginning again", file.pk)
        else:
            if not missing or not _is_for_another_origin(file, caller):
                return missing
            stale = build_upload(file, now=now)
    begin(file, origin=caller.origin, now=now)
    state = encrypt(file.upload_state, row=file.pk)
    unfinished = File.objects.unfinished().filter(pk=file.pk)
    if not unfinished.update(upload_state=state, modified=now):
        backend.abort(build_upload(file, now=now))  # it was aborted meanwhile: nobody else knows what was begun
        raise UploadAborted
    if stale is not None:
        backend.abort(stale)
    return backend.missing(build_upload(file, now=now))


def _is_for_another_origin(file: File, caller: Caller) -> bool:
    """A session lets in the browser pages of one origin. Clients without one may use any."""
    session = file.upload_state["strategy"] == Strategy.SESSION
    return session and caller.origin not in {None, file.upload_state.get("origin")}


def abort(*, caller: Caller, upload_token: str, now: datetime) -> Outcome:
    """Give an upload up and drop what it stored. Aborting twice is success; a live finalize call is UploadInProgress,
    even if it has given the upload back by the time we look.

    Raises Unauthenticated, NotFound.
    """
    access.require_signed_in(caller)
    file = find(caller, upload_token=upload_token)
    if transitions.abort(file, now=now):
        drop_soon(file, now=now)
    file = find(caller, upload_token=upload_token)
    if file.upload_status == File.ABORTED:
        return Outcome(file=file)
    if file.upload_status == File.COMPLETED:
        return Outcome(file=file, error=InvalidInput("This upload is completed. Delete the file instead."))
    return Outcome(file=file, error=state_error(file, now=now) or UploadInProgress())


def drop_soon(file: File, *, now: datetime) -> None:
    """Once the transaction commits: stop what was begun and delete what was stored. Cleanup does what fails here."""
    transaction.on_commit(lambda: _stop_quietly(file, now), robust=True)
    deletion_queue.work_soon(file, now=now)


def _stop_quietly(file: File, now: datetime) -> None:
    try:
        get_backend(file.file_manager).abort(build_upload(file, now=now))
    except StorageError as error:
        logger.warning("file %s: stopping it failed, cleanup will: %s", file.pk, error)


def remove_ended(file: File, now: datetime) -> bool:
    """Let the row of a failed, aborted or expired upload go, after stopping what was begun. Raises StorageError.

    Its objects are in the deletion queue since it ended.
    """
    upload = build_upload(file, now=now)
    if upload.plan.strategy is not Strategy.SINGLE:
        get_backend(file.file_manager).abort(upload)
    gone, _ = File.objects.filter(pk=file.pk, upload_status__in=File.ENDED).delete()
    return bool(gone)


def receive(*, file_id: UUID, part: Slice, stream: BinaryIO, now: datetime) -> None:
    """Take one slice that comes through our own view, as a signed address allowed it.

    Raises NotFound for an upload that is gone, the error of its state when it takes no more bytes, UploadInProgress
    when this slice has arrived before, SizeMismatch when the stream ends early, StorageError.
    """
    file = File.objects.select_related("file_manager").filter(pk=file_id).first()
    if file is None:
        raise NotFound
    if file.upload_status == File.COMPLETED:
        raise UploadInProgress
    error = state_error(file, now=now)
    if error is not None:
        raise error
    stored = get_backend(file.file_manager).write(build_upload(file, now=now), part, stream)
    if stored is not None and stored.checksums:
        written = {"etag": stored.etag, "checksums": dict(stored.checksums)}
        state = encrypt({**file.upload_state, "written": written}, row=file.pk)
        File.objects.filter(pk=file.pk, upload_status=File.PENDING).update(upload_state=state)
