"""The SDK's clients of one file manager, created on first use and shared by all threads, and signatures (SAS).

Each signature allows one kind of request on one blob until it expires.
"""

from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final
from urllib.parse import quote

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ServiceResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage import blob as sdk
from django.utils.functional import cached_property
from urllib3.util import Retry

from fileman import conf
from fileman.backends.azure.errors import azure_errors
from fileman.backends.azure.settings import AzureSettings
from fileman.backends.connections import new_session
from fileman.backends.endpoints import normalize
from fileman.backends.time_limit import is_limited, start_call
from fileman.errors import OutOfTime, StorageError

RETRIES = 1
BACKOFF_SECONDS = 1
# The size of one ranged read, and so the memory that a read needs.
CHUNK_BYTES = 4 * 1024**2
# Azure sends both with every response ("Status and error codes"), the date last.
_HEADERS_OF_AZURE: Final = ("x-ms-request-id", "date")
# Permissions. CREATE does not overwrite. WRITE is needed for blocks and allows more; finalize checks the result.
CREATE = "c"
WRITE = "w"
READ = "r"
# The longest lifetime of a user delegation key (Azure: "Get User Delegation Key").
KEY_LIFETIME = timedelta(seconds=conf.URL_LIFETIME_CAP_SECONDS)
CLOCK_SKEW = timedelta(minutes=5)
# The longest lifetime of a signature by such a key. Any longer, and each would cost a new key.
KEY_SECONDS = int((KEY_LIFETIME - 3 * CLOCK_SKEW).total_seconds())
# Longer than the time-outs of one attempt, so that a page of files waits for a hanging storage only once.
FAILURE_LIFETIME = timedelta(seconds=30)


class AzureClient:
    """One storage account and container.

    Signs without network by account key. With tokens it fetches a signing key from Azure about once a week.
    """

    def __init__(self, settings: AzureSettings) -> None:
        self.account = settings.account
        self.public_url = normalize(settings.public_endpoint_url or self.account.url)
        """The URL of the account for clients."""
        self._trusts = settings.trusts
        self.container_name = settings.container_name
        self._lock = Lock()
        self._held: tuple[sdk.UserDelegationKey, datetime] | None = None
        """The user delegation key that signs where there is no account key, kept until a signature would outlive it."""
        self._failure: tuple[StorageError, datetime] | None = None
        """The reason why Azure gave no key, and until when it is repeated."""

    @cached_property
    def service(self) -> sdk.BlobServiceClient:
        """The SDK's client of the account. Its default retries would wait 15 seconds."""
        session = new_session(Retry(total=False, redirect=False, raise_on_status=False), self._trusts)
        with azure_errors():
            return sdk.BlobServiceClient(
                self.account.url,
                self._build_credential(),
                retry_policy=AzureRetry(backoff=BACKOFF_SECONDS, retry_total=RETRIES, random_jitter_range=0),
                transport=AzureTransport(session=session, **_timeouts()),
                permit_redirects=False,
                max_single_get_size=CHUNK_BYTES,
                max_chunk_get_size=CHUNK_BYTES,
            )

    @property
    def container(self) -> sdk.ContainerClient:
        return self.service.get_container_client(self.container_name)

    def blob(self, path: str) -> sdk.BlobClient:
        """Return a client for one blob. No network."""
        return self.service.get_blob_client(self.container_name, path)

    def url(self, path: str, base: str = "") -> str:
        """Return the unsigned URL of a blob, for this server or below another URL of the account."""
        return f"{base or self.account.url}/{self.container_name}/{quote(path, safe='/~')}"

    def sign_url(self, path: str, permission: str, **options: Any) -> str:
        """Return a URL for clients, with the options of `sign`."""
        return f"{self.url(path, self.public_url)}?{self.sign(path, permission, **options)}"

    def sign(self, path: str, permission: str, *, expires_in: int, now: datetime, **served_as: Any) -> str:
        """Return the query for `permission` on a blob, at any host. `served_as`: content_type, content_disposition."""
        expires_at = now + timedelta(seconds=expires_in)
        signing: dict[str, Any] = {"account_key": self.account.key}
        if not self.account.key:
            signing = {"user_delegation_key": self._get_key(expires_at, now=now)}
        if self.account.url.startswith("https:") and self.public_url.startswith("https:"):
            signing["protocol"] = "https"
        options = {"permission": permission, "expiry": expires_at, **signing, **served_as}
        return str(sdk.generate_blob_sas(self.account.name, self.container_name, path, **options))

    def _get_key(self, needed_until: datetime, *, now: datetime) -> sdk.UserDelegationKey:
        with self._lock:
            if self._held is None or self._held[1] < needed_until:
                self._held = self._fetch(now)
            return self._held[0]

    def _fetch(self, now: datetime) -> tuple[sdk.UserDelegationKey, datetime]:
        if self._failure and now < self._failure[1]:
            raise type(self._failure[0]) from self._failure[0].__cause__
        starts_at = now - CLOCK_SKEW  # Azure's clock may be behind ours
        ends_at = starts_at + KEY_LIFETIME
        try:
            with azure_errors():
                return self.service.get_user_delegation_key(starts_at, ends_at), ends_at
        except StorageError as error:
            if not isinstance(error, OutOfTime):  # then nothing was asked
                self._failure = error, now + FAILURE_LIFETIME
            raise

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


class AzureRetry(sdk.LinearRetry):
    """Retries no request inside a time limit."""

    def configure_retries(self, request: Any) -> dict[str, Any]:
        settings = super().configure_retries(request)
        return {**settings, "total": 0} if is_limited() else settings


def _timeouts() -> dict[str, Any]:
    connect, read = conf.settings().timeouts
    return {"connection_timeout": connect, "read_timeout": read}
