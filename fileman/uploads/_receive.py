"""Receive: take one slice of an upload through our own view."""

from dataclasses import replace
from datetime import datetime
from io import BytesIO
from types import SimpleNamespace
from typing import Any, BinaryIO
from uuid import UUID

from fileman.backends import get_backend
from fileman.backends.streams import ExactBody
from fileman.backends.values import HEAD_BYTES, Slice, Strategy
from fileman.errors import ContentTypeMismatch, NotFound, UploadInProgress
from fileman.models import File
from fileman.uploads import disposal, transitions
from fileman.uploads.instructions import build_upload
from fileman.uploads.state import UploadState, WrittenObject
from fileman.validation import acceptance, content_types


def receive(*, file_id: UUID, part: Slice, stream: BinaryIO, now: datetime) -> None:
    """Pass one slice on to the storage, as a signed URL allowed it.

    Raises NotFound if the upload is gone, the error of its state if it takes no more bytes, UploadInProgress if the
    slice has arrived before, SizeMismatch if the stream ends early, ContentTypeMismatch if the first of several slices
    begins like another file than the declared one, and StorageError.
    """
    file = File.objects.select_related("file_manager").filter(pk=file_id).first()
    if file is None:
        raise NotFound
    if file.upload_status == File.COMPLETED:
        raise UploadInProgress
    error = transitions.state_error(file, now=now)
    if error is not None:
        raise error
    upload, backend = build_upload(file, now=now), get_backend(file.file_manager)
    if upload.plan.strategy is not Strategy.SINGLE and part.offset == 0 and part.length >= HEAD_BYTES:
        stream = _look_at_beginning(file, stream, now=now)
    stored = backend.write(upload, part, stream)
    if stored is not None and stored.checksums:
        written = WrittenObject(etag=stored.etag, checksums=stored.checksums)
        state = replace(UploadState.from_file(file), written=written)
        File.objects.filter(pk=file.pk, upload_status=File.PENDING).update(**state.update_for(file))


def _look_at_beginning(file: File, stream: BinaryIO, *, now: datetime) -> Any:
    """Return the stream with its first bytes, if finalize will accept those; else the upload fails now."""
    head = ExactBody(stream, HEAD_BYTES).take()
    try:
        acceptance.settle_content_type(file, content_types.verify(head, declared=file.content_type))
    except ContentTypeMismatch as mismatch:
        attempt_id = transitions.claim(file, now=now)
        if attempt_id and transitions.fail(file, attempt_id, reason=mismatch.message, has_tried=False, now=now):
            disposal.drop_soon(file, now=now)
        raise
    start = BytesIO(head)
    return SimpleNamespace(read=lambda size: start.read(size) or stream.read(size))
