"""The local disk, or a mounted one. See docs/backends/filesystem.md.

uploads/<file>/<try>/<name>                  finished files
uploads/<file>/.parts/                       an unfinished copy and its lock, where uploads/ is a device of its own
uploads/<name>                               finished files of earlier versions
.uploads/<manager>/<file>                    a complete upload
.uploads/<manager>/<file>.parts/             its parts, in one file with a table beside it; temporary files

Calls of the operating system have no time-out, so nothing here calls `time_limit.start_call`; copies work in pieces.
"""

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import BinaryIO
from uuid import uuid4

from fileman.backends.base import Backend
from fileman.backends.filesystem.diagnosis import FilesystemDiagnosis, place_problems
from fileman.backends.filesystem.entries import MARKER
from fileman.backends.filesystem.errors import storage_errors
from fileman.backends.filesystem.parts import assemble, missing_parts, work_folder, write_part
from fileman.backends.filesystem.publishing import publish
from fileman.backends.filesystem.settings import FilesystemSettings
from fileman.backends.filesystem.tree import Tree, get_etag, to_stored_object
from fileman.backends.streams import CHUNK_BYTES, ExactBody
from fileman.backends.values import BackendConfig, Capabilities, DeleteFailure, ServeAs, Slice, StoredObject, Upload
from fileman.errors import ObjectChanged, StorageError, StorageUnavailable, UploadInProgress

GIB = 1024**3
_FOLDERS = ("uploads", ".uploads")  # each may be a disk of its own
_UNMARKED = (
    f"There is no file {MARKER} in {{}}/{{}}. If its disk is not mounted, mount it. If it is, save the file manager "
    "or run fileman_doctor, which create that file. Until then absent files do not count as deleted."
)
_LACKS_FILES = (
    "The oldest file of this storage is not in {}, so its disk may not be mounted. If it is, create the file "
    f"{MARKER} in its folders uploads and .uploads."
)


class FilesystemBackend(Backend):
    """Bytes come and go through this server's own views. An object is a file that is linked to its path, never changed.

    In addition to the errors of every backend: a path that could lead out of `base_path` raises StorageMisconfigured,
    `assemble` raises PartsMissing.
    """

    settings_class = FilesystemSettings
    settings: FilesystemSettings
    capabilities = Capabilities(
        supports_direct_upload=False,
        max_object_bytes=16 * 1024 * GIB,
        single_request_max_bytes=5 * GIB,
        part_max_bytes=5 * GIB,
        parts_max=10_000,
        single_checksums=frozenset({"sha256"}),
        sandboxes_downloads=True,
    )

    def __init__(self, config: BackendConfig) -> None:
        super().__init__(config)
        self._tree = Tree(self.settings)
        self.local_root = self.settings.root

    # Configuration

    def location(self) -> str:
        return f"file:{os.path.realpath(self.settings.root)}"

    def place_problems(self) -> list[str]:
        return place_problems(self.settings.root, self.settings.base_url)

    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Write and delete files of a few bytes in both folders."""
        return FilesystemDiagnosis(self).run()

    @storage_errors()
    def mark_place(self, known: Iterable[str]) -> None:
        """Mark the folders of uploads and of files. Only then does `delete` believe that a file is absent."""
        if all(map(self._tree.has_marker, _FOLDERS)):
            return
        if not all(map(self._tree.find, known)):
            raise StorageUnavailable(_LACKS_FILES.format(self.settings.root))
        for folder in _FOLDERS:
            self._tree.has_marker(folder, create=True)

    # Upload

    @storage_errors()
    def missing(self, upload: Upload) -> list[Slice]:
        if self._tree.find(upload.upload_path):
            return []
        return list(upload.slices()) if upload.plan.total_parts == 1 else missing_parts(self._tree, upload)

    @storage_errors()
    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject | None:
        path = upload.upload_path
        if self._tree.find(path):
            raise UploadInProgress
        if upload.plan.total_parts > 1:
            write_part(self._tree, upload, part, ExactBody(stream, part.length))
            return None
        body = ExactBody(stream, part.length, algorithms=upload.checksum_algorithms)
        try:
            self._tree.write(path, body, temporary=f"{work_folder(path)}/{uuid4().hex}.tmp")
        except FileExistsError:
            raise UploadInProgress from None
        return self._tree.get(path, checksums=body.checksums)

    @storage_errors()
    def assemble(self, upload: Upload) -> StoredObject:
        if upload.plan.total_parts > 1:
            assemble(self._tree, upload)
        return self._tree.get(upload.upload_path)

    @storage_errors()
    def publish(self, upload: Upload, verified: StoredObject) -> StoredObject:
        return publish(self._tree, upload, verified)

    @storage_errors()
    def abort(self, upload: Upload) -> None:
        self._remove_upload(upload.upload_path, upload.folder)

    def _remove_upload(self, upload_path: str, folder: str) -> bool:
        removed = self._tree.remove(upload_path)
        self._tree.remove_folder(work_folder(upload_path))
        self._remove_copy(folder)
        return removed

    def _remove_copy(self, folder: str) -> None:
        self._tree.remove_folder(work_folder(folder))
        self._tree.remove_empty_folders(work_folder(folder))

    # Objects

    @storage_errors()
    def stat(self, path: str) -> StoredObject:
        return self._tree.get(path)

    def read(self, path: str, *, start: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        with storage_errors(), self._tree.opened(path) as descriptor:
            found = os.fstat(descriptor)
            if etag is not None and etag != get_etag(found):
                raise ObjectChanged
            end = found.st_size if length is None else min(start + length, found.st_size)
            while start < end:
                chunk = os.pread(descriptor, min(CHUNK_BYTES, end - start), start)
                if not chunk:
                    raise ObjectChanged
                start += len(chunk)
                yield chunk

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        """Delete what is unfinished together with its upload path or file path, and folders that are empty then."""
        failures = []
        for path in paths:
            try:
                self._delete(path)
            except StorageError as error:
                reason = getattr(error.__cause__, "strerror", None) or str(error)
                failures.append(DeleteFailure(path=path, reason=reason))
        return failures

    @storage_errors(logging.INFO)  # the deletion queue logs what is returned, once
    def _delete(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        if path.startswith(".uploads/"):
            removed = self._remove_upload(path, f"uploads/{name}/")
        else:
            is_folder = not name and folder.count("/") == 1  # an `Upload.folder`
            removed = not is_folder and self._tree.remove(path)
            self._tree.remove_empty_folders(path)
            if "/" in folder:  # not a file of earlier versions, which has no folder of its own
                self._remove_copy("/".join(path.split("/")[:2]) + "/")
        if not removed and not self._tree.has_marker(path):
            raise StorageUnavailable(_UNMARKED.format(self.settings.root, path.partition("/")[0]))

    def list_objects(self, prefix: str, *, older_than: datetime | None = None) -> Iterator[StoredObject]:
        """Yield the temporary files of interrupted uploads too."""
        with storage_errors():
            for path, found in self._tree.files(prefix):
                stored = to_stored_object(path, found)
                if older_than is None or (stored.modified and stored.modified < older_than):
                    yield stored

    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        if not self.settings.base_url:
            return super().sign_url(path, expires_in=expires_in, serve_as=serve_as, now=now)
        token = self._sign_content(path, expires_in=expires_in, serve_as=serve_as, now=now)
        return f"{self.settings.base_url.rstrip('/')}/{token}"
