"""The SDK's clients of one file manager, created on first use and shared by all threads."""

from threading import Lock
from typing import Any
from urllib.parse import quote

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient, LinearRetry

from fileman import conf
from fileman.backends.azure.errors import azure_errors
from fileman.backends.azure.settings import AzureSettings

RETRIES = 1
BACKOFF_SECONDS = 1
# The size of one ranged read, and so the memory that a read needs.
CHUNK_BYTES = 4 * 1024**2


class AzureClient:
    """One storage account and container."""

    def __init__(self, settings: AzureSettings) -> None:
        self.account = settings.account
        self.container_name = settings.container_name
        self._lock = Lock()
        self._service: BlobServiceClient | None = None

    @property
    def service(self) -> BlobServiceClient:
        if self._service is None:
            with self._lock, azure_errors():
                self._service = self._service or self._build_service()
        return self._service

    @property
    def container(self) -> ContainerClient:
        return self.service.get_container_client(self.container_name)

    def blob(self, path: str) -> BlobClient:
        """Return a client for one blob. No network."""
        return self.service.get_blob_client(self.container_name, path)

    def url(self, path: str) -> str:
        """Return the unsigned URL of a blob."""
        return f"{self.account.url}/{self.container_name}/{quote(path, safe='/~')}"

    def _build_service(self) -> BlobServiceClient:
        return BlobServiceClient(self.account.url, credential=self._build_credential(), **client_options())

    def _build_credential(self) -> Any:
        if self.account.key:
            return AzureNamedKeyCredential(self.account.name, self.account.key)
        from azure.identity import DefaultAzureCredential

        return DefaultAzureCredential()


def client_options() -> dict[str, Any]:
    """Return the options of every SDK client. Its default retries would wait 15 seconds."""
    return {
        "retry_policy": LinearRetry(backoff=BACKOFF_SECONDS, retry_total=RETRIES, random_jitter_range=0),
        "connection_timeout": conf.settings().STORAGE_CONNECT_TIMEOUT_SECONDS,
        "read_timeout": conf.settings().STORAGE_READ_TIMEOUT_SECONDS,
        "max_single_get_size": CHUNK_BYTES,
        "max_chunk_get_size": CHUNK_BYTES,
    }
