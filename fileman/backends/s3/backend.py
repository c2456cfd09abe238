"""Amazon S3 and the stores that speak its protocol. See docs/backends/s3.md.

Importing this module imports the AWS SDK; `get_backend` does so when a file manager of this type is first used.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO

from fileman.backends.base import Backend
from fileman.backends.s3.client import S3Connection
from fileman.backends.s3.diagnosis import S3Diagnosis
from fileman.backends.s3.multipart import PART_MAX_BYTES, PART_MIN_BYTES, PARTS_MAX, S3Multipart
from fileman.backends.s3.objects import S3Bucket, holds_the_same
from fileman.backends.s3.settings import (
    PARTS_CHECKSUMS,
    SINGLE_CHECKSUMS,
    SINGLE_COPY_MAX_BYTES,
    S3Settings,
    get_prefix,
    location_problems,
)
from fileman.backends.s3.signing import S3Signer
from fileman.backends.s3.uploads import S3Requests
from fileman.backends.s3.writing import S3Writing
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


class S3Backend(Backend):
    """Files go up by one POST (or PUT) to the upload path, large ones by a multipart upload to the file path.

    Beyond what every backend raises: `assemble` raises SizeMismatch when the completed object is not as long as
    declared, `publish` SizeMismatch or ChecksumMismatch when another object stands at the file path already.
    """

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
        single_checksums=SINGLE_CHECKSUMS | {"md5"},
        parts_checksums=PARTS_CHECKSUMS,
    )

    def __init__(self, config: BackendConfig) -> None:
        super().__init__(config)
        self.capabilities = replace(
            self.capabilities,
            single_checksums=self.settings.single_checksums,
            parts_checksums=self.settings.parts_checksums,
        )
        self._connection = S3Connection(self.settings)
        self._signer = S3Signer(self._connection, self.settings.bucket_name)
        self._bucket = S3Bucket(self._connection, self.settings)
        self._multipart = S3Multipart(self._connection, self.settings, self._bucket)
        self._requests = S3Requests(self._signer, self.settings)
        self._writing = S3Writing(self._connection, self.settings, self._bucket, self._multipart)

    # Configuration

    @classmethod
    def location_problems(cls, config: BackendConfig) -> list[str]:
        return location_problems(config.backend_url, S3Settings(**config.settings))

    @classmethod
    def get_prefix(cls, config: BackendConfig) -> str:
        return get_prefix(config.backend_url)

    def location(self) -> str:
        """Such as "s3:aws/bucket/prefix/" or "s3:https://host/bucket/"."""
        return f"s3:{self.settings.place}/{self.settings.bucket_name}/{self.prefix}"

    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Besides reading, writes and deletes objects of a few bytes below `.uploads/`."""
        diagnosis = S3Diagnosis(self._connection, self._requests, self.settings, self.prefix)
        problems = diagnosis.problems(direct=self.config.supports_direct_upload)
        return not problems, problems

    # Upload

    def begin(self, upload: Upload, *, origin: str | None) -> Mapping[str, Any]:  # noqa: ARG002
        if upload.plan.strategy is not Strategy.PARTS:
            return {}
        return {"upload_id": self._multipart.begin(upload)}

    def direct_requests(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        return self._requests.of(upload, missing)

    def missing(self, upload: Upload) -> list[Slice]:
        if upload.plan.strategy is Strategy.PARTS:
            return self._multipart.missing(upload)
        return [] if self._bucket.find(upload.upload_path) else list(upload.slices())

    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject | None:
        if upload.plan.strategy is Strategy.PARTS:
            self._writing.part(upload, part, stream)
            return None
        return self._writing.whole(upload, part, stream)

    def assemble(self, upload: Upload, budget: Budget) -> StoredObject:  # noqa: ARG002
        """S3 assembles by itself, in one call."""
        if upload.plan.strategy is Strategy.PARTS:
            return self._multipart.assemble(upload)
        return self.stat(upload.upload_path)

    def publish(self, upload: Upload, verified: StoredObject, budget: Budget) -> StoredObject:  # noqa: ARG002
        standing = self._bucket.find(upload.file_path)
        if upload.plan.strategy is Strategy.PARTS:
            if standing is None or standing.etag != verified.etag:
                raise ObjectChanged
            return standing
        if standing:
            same = holds_the_same(verified, standing)
            if same:
                return standing
            if same is False:
                raise _mismatch(verified, standing)
        self._bucket.copy(upload, verified, create_only=standing is None)
        return self._proven_copy(upload, verified)

    def _proven_copy(self, upload: Upload, verified: StoredObject) -> StoredObject:
        """The copy, if it has the bytes that were verified: stores are known that ignore the pin."""
        published = self.stat(upload.file_path)
        same = holds_the_same(verified, published)
        if same is None:
            same = self._bucket.honours_pins(upload.file_path)
        if not same:
            self.delete([upload.file_path])
            raise ObjectChanged
        return published

    def abort(self, upload: Upload) -> None:
        if upload.plan.strategy is Strategy.PARTS:
            self._multipart.abort(upload)
        self.delete([upload.upload_path])

    # Objects

    def stat(self, path: str) -> StoredObject:
        return self._bucket.stat(path)

    def read(self, path: str, *, start: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        return self._bucket.read(path, start=start, length=length, etag=etag)

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        return self._bucket.delete(paths)

    def list_objects(self, prefix: str, *, older_than: datetime | None = None) -> Iterator[StoredObject]:
        return self._bucket.list(prefix, older_than=older_than)

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


def _mismatch(verified: StoredObject, standing: StoredObject) -> SizeMismatch | ChecksumMismatch:
    if verified.size != standing.size:
        return SizeMismatch("Another file stands where this one belongs.")
    return ChecksumMismatch("Another file stands where this one belongs.")
