"""Azure Blob Storage. See docs/backends/azure.md.

Importing this module imports the Azure SDK. `get_backend` does so when a file manager of this type is first used.
"""

from datetime import datetime

from fileman.backends.azure.diagnosis import AzureDiagnosis
from fileman.backends.azure.publishing import AzurePublisher
from fileman.backends.azure.signing import KEY_SECONDS, READ
from fileman.backends.azure.uploads import BLOCK_MAX_BYTES, BLOCKS_MAX, AzureUploads
from fileman.backends.values import Capabilities, ServeAs, Strategy


class AzureBackend(AzureUploads, AzurePublisher):
    """What the backend can do, and where it is."""

    capabilities = Capabilities(
        supports_direct_upload=True,
        max_object_bytes=BLOCKS_MAX * BLOCK_MAX_BYTES,
        single_request_max_bytes=BLOCK_MAX_BYTES,
        large_strategy=Strategy.PARTS,
        part_max_bytes=BLOCK_MAX_BYTES,
        parts_max=BLOCKS_MAX,
    )

    def location(self) -> str:
        """Return, for example, "azure:https://account.blob.core.windows.net/container/prefix/"."""
        return f"azure:{self._client.account.url}/{self.settings.container_name}/{self.prefix}"

    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Ask Azure, which includes writing and deleting blobs of a few bytes below `.uploads/`."""
        return AzureDiagnosis(self, self._client).run()

    def signing_seconds(self, now: datetime) -> int:
        return super().signing_seconds(now) if self.settings.account.key else KEY_SECONDS

    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        return self._signer.url(
            path,
            READ,
            expires_in=expires_in,
            now=now,
            content_type=serve_as.content_type,
            content_disposition=serve_as.content_disposition,
        )
