"""The SDK's clients of one file manager, created on first use and shared by all threads."""

from typing import Any, Final
from urllib.parse import quote

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ServiceResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient, LinearRetry
from django.utils.functional import cached_property
from urllib3.util import Retry

from fileman import conf
from fileman.backends.azure.errors import azure_errors
from fileman.backends.azure.settings import AzureSettings
from fileman.backends.connections import new_session
from fileman.backends.endpoints import normalize
from fileman.backends.time_limit import is_limited, start_call

RETRIES = 1
BACKOFF_SECONDS = 1
# The size of one ranged read, and so the memory that a read needs.
CHUNK_BYTES = 4 * 1024**2
# Azure sends both with every response ("Status and error codes"), the date last.
_HEADERS_OF_AZURE: Final = ("x-ms-request-id", "date")


class AzureClient:
    """One storage account and container."""

    def __init__(self, settings: AzureSettings) -> None:
        self.account = settings.account
        self.public_url = normalize(settings.public_endpoint_url or self.account.url)
        """The URL of the account for clients."""
        self._trusts = settings.trusts
        self.container_name = settings.container_name

    @cached_property
    def service(self) -> BlobServiceClient:
        """The SDK's client of the account. Its default retries would wait 15 seconds."""
        session = new_session(Retry(total=False, redirect=False, raise_on_status=False), self._trusts)
        with azure_errors():
            return BlobServiceClient(
                self.account.url,
                self._build_credential(),
                retry_policy=AzureRetry(backoff=BACKOFF_SECONDS, retry_total=RETRIES, random_jitter_range=0),
                transport=AzureTransport(session=session, **_timeouts()),
                permit_redirects=False,
                max_single_get_size=CHUNK_BYTES,
                max_chunk_get_size=CHUNK_BYTES,
            )

    @property
    def container(self) -> ContainerClient:
        return self.service.get_container_client(self.container_name)

    def blob(self, path: str) -> BlobClient:
        """Return a client for one blob. No network."""
        return self.service.get_blob_client(self.container_name, path)

    def url(self, path: str, base: str = "") -> str:
        """Return the unsigned URL of a blob, for this server or below another URL of the account."""
        return f"{base or self.account.url}/{self.container_name}/{quote(path, safe='/~')}"

    def _build_credential(self) -> Any:
        if self.account.key:
            return AzureNamedKeyCredential(self.account.name, self.account.key)
        from azure.identity import DefaultAzureCredential

        # Its default is up to five retries and 300 seconds for one attempt.
        return DefaultAzureCredential(retry_total=0, permit_redirects=False, **_timeouts())


class AzureTransport(RequestsTransport):  # type: ignore[misc]  # azure-core exports it without its type
    """Sends a request, each attempt of a retry included, only if the time limit allows it.

    A response that is not Azure's (of a maintenance page, an ingress, a captive portal) is a broken response, whatever
    its status, and so is one whose headers broke off.
    """

    def send(self, request: Any, **options: Any) -> Any:
        start_call()
        response = super().send(request, **options)
        # Azurite forgets the id with a delegation key, whose XML shows that it is no page.
        needed = _HEADERS_OF_AZURE[1:] if "comp=userdelegationkey" in request.url else _HEADERS_OF_AZURE
        if not all(name in response.headers for name in needed):
            response.internal_response.close()
            raise ServiceResponseError("The response is not Azure's, or its headers broke off.")
        return response


class AzureRetry(LinearRetry):
    """Retries no request inside a time limit."""

    def configure_retries(self, request: Any) -> dict[str, Any]:
        settings = super().configure_retries(request)
        return {**settings, "total": 0} if is_limited() else settings


def _timeouts() -> dict[str, Any]:
    settings = conf.settings()
    return {
        "connection_timeout": settings.STORAGE_CONNECT_TIMEOUT_SECONDS,
        "read_timeout": settings.STORAGE_READ_TIMEOUT_SECONDS,
    }
