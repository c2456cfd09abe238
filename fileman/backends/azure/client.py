"""The SDK's clients of one file manager: made when first needed, then shared by all threads."""

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
CHUNK_BYTES = 4 * 1024**2
"""What one read asks for, and so what it keeps in memory."""


class AzureConnection:
    def __init__(self, settings: AzureSettings) -> None:
        self.account = settings.account
        self.container_name = settings.container_name
        self._lock = Lock()
        self._service: BlobServiceClient | None = None

    @property
    def service(self) -> BlobServiceClient:
        if self._service is None:
            with self._lock, azure_errors():
                self._service = self._service or self._make()
        return self._service

    @property
    def container(self) -> ContainerClient:
        return self.service.get_container_client(self.container_name)

    def blob(self, path: str) -> BlobClient:
        return self.service.get_blob_client(self.container_name, path)

    def url(self, path: str) -> str:
        """Address of a blob, unsigned."""
        return f"{self.account.url}/{self.container_name}/{quote(path, safe='/~')}"

    def _make(self) -> BlobServiceClient:
        return BlobServiceClient(self.account.url, credential=self._credential(), **client_options())

    def _credential(self) -> Any:
        if self.account.key:
            return AzureNamedKeyCredential(self.account.name, self.account.key)
        from azure.identity import DefaultAzureCredential

        return DefaultAzureCredential()


def client_options() -> dict[str, Any]:
    """What every client of the SDK is made with. Its own retries would wait 15 seconds."""
    return {
        "retry_policy": LinearRetry(backoff=BACKOFF_SECONDS, retry_total=RETRIES, random_jitter_range=0),
        "connection_timeout": conf.settings().STORAGE_CONNECT_TIMEOUT_SECONDS,
        "read_timeout": conf.settings().STORAGE_READ_TIMEOUT_SECONDS,
        "max_single_get_size": CHUNK_BYTES,
        "max_chunk_get_size": CHUNK_BYTES,
    }
