"""Diagnose a file manager's storage, or an upload that did not arrive, in sentences for an operator."""

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ImproperlyConfigured

from fileman.backends import get_backend
from fileman.backends.values import StoredObject, Upload
from fileman.errors import StorageError, UploadLost
from fileman.models import File, FileManager
from fileman.uploads import transitions
from fileman.uploads.instructions import build_upload
from fileman.uploads.state import UploadState


@dataclass(frozen=True, kw_only=True)
class FileFindings:
    """One file, as the database and the storage know it."""

    published: StoredObject | None
    """At the file path or, if the upload is unfinished, at that of a try."""
    uploaded: StoredObject | None
    """At the upload path, where signed requests write."""
    verdict: str
    """What this means, and what must happen next."""
    in_order: bool
    """False if the file is completed and its object is not the one that was published."""


def diagnose_manager(manager: FileManager) -> list[str]:
    """Return one sentence for each problem of the settings or of the storage behind them. Never raises."""
    try:
        return get_backend(manager).validate_configuration()[1]
    except (StorageError, ImproperlyConfigured) as error:
        return [str(error)]


def diagnose_file(file: File, *, now: datetime) -> FileFindings:
    """Compare the row with the storage; change nothing. Raises StorageError if the storage cannot be asked."""
    is_completed = file.upload_status == File.COMPLETED
    paths = [file.stored_path] if is_completed else transitions.get_tried_paths(file)
    published = next((found for path in paths if (found := _stored(file, path))), None)
    uploaded = _stored(file, file.upload_path)
    damage = _damage(file, published) if is_completed else ""
    return FileFindings(
        published=published,
        uploaded=uploaded,
        verdict=damage or _standing(file, arrived=bool(published or uploaded), now=now),
        in_order=not damage,
    )


def _stored(file: File, path: str) -> StoredObject | None:
    return get_backend(file.file_manager).find(path)


def _damage(file: File, published: StoredObject | None) -> str:
    if published is None:
        return "The stored object is gone. Something other than fileman has deleted it."
    if published.size != file.file_size:
        return "The stored object has another size. Something other than fileman has replaced it."
    if published.etag != file.etag:
        return "The stored object was written again later, for example by a restored backup. Compare its checksum."
    return _reading_problem(file)


def _reading_problem(file: File) -> str:
    """Read the first and the last byte: a store may describe an object that it can no longer read."""
    backend = get_backend(file.file_manager)
    try:
        ends = [
            b"".join(backend.read(file.stored_path, start=start, length=1, etag=file.etag))
            for start in (0, file.file_size - 1)
        ]
    except StorageError as error:
        return f"The stored object cannot be read: {error.message}"
    return "" if all(ends) else "The stored object cannot be read: the storage returns no bytes of it."


def _standing(file: File, *, arrived: bool, now: datetime) -> str:
    if file.upload_status == File.COMPLETED:
        return "The file is complete and in order."
    over = transitions.state_error(file, now=now)
    return over.message if over else _next_step(file, arrived=arrived, now=now)


def _next_step(file: File, *, arrived: bool, now: datetime) -> str:
    upload = build_upload(file, now=now)
    missing_bytes = 0 if arrived else _missing_bytes(file, upload)
    if not missing_bytes:
        return "All bytes have arrived. finalizeUpload was not called, or did not complete."
    if missing_bytes < upload.size:
        return f"{missing_bytes} of {upload.size} bytes have not arrived. refreshUpload returns the missing requests."
    return "Nothing has arrived. The client has not sent it, or the storage refuses it (CORS, expired URLs)."


def _missing_bytes(file: File, upload: Upload) -> int:
    if UploadState.from_file(file).needs_begin:
        return upload.size
    try:
        return sum(part.length for part in get_backend(file.file_manager).missing(upload))
    except UploadLost:
        return upload.size
