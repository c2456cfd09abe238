"""The local disk, or a mounted one. See docs/backends/filesystem.md.

uploads/<name>                               finished files
.uploads/<manager>/<file>                    a complete upload
.uploads/<manager>/<file>.parts/             its parts, temporary files and lock
"""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import BinaryIO
from uuid import uuid4

from fileman.backends.base import Backend
from fileman.backends.filesystem.assembly import assemble, missing_parts
from fileman.backends.filesystem.diagnosis import base_url_problems, folder_problems
from fileman.backends.filesystem.errors import storage_errors
from fileman.backends.filesystem.settings import FilesystemSettings, location_problems
from fileman.backends.filesystem.tree import WORK_SUFFIX, Tree
from fileman.backends.streams import CHUNK_BYTES, ExactBody
from fileman.backends.values import (
    BackendConfig,
    Budget,
    Capabilities,
    DeleteFailure,
    ServeAs,
    Slice,
    StoredObject,
    Strategy,
    Upload,
)
from fileman.errors import (
    ChecksumMismatch,
    FileMissing,
    ObjectChanged,
    StorageError,
    UploadInProgress,
)

GIB = 1024**3


class FilesystemBackend(Backend):
    """Bytes come and go through this server's own views. An object is a file that is linked to its path, never changed.

    In addition to the errors of every backend: a path that could lead out of `base_path` raises StorageMisconfigured,
    `assemble` raises PartsMissing, `publish` ChecksumMismatch when another object is at the file path already.
    """

    settings_class = FilesystemSettings
    settings: FilesystemSettings
    capabilities = Capabilities(
        supports_direct_upload=False,
        max_object_bytes=16 * 1024 * GIB,
        single_request_max_bytes=5 * GIB,
        large_strategy=Strategy.PARTS,
        part_max_bytes=5 * GIB,
        parts_max=10_000,
        single_checksums=frozenset({"sha256"}),
    )

    def __init__(self, config: BackendConfig) -> None:
        super().__init__(config)
        self._tree = Tree(
            root=self.settings.root,
            create_folders=self.settings.create_directories,
            file_mode=self.settings.file_mode,
            folder_mode=self.settings.folder_mode,
        )

    # Configuration

    @classmethod
    def location_problems(cls, config: BackendConfig) -> list[str]:
        return location_problems(config.backend_url, FilesystemSettings(**config.settings))

    def location(self) -> str:
        return f"file:{os.path.realpath(self.settings.root)}"

    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Write and delete a file of a few bytes in each of the two folders."""
        problems = base_url_problems(self.settings.base_url)
        problems += folder_problems(self._tree, manager_id=self.config.manager_id)
        return not problems, problems

    # Upload

    @storage_errors()
    def missing(self, upload: Upload) -> list[Slice]:
        if self._tree.find(upload.upload_path):
            return []
        if upload.plan.total_parts == 1:
            return list(upload.slices())
        return missing_parts(self._tree, upload, work_folder=_work_folder(upload.upload_path))

    @storage_errors()
    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject | None:
        whole = upload.plan.total_parts == 1
        part_path = f"{_work_folder(upload.upload_path)}/{part.part_number}"
        path = upload.upload_path if whole else part_path
        if self._tree.find(upload.upload_path) or self._tree.find(path):
            raise UploadInProgress
        body = ExactBody(stream, part.length, algorithms=upload.checksum_algorithms if whole else ())
        try:
            self._tree.write(path, body, temporary=f"{part_path}.{uuid4().hex}.tmp")
        except FileExistsError:
            raise UploadInProgress from None
        return self._stat(path, checksums=body.checksums) if whole else None

    @storage_errors()
    def assemble(self, upload: Upload, budget: Budget) -> StoredObject:
        if upload.plan.total_parts > 1:
            assemble(self._tree, upload, budget, work_folder=_work_folder(upload.upload_path))
        return self._stat(upload.upload_path)

    @storage_errors()
    def publish(self, upload: Upload, verified: StoredObject, budget: Budget) -> StoredObject:  # noqa: ARG002
        if self._tree.find(upload.file_path) is None:
            if self._stat(upload.upload_path).etag != verified.etag:
                raise ObjectChanged
            try:
                self._tree.link(upload.upload_path, upload.file_path)
            except FileExistsError:
                pass  # another call has published it meanwhile
            else:
                return self._check_link(upload, verified)
        published = self._stat(upload.file_path)
        if published.etag != verified.etag:
            raise ChecksumMismatch("Another file is already stored at this path.")
        return published

    def _check_link(self, upload: Upload, verified: StoredObject) -> StoredObject:
        """Return the new link. Raises ObjectChanged if the file at the upload path was replaced just before."""
        published = self._stat(upload.file_path)
        if published.etag != verified.etag:
            self._tree.remove(upload.file_path)
            raise ObjectChanged
        return published

    @storage_errors()
    def abort(self, upload: Upload) -> None:
        self._remove_upload(upload.upload_path)

    def _remove_upload(self, upload_path: str) -> None:
        self._tree.remove(upload_path)
        self._tree.remove_folder(_work_folder(upload_path))

    # Objects

    @storage_errors()
    def stat(self, path: str) -> StoredObject:
        return self._stat(path)

    def _stat(self, path: str, *, checksums: dict[str, str] | None = None) -> StoredObject:
        found = self._tree.find(path)
        if found is None:
            raise FileMissing
        return _to_stored_object(path, found, checksums=checksums)

    def read(self, path: str, *, start: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        with storage_errors(), self._tree.opened(path) as descriptor:
            found = os.fstat(descriptor)
            if etag is not None and etag != _etag(found):
                raise ObjectChanged
            end = found.st_size if length is None else min(start + length, found.st_size)
            while start < end:
                chunk = os.pread(descriptor, min(CHUNK_BYTES, end - start), start)
                if not chunk:
                    raise ObjectChanged
                start += len(chunk)
                yield chunk

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        """Delete the work folder of an upload together with its upload path."""
        failures = []
        for path in paths:
            try:
                self._delete(path)
            except StorageError as error:
                failures.append(DeleteFailure(path=path, reason=str(error.__cause__ or error)))
        return failures

    @storage_errors()
    def _delete(self, path: str) -> None:
        if path.startswith(".uploads/"):
            self._remove_upload(path)
        else:
            self._tree.remove(path)

    def list_objects(self, prefix: str, *, older_than: datetime | None = None) -> Iterator[StoredObject]:
        """Yield the temporary files of interrupted uploads too."""
        with storage_errors():
            for path, found in self._tree.files(prefix):
                stored = _to_stored_object(path, found)
                if older_than is None or (stored.modified and stored.modified < older_than):
                    yield stored

    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        if not self.settings.base_url:
            return super().sign_url(path, expires_in=expires_in, serve_as=serve_as, now=now)
        token = self._sign_content(path, expires_in=expires_in, serve_as=serve_as, now=now)
        return f"{self.settings.base_url.rstrip('/')}/{token}"


def _work_folder(upload_path: str) -> str:
    return f"{upload_path}{WORK_SUFFIX}"


def _etag(found: os.stat_result) -> str:
    """Return the same for every name of one file. No file is ever changed after it got its name."""
    return f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"


def _to_stored_object(path: str, found: os.stat_result, *, checksums: dict[str, str] | None = None) -> StoredObject:
    modified = datetime.fromtimestamp(found.st_mtime, tz=UTC)
    return StoredObject(path=path, size=found.st_size, etag=_etag(found), checksums=checksums or {}, modified=modified)
