"""Google Cloud Storage. See docs/backends/gcs.md.

Importing this module imports Google's libraries; `get_backend` does so when a file manager of this type is first used.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO

from fileman.backends.base import Backend
from fileman.backends.gcs.client import GCSClient
from fileman.backends.gcs.diagnosis import GCSDiagnosis
from fileman.backends.gcs.objects import GCSObjects
from fileman.backends.gcs.sessions import HASH_FIELDS, SESSION_SECONDS, GCSSessions
from fileman.backends.gcs.settings import GCSSettings, get_prefix, location_problems
from fileman.backends.gcs.signing import GOOGLES_KEY_SECONDS, GCSSigner
from fileman.backends.gcs.uploads import GCSUploads
from fileman.backends.values import (
    BackendConfig,
    Capabilities,
    DeleteFailure,
    ServeAs,
    Slice,
    StoredObject,
    Strategy,
    Upload,
    UploadRequest,
)
from fileman.errors import UploadInProgress, UploadLost

OBJECT_MAX_BYTES = 5 * 1024**4
"""Google: "Quotas and limits". One request may carry this much."""


class GCSBackend(Backend):
    """Clients write to the upload path by one signed PUT, large files by a resumable session."""

    settings_class = GCSSettings
    settings: GCSSettings
    capabilities = Capabilities(
        supports_direct_upload=True,
        max_object_bytes=OBJECT_MAX_BYTES,
        single_request_max_bytes=OBJECT_MAX_BYTES,
        large_strategy=Strategy.SESSION,
        part_max_bytes=OBJECT_MAX_BYTES,
        parts_max=1,
        single_checksums=frozenset(HASH_FIELDS),
        parts_checksums=frozenset(HASH_FIELDS),
        late_write_seconds=SESSION_SECONDS,
    )

    def __init__(self, config: BackendConfig) -> None:
        super().__init__(config)
        self.capabilities = replace(type(self).capabilities, signs_locally=self.settings.has_private_key)
        self._client = GCSClient(self.settings)
        self._signer = GCSSigner(self._client, self.settings)
        self._objects = GCSObjects(self._client)
        self._sessions = GCSSessions(self._client)
        self._uploads = GCSUploads(self._client, self._signer, self._sessions)

    # Configuration

    @classmethod
    def location_problems(cls, config: BackendConfig) -> list[str]:
        return location_problems(config.backend_url, GCSSettings(**config.settings))

    @classmethod
    def get_prefix(cls, config: BackendConfig) -> str:
        return get_prefix(config.backend_url)

    def location(self) -> str:
        """Return a name such as "gcs:google/bucket/prefix/"."""
        return f"gcs:{self.settings.place}/{self.settings.bucket_name}/{self.prefix}"

    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Read, write and delete objects of a few bytes below `.uploads/`."""
        diagnosis = GCSDiagnosis(self._client, self._objects, self._signer, self.settings, self.prefix)
        problems = diagnosis.problems(direct=self.config.supports_direct_upload)
        return not problems, problems

    # Upload

    def begin(self, upload: Upload, *, origin: str | None) -> Mapping[str, Any]:
        if upload.plan.strategy is not Strategy.SESSION:
            return {}
        return {"session": self._sessions.begin(upload, origin=origin)}

    def direct_requests(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        return [self._uploads.build_request(upload, part) for part in missing]

    def missing(self, upload: Upload) -> list[Slice]:
        is_session = upload.plan.strategy is Strategy.SESSION
        if is_session and (remainder := self._sessions.remainder(upload)):
            return [remainder]
        if self.find(upload.upload_path):
            return []
        if is_session:
            raise UploadLost
        return list(upload.slices())

    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject:
        if upload.plan.strategy is Strategy.SINGLE and self.find(upload.upload_path):
            raise UploadInProgress
        return self._uploads.write(upload, part, stream)

    def assemble(self, upload: Upload) -> StoredObject:
        """Return the facts of the object: the last byte has made it."""
        return self.stat(upload.upload_path)

    def publish(self, upload: Upload, verified: StoredObject) -> StoredObject:
        return self._objects.rewrite(upload, verified)

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

    def signing_seconds(self, now: datetime) -> int:
        return super().signing_seconds(now) if self.capabilities.signs_locally else GOOGLES_KEY_SECONDS

    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        query = {
            "response-content-type": serve_as.content_type,
            "response-content-disposition": serve_as.content_disposition,
        }
        return self._signer.sign("GET", path, query=query, expires_in=expires_in, now=now)
