"""Receive: take one slice of an upload through our own view."""

from dataclasses import replace
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

from fileman.backends import get_backend
from fileman.backends.values import Slice
from fileman.errors import NotFound, UploadInProgress
from fileman.models import File
from fileman.uploads.instructions import build_upload
from fileman.uploads.state import UploadState, WrittenObject
from fileman.uploads.transitions import state_error


def receive(*, file_id: UUID, part: Slice, stream: BinaryIO, now: datetime) -> None:
    """Pass one slice on to the storage, as a signed URL allowed it.

    Raises NotFound if the upload is gone, the error of its state if it takes no more bytes, UploadInProgress if the
    slice has arrived before, SizeMismatch if the stream ends early, and StorageError.
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
        written = WrittenObject(etag=stored.etag, checksums=stored.checksums)
        state = replace(UploadState.from_file(file), written=written)
        File.objects.filter(pk=file.pk, upload_status=File.PENDING).update(**state.update_for(file))
