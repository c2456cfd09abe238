"""Amazon S3 and compatible stores. See docs/backends/s3.md. Importing this module imports the AWS SDK."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from fileman.backends.s3.copies import S3Copies
from fileman.backends.s3.diagnosis import S3Diagnosis
from fileman.backends.s3.late_parts import LatePartProbe
from fileman.backends.s3.multipart import PART_MAX_BYTES, PART_MIN_BYTES, PARTS_MAX
from fileman.backends.s3.settings import SINGLE_COPY_MAX_BYTES
from fileman.backends.values import BackendConfig, Capabilities, ServeAs, Strategy, Upload

# The longest life of temporary credentials (AWS: "GetSessionToken"), for those that do not say when they end.
SESSION_SECONDS = 36 * 3600


class S3Backend(S3Copies):
    """Files are sent by one POST (or PUT) to the upload path and copied; large ones by a multipart upload in place."""

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
        self._late_parts = LatePartProbe(self._client, self)

    def location(self) -> str:
        """Return a name such as "s3:aws/bucket/prefix/" or "s3:https://host/bucket/"."""
        return f"s3:{self.settings.place}/{self.settings.bucket_name}/{self.prefix}"

    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Ask the storage. This also writes and deletes objects of a few bytes below `.uploads/`."""
        return S3Diagnosis(self, self._client).run()

    def begin(self, upload: Upload, *, origin: str | None) -> Mapping[str, Any]:  # noqa: ARG002
        if upload.plan.strategy is not Strategy.PARTS:
            return {}
        if not self.settings.is_aws:
            self._late_parts.run()
        return {"upload_id": self._begin_parts(upload)}

    def signing_seconds(self, now: datetime) -> int:
        is_temporary = self._client.credentials().token is not None  # this renews those that end soon
        ends_at = getattr(self._client.connection.credentials, "_expiry_time", None)  # it has no public name
        longest = SESSION_SECONDS if is_temporary else super().signing_seconds(now)
        return min(longest, int((ends_at - now).total_seconds())) if ends_at else longest

    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        query = {
            "response-content-type": serve_as.content_type,
            "response-content-disposition": serve_as.content_disposition,
        }
        return self._signer.url("GET", path, query=query, headers={}, expires_in=expires_in, now=now)
