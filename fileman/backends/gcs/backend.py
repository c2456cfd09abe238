"""Google Cloud Storage. See docs/backends/gcs.md.

Importing this module imports Google's libraries; `get_backend` does so when a file manager of this type is first used.
"""

from datetime import datetime

from fileman.backends.gcs.diagnosis import GCSDiagnosis
from fileman.backends.gcs.signing import GOOGLES_KEY_SECONDS
from fileman.backends.gcs.uploads import HASH_FIELDS, SESSION_SECONDS, GCSUploads
from fileman.backends.values import Capabilities, ServeAs, Strategy

OBJECT_MAX_BYTES = 5 * 1024**4
"""Google: "Quotas and limits". One request may carry this much."""


class GCSBackend(GCSUploads):
    """What the backend can do, and where it is."""

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

    def location(self) -> str:
        """Return a name such as "gcs:google/bucket/prefix/"."""
        return f"gcs:{self.settings.place}/{self.settings.bucket_name}/{self.prefix}"

    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Read, write and delete objects of a few bytes below `.uploads/`."""
        return GCSDiagnosis(self, self._client).run()

    def signing_seconds(self, now: datetime) -> int:
        return super().signing_seconds(now) if self.capabilities.signs_locally else GOOGLES_KEY_SECONDS

    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        query = {
            "response-content-type": serve_as.content_type,
            "response-content-disposition": serve_as.content_disposition,
        }
        return self._signer.sign("GET", path, query=query, expires_in=expires_in, now=now)
