"""The use cases of an existing file: find, update, delete, and URLs to download it."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from io import SEEK_END
from os import PathLike
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Final
from urllib.parse import urljoin
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone

from fileman import access, conf, deletion_queue, errors, uploads
from fileman.access import rates
from fileman.backends import get_backend
from fileman.backends.streams import CHUNK_BYTES
from fileman.backends.time_limit import is_over, time_limit
from fileman.backends.values import Disposition, ServeAs
from fileman.caller import ANONYMOUS, Caller
from fileman.models import File, FileManager
from fileman.uploads import DeclaredFile, InitiateRequest, disposal, transitions
from fileman.uploads.instructions import build_upload
from fileman.validation import acceptance, content_types, filenames, json_metadata

UNCHANGED: Final = object()
MANAGER_COLUMNS = ("id", "backend_type", "backend_url", "settings", "supports_direct_upload", "modified")
"""Columns that a file manager's backend is built from."""
DOWNLOAD_COLUMNS = (
    "id", "file_path", "upload_status", "original_filename", "content_type", "is_public",
    "uploaded_by_id", "group_id", "file_manager_id",
    *(f"file_manager__{column}" for column in (*MANAGER_COLUMNS, "group_id", "is_active")),
)  # fmt: skip
"""Columns that a download URL is built from."""


def store(
    source: BinaryIO | str | PathLike[str],
    *,
    user: Any,
    filename: str = "",
    manager: FileManager | None = None,
    clock: Callable[[], datetime] = timezone.now,
    **declared: Any,
) -> File:
    """Store a file that this server made, through the same checks as any upload, and return it completed.

    `source`: a path, or a binary stream read from its position to its end. `filename`: required for a stream.
    `manager`: one that the user may upload to; None is the user's default. `declared`: further fields of DeclaredFile,
    such as `content_type`, `checksum`, `metadata` and `is_public`. Streams of any size pass in bounded memory.
    Raises the FilemanError of the step that failed; then nothing is stored.
    """
    with _opened(source) as stream:
        start = stream.tell()
        size = stream.seek(0, SEEK_END) - start
        caller = Caller(user=user, is_rate_limited=False)
        one = DeclaredFile(filename=filename or _own_name(stream), size=size, **declared)
        request = InitiateRequest(files=(one,), file_manager_id=None if manager is None else manager.pk)
        (ticket,) = uploads.initiate(caller=caller, request=request, now=clock()).tickets
        if ticket.file is None or ticket.upload_token is None:
            raise ticket.errors[0]
        try:
            for part in build_upload(ticket.file, now=clock()).slices():
                stream.seek(start + part.offset)
                uploads.receive(file_id=ticket.file.pk, part=part, stream=stream, now=clock())
            return _finalize_patiently(caller, ticket.upload_token, clock)
        except BaseException:
            uploads.abort(caller=caller, upload_token=ticket.upload_token, now=clock())
            raise


def _own_name(stream: BinaryIO) -> str:
    name = getattr(stream, "name", "")  # a file descriptor for files without a name
    return Path(name).name if isinstance(name, str) else ""


@contextmanager
def _opened(source: BinaryIO | str | PathLike[str]) -> Iterator[BinaryIO]:
    """Yield a stream that can seek. One that cannot is copied to a temporary file first."""
    if isinstance(source, str | PathLike):
        with Path(source).open("rb") as stream:
            yield stream
    elif source.seekable():
        yield source
    else:
        with TemporaryFile() as copy:
            shutil.copyfileobj(source, copy, CHUNK_BYTES)
            copy.seek(0)
            yield copy


def _finalize_patiently(caller: Caller, upload_token: str, clock: Callable[[], datetime]) -> File:
    """Finalize until it is over. It is over by the upload's deadline."""
    while True:
        outcome = uploads.finalize(caller=caller, upload_token=upload_token, now=clock())
        if outcome.error is None:
            return outcome.file
        if not isinstance(outcome.error, errors.UploadInProgress):
            raise outcome.error
        time.sleep(outcome.error.retry_after_seconds or 1)


def find(caller: Caller, file_id: UUID) -> File:
    """Return a file that the caller may see. Raises NotFound."""
    rows = access.policy().visible_files(caller).select_related("file_manager__group", "group", "uploaded_by")
    file = rows.filter(pk=file_id).first()
    if file is None:
        raise errors.NotFound(field=("id",))
    return file


def update(
    *,
    caller: Caller,
    file_id: UUID,
    original_filename: str | None = None,
    metadata: object = UNCHANGED,
    is_public: bool | None = None,
    now: datetime,
) -> File:
    """Change the display name, replace the metadata, publish or withdraw. Omitted arguments change nothing.

    Raises Unauthenticated, RateLimited, NotFound, PermissionDenied, InvalidFilename, ExtensionNotAllowed,
    ContentTypeMismatch, InvalidMetadata.
    """
    access.require_signed_in(caller)
    rates.count(caller, "CHANGES", now=now)
    file = find(caller, file_id)
    if not access.policy().may_update(caller, file):
        raise errors.PermissionDenied
    changes: dict[str, Any] = {"modified": now}
    if original_filename is not None:
        changes["original_filename"] = _checked_name(file, original_filename, field=("originalFilename",))
    if metadata is not UNCHANGED:
        changes["metadata"] = json_metadata.clean(metadata, field=("metadata",))
    if is_public is not None:
        allowed = access.policy().may_publish(caller) or file.file_manager.is_public_default
        if is_public and not file.is_public and not allowed:
            raise errors.PermissionDenied("You do not have permission to make files public.", field=("isPublic",))
        changes["is_public"] = is_public
    File.objects.filter(pk=file.pk).update(**changes)
    return find(caller, file_id)


def _checked_name(file: File, given: str, *, field: tuple[str, ...]) -> str:
    """Apply the rules of initiate, so that no download gets an extension that uploads may not have."""
    name = filenames.display_name(given, field=field)
    acceptance.check_extension(name, manager=file.file_manager, field=field)
    acceptance.check_agreement(file.content_type, name, manager=file.file_manager, field=field)
    file.original_filename = name
    acceptance.settle_content_type(file, file.detected_content_type or content_types.UNKNOWN, field=field)
    return name


def delete(*, caller: Caller, file_id: UUID, only_unfinished: bool = False, now: datetime) -> UUID:
    """Delete a file: its row now, its object right after. An unfinished upload is aborted. Return the file's id.

    `only_unfinished`: raise InvalidInput for other uploads.

    A caller who repeats the call succeeds again, for as long as the deletion queue knows the file. Raises
    Unauthenticated, RateLimited, NotFound, PermissionDenied, FileInUse if it belongs to a row of the host project,
    UploadInProgress while a finalize call holds the upload, and StorageError if an ended upload cannot be aborted.
    """
    access.require_signed_in(caller)
    rates.count(caller, "CHANGES", now=now)
    try:
        _delete(caller, file_id, only_unfinished=only_unfinished, now=now)
    except errors.NotFound:
        if not deletion_queue.was_requested(file_id, by=caller.user):
            raise
    except IntegrityError as error:  # a row of the host project began to point to the file in this very moment
        raise errors.FileInUse from error
    return file_id


def delete_all(*, caller: Caller, ids: Sequence[UUID], now: datetime) -> tuple[list[UUID], list[errors.FilemanError]]:
    """Delete files, each as `delete` does. Return the ids of the deleted ones, and the others' errors with their place.

    What FINALIZE_BUDGET_SECONDS does not reach gets OutOfTime: call again. Raises Unauthenticated and InvalidInput.
    """
    access.require_signed_in(caller)
    settings = conf.settings()
    if not 1 <= len(ids) <= settings.MAX_BATCH_FILES:
        raise errors.InvalidInput(f"Pass 1 to {settings.MAX_BATCH_FILES} ids.", field=("ids",))
    deleted, failed = [], []
    with time_limit(settings.FINALIZE_BUDGET_SECONDS):
        for index, file_id in enumerate(ids):
            try:
                if index and is_over():
                    raise errors.OutOfTime
                deleted.append(delete(caller=caller, file_id=file_id, now=now))
            except errors.FilemanError as error:
                error.field = ("ids", str(index))
                failed.append(error)
    return deleted, failed


def _delete(caller: Caller, file_id: UUID, *, only_unfinished: bool, now: datetime) -> None:
    file = find(caller, file_id)
    if not access.policy().may_delete(caller, file):
        raise errors.PermissionDenied
    if file.upload_status in File.UNFINISHED:
        with transaction.atomic():
            if transitions.abort(file, now=now):
                deletion_queue.name_requester(file, caller.user)
                disposal.drop_soon(file, now=now)
                return
        file = find(caller, file_id)  # another call was faster
        if file.upload_status in File.UNFINISHED:
            raise errors.UploadInProgress
    if only_unfinished:
        raise errors.InvalidInput("This upload has already ended.")
    if file.upload_status == File.COMPLETED:
        _delete_completed(caller, file, now=now)
    else:
        _delete_ended(caller, file, now=now)


def _delete_ended(caller: Caller, file: File, *, now: datetime) -> None:
    deletion_queue.enqueue({file: ()}, now=now)  # cleanup may have worked off its rows
    deletion_queue.name_requester(file, caller.user)
    if disposal.must_be_stopped(file):
        with time_limit(conf.settings().FINALIZE_BUDGET_SECONDS):
            disposal.stop(file, now=now)
    if disposal.remove_rows([file], disposal.ENDED, now=now)[1]:
        raise errors.FileInUse


def _delete_completed(caller: Caller, file: File, *, now: datetime) -> None:
    with transaction.atomic():
        if not disposal.remove_rows([file], disposal.UNATTACHED, now=now)[0]:
            find(caller, file.pk)  # unless another call was faster
            raise errors.FileInUse
        deletion_queue.name_requester(file, caller.user)
        disposal.drop_soon(file, now=now)


def download_url(
    *, caller: Caller, file: File, expires_in: int | None = None, disposition: Disposition = "attachment", now: datetime
) -> str | None:
    """Return the storage's signed URL, absolute; None unless the file is completed and the caller may see it.

    If signing needs the network, return the stable link instead. `expires_in`: see `signed_download`. What
    `displays_inline` denies is an attachment, what may do harm one without its type. Raises RateLimited.
    """
    if not _may_download(caller, file):
        return None
    rates.count_download_url(caller, now=now)
    if not get_backend(file.file_manager).capabilities.signs_locally:
        link = urljoin(caller.site_url, file.permalink)
        return f"{link}?inline=1" if disposition == "inline" else link
    url = signed_download(file, viewer=caller, expires_in=expires_in, disposition=disposition, now=now)
    return url if url.startswith(("https://", "http://")) else urljoin(caller.site_url, url)


def signed_download(
    file: File, *, viewer: Caller, expires_in: int | None = None, disposition: Disposition, now: datetime
) -> str:
    """Return a signed URL for a viewer who may see the file. `expires_in`: at most download_expires_in, the default."""
    backend = get_backend(file.file_manager)
    most = backend.settings.download_expires_in
    is_inline = disposition == "inline" and displays_inline(file)
    serve_as = ServeAs(
        disposition="inline" if is_inline else "attachment",
        filename=file.original_filename,
        content_type=file.content_type if is_inline else content_types.served(file.content_type),
        viewer=str(viewer.user.pk) if viewer.is_signed_in else "",
    )
    seconds = most if expires_in is None else min(expires_in, most)
    return backend.get_url(file.stored_path, seconds, serve_as=serve_as, now=now)


def displays_inline(file: File) -> bool:
    """Return True if browsers show the file when asked to: a raster image, or what INLINE_TYPES adds."""
    row, capabilities = content_types.find(file.content_type), get_backend(file.file_manager).capabilities
    is_safe = row.family != "active" or capabilities.sandboxes_downloads
    is_chosen = row.inline == content_types.BY_SETTING and content_types.matches(row.name, conf.settings().INLINE_TYPES)
    return row.inline == content_types.SHOWN or (is_safe and is_chosen)


def require_visible(*, manager_id: Any, path: str, viewer: str) -> None:
    """Raise NotFound unless the path is that of a completed file that the user with this primary key may see now."""
    user = get_user_model()._default_manager.filter(pk=viewer).first() if viewer else None  # noqa: SLF001
    visible = access.policy().visible_files(Caller(user=user) if user else ANONYMOUS)
    if not visible.filter(file_manager=manager_id, file_path=path, upload_status=File.COMPLETED).exists():
        raise errors.NotFound


def permalink(*, caller: Caller, file: File) -> str | None:
    """Return the stable link, which checks access on each use. None unless completed and visible to the caller."""
    return urljoin(caller.site_url, file.permalink) if _may_download(caller, file) else None


def _may_download(caller: Caller, file: File) -> bool:
    return file.upload_status == File.COMPLETED and access.policy().may_see(caller, file)
