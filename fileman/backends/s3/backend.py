"""Amazon S3 and compatible stores. See docs/backends/s3.md. Importing this module imports the AWS SDK."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO

from fileman.backends.base import Backend
from fileman.backends.s3.client import S3Client
from fileman.backends.s3.copies import S3Copies
from fileman.backends.s3.diagnosis import S3Diagnosis
from fileman.backends.s3.late_parts import LatePartProbe
from fileman.backends.s3.multipart import PART_MAX_BYTES, PART_MIN_BYTES, PARTS_MAX, S3Multipart
from fileman.backends.s3.objects import S3Objects
from fileman.backends.s3.settings import SINGLE_COPY_MAX_BYTES, S3Settings, get_prefix, location_problems
from fileman.backends.s3.signing import S3Signer
from fileman.backends.s3.uploads import S3Uploads
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


class S3Backend(Backend):
    """Files are sent by one POST (or PUT) to the upload path and copied; large ones by a multipart upload in place."""

    settings_class = S3Settings
    settings: S3Settings
    capabilities = Capabilities(
        supports_direct_upload=True,
        max_object_bytes=PARTS_MAX * PART_MAX_BYTES,
        single_request_max_bytes=SINGLE_COPY_MAX_BYTES,
        large_strategy=Strategy.PARTS,
        part_min_bytes=PART_MIN_BYTES,
        part_max_bytes=PART_MAX_BYTES,
        parts_max=PARTS_MAX,
    )

    def __init__(self, config: BackendConfig) -> None:
        super().__init__(config)
        self.capabilities = replace(
            self.capabilities,
            single_checksums=self.settings.single_checksums,
            parts_checksums=self.settings.parts_checksums,
            pins_copies=self.settings.is_aws,
        )
        self._client = S3Client(self.settings)
        self._signer = S3Signer(self._client, self.settings.bucket_name)
        self._objects = S3Objects(self._client, self.settings)
        self._multipart = S3Multipart(self._client, self.settings, self._objects)
        self._copies = S3Copies(self._client, self.settings, self._objects, self._multipart)
        self._late_parts = self._probe_for_late_parts()
        self._uploads = S3Uploads(self._client, self.settings, self._signer, self._objects, self._multipart)

    # Configuration

    @classmethod
    def location_problems(cls, config: BackendConfig) -> list[str]:
        return location_problems(config.backend_url, S3Settings(**config.settings))

    @classmethod
    def get_prefix(cls, config: BackendConfig) -> str:
        return get_prefix(config.backend_url)

    def location(self) -> str:
        """Return a name such as "s3:aws/bucket/prefix/" or "s3:https://host/bucket/"."""
        return f"s3:{self.settings.place}/{self.settings.bucket_name}/{self.prefix}"

    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Ask the storage. This also writes and deletes objects of a few bytes below `.uploads/`."""
        diagnosis = S3Diagnosis(
            self._client, self.settings, self._uploads, self._copies, self._probe_for_late_parts(), self.prefix
        )
        problems = diagnosis.problems(direct=self.config.supports_direct_upload)
        return not problems, problems

    def _probe_for_late_parts(self) -> LatePartProbe:
        folder = f"{self.prefix}.uploads/{self.config.manager_id}/"
        return LatePartProbe(self._client, self.settings, self._objects, folder)

    # Upload

    def begin(self, upload: Upload, *, origin: str | None) -> Mapping[str, Any]:  # noqa: ARG002
        if upload.plan.strategy is not Strategy.PARTS:
            return {}
        if not self.settings.is_aws:
            self._late_parts.run()
        return {"upload_id": self._multipart.begin(upload)}

    def direct_requests(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        return self._uploads.sign(upload, missing)

    def missing(self, upload: Upload) -> list[Slice]:
        if upload.plan.strategy is Strategy.PARTS:
            return self._multipart.missing(upload)
        return [] if self.find(upload.upload_path) else list(upload.slices())

    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject | None:
        return self._uploads.write(upload, part, stream)

    def assemble(self, upload: Upload) -> StoredObject:
        if upload.plan.strategy is Strategy.PARTS:
            return self._multipart.assemble(upload)
        return self.stat(upload.upload_path)

    def publish(self, upload: Upload, verified: StoredObject) -> StoredObject:
        return self._copies.publish(upload, verified)

    def abort(self, upload: Upload) -> None:
        self._multipart.abort(upload)
        self.delete([upload.upload_path])

    # Objects

    def stat(self, path: str) -> StoredObject:
        return self._objects.stat(path)

    def read(self, path: str, *, start: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        return self._objects.read(path, start=start, length=length, etag=etag)

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        folders = {path for path in paths if path.endswith("/")}
        for folder in folders:
            self._multipart.abort_below(folder)
        return self._objects.delete([path for path in paths if path not in folders])

    def list_objects(self, prefix: str, *, older_than: datetime | None = None) -> Iterator[StoredObject]:
        return self._objects.list_objects(prefix, older_than=older_than)

    def signing_seconds(self, now: datetime) -> int:
        self._client.credentials()  # renews those that end soon; only those of a role know when they end
        ends_at = getattr(
            self._client.connection.credentials, "_expiry_time", None
        )  # the SDK has no public name for it
        longest = super().signing_seconds(now)
        return min(longest, int((ends_at - now).total_seconds())) if ends_at else longest

    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        query = {
            "response-content-type": serve_as.content_type,
            "response-content-disposition": serve_as.content_disposition,
        }
        return self._signer.url("GET", path, query=query, expires_in=expires_in, now=now)
