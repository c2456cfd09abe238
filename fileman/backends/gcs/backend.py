"""Google Cloud Storage. See docs/backends/gcs.md.

Importing this module imports Google's authentication library; `get_backend` does so when a file manager of this type
is first used.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO

from fileman.backends.base import Backend
from fileman.backends.gcs.client import GCSConnection
from fileman.backends.gcs.diagnosis import GCSDiagnosis
from fileman.backends.gcs.objects import GCSObjects
from fileman.backends.gcs.sessions import SESSION_SECONDS, GCSSessions
from fileman.backends.gcs.settings import GCSSettings, get_prefix, location_problems
from fileman.backends.gcs.signing import GCSSigner
from fileman.backends.gcs.uploads import CHECKED_BY_GOOGLE, GCSRequests
from fileman.backends.gcs.writing import GCSWriting
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
    UploadRequest,
)
from fileman.errors import ChecksumMismatch, ObjectChanged, SizeMismatch

OBJECT_MAX_BYTES = 5 * 1024**4
"""Google: "Quotas and limits". One request may carry as much."""


class GCSBackend(Backend):
    """Files go up to the upload path by one signed PUT, large ones by a resumable session.

    Beyond what every backend raises: `publish` SizeMismatch or ChecksumMismatch when another object stands at the file
    path already.
    """

    settings_class = GCSSettings
    settings: GCSSettings
    capabilities = Capabilities(
        supports_direct_upload=True,
        max_object_bytes=OBJECT_MAX_BYTES,
        single_request_max_bytes=OBJECT_MAX_BYTES,
        large_strategy=Strategy.SESSION,
        part_max_bytes=OBJECT_MAX_BYTES,
        parts_max=1,
        single_checksums=CHECKED_BY_GOOGLE,
        parts_checksums=CHECKED_BY_GOOGLE,
        late_write_seconds=SESSION_SECONDS,
    )

    def __init__(self, config: BackendConfig) -> None:
        super().__init__(config)
        self.capabilities = replace(type(self).capabilities, signs_locally=self.settings.has_private_key)
        self._connection = GCSConnection(self.settings)
        self._signer = GCSSigner(self._connection, self.settings)
        self._objects = GCSObjects(self._connection, self.settings)
        self._sessions = GCSSessions(self._connection, self.settings, self._objects)
        self._requests = GCSRequests(self._signer)
        self._writing = GCSWriting(self._connection, self.settings, self._objects, self._sessions)

    # Configuration

    @classmethod
    def location_problems(cls, config: BackendConfig) -> list[str]:
        return location_problems(config.backend_url, GCSSettings(**config.settings))

    @classmethod
    def get_prefix(cls, config: BackendConfig) -> str:
        return get_prefix(config.backend_url)

    def location(self) -> str:
        """Such as "gcs:google/bucket/prefix/"."""
        return f"gcs:{self.settings.place}/{self.settings.bucket_name}/{self.prefix}"

    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Besides reading, writes and deletes objects of a few bytes below `.uploads/`."""
        diagnosis = GCSDiagnosis(self._connection, self._objects, self._signer, self.settings, self.prefix)
        problems = diagnosis.problems(direct=self.config.supports_direct_upload)
        return not problems, problems

    # Upload

    def begin(self, upload: Upload, *, origin: str | None) -> Mapping[str, Any]:
        if upload.plan.strategy is not Strategy.SESSION:
            return {}
        return {"session": self._sessions.begin(upload, origin=origin)}

    def direct_requests(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        return self._requests.of(upload, missing)

    def missing(self, upload: Upload) -> list[Slice]:
        if upload.plan.strategy is Strategy.SESSION:
            return self._sessions.missing(upload)
        return [] if self._objects.find(upload.upload_path) else list(upload.slices())

    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject:
        if upload.plan.strategy is Strategy.SESSION:
            return self._writing.remainder(upload, part, stream)
        return self._writing.whole(upload, part, stream)

    def assemble(self, upload: Upload, budget: Budget) -> StoredObject:  # noqa: ARG002
        """The last byte has made the object; there is nothing left to do."""
        return self.stat(upload.upload_path)

    def publish(self, upload: Upload, verified: StoredObject, budget: Budget) -> StoredObject:
        standing = self._objects.find(upload.file_path)
        if standing:
            return _adopted(verified, standing)
        try:
            return self._objects.rewrite(upload, verified, budget)
        except ObjectChanged:
            standing = self._objects.find(upload.file_path)
            if standing is None:
                raise
            return _adopted(verified, standing)

    def abort(self, upload: Upload) -> None:
        self._sessions.cancel(upload)
        self.delete([upload.upload_path])

    # Objects

    def stat(self, path: str) -> StoredObject:
        return self._objects.stat(path)

    def read(self, path: str, *, start: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        return self._objects.read(path, start=start, length=length, etag=etag)

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        return self._objects.delete(paths)

    def list_objects(self, prefix: str, *, older_than: datetime | None = None) -> Iterator[StoredObject]:
        return self._objects.list(prefix, older_than=older_than)

    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        return self._signer.url(
            "GET",
            path,
            query={
                "response-content-type": serve_as.content_type,
                "response-content-disposition": serve_as.content_disposition,
            },
            expires_in=expires_in,
            now=now,
        )


def _adopted(verified: StoredObject, standing: StoredObject) -> StoredObject:
    """What stands at the file path, published by an earlier attempt. Raises a MismatchError for anything else."""
    if standing.size != verified.size:
        raise SizeMismatch("Another file stands where this one belongs.")
    common = standing.checksums.keys() & verified.checksums.keys()
    if not common or any(standing.checksums[name] != verified.checksums[name] for name in common):
        raise ChecksumMismatch("Another file stands where this one belongs.")
    return standing
