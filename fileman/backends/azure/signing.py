"""Shared access signatures (SAS). Each allows one kind of request on one blob until it expires."""

from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from azure.storage.blob import UserDelegationKey, generate_blob_sas

from fileman import conf
from fileman.backends.azure.client import AzureClient
from fileman.backends.azure.errors import azure_errors
from fileman.errors import OutOfTime, StorageError

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


class AzureSigner:
    """Signs without network by account key. With tokens it fetches a signing key from Azure about once a week."""

    def __init__(self, client: AzureClient) -> None:
        self._client = client
        self._lock = Lock()
        self._held: tuple[UserDelegationKey, datetime] | None = None
        """The user delegation key that signs where there is no account key, kept until a signature would outlive it."""
        self._failure: tuple[StorageError, datetime] | None = None
        """The reason why Azure gave no key, and until when it is repeated."""

    def url(self, path: str, permission: str, **options: Any) -> str:
        """Return a URL for clients, with the options of `query`."""
        return f"{self._client.url(path, self._client.public_url)}?{self.query(path, permission, **options)}"

    def query(self, path: str, permission: str, *, expires_in: int, now: datetime, **served_as: Any) -> str:
        """Return what allows `permission` on one blob, at any host. `served_as`: content_type, content_disposition."""
        account = self._client.account
        expires_at = now + timedelta(seconds=expires_in)
        signing: dict[str, Any] = {"account_key": account.key}
        if not account.key:
            signing = {"user_delegation_key": self._get_key(expires_at, now=now)}
        if account.url.startswith("https:") and self._client.public_url.startswith("https:"):
            signing["protocol"] = "https"
        query: str = generate_blob_sas(
            account.name,
            self._client.container_name,
            path,
            permission=permission,
            expiry=expires_at,
            **signing,
            **served_as,
        )
        return query

    def _get_key(self, needed_until: datetime, *, now: datetime) -> UserDelegationKey:
        with self._lock:
            if self._held is None or self._held[1] < needed_until:
                self._held = self._fetch(now)
            return self._held[0]

    def _fetch(self, now: datetime) -> tuple[UserDelegationKey, datetime]:
        if self._failure and now < self._failure[1]:
            raise type(self._failure[0]) from self._failure[0].__cause__
        # Azure's clock may be behind ours.
        starts_at = now - CLOCK_SKEW
        ends_at = starts_at + KEY_LIFETIME
        try:
            with azure_errors():
                return self._client.service.get_user_delegation_key(starts_at, ends_at), ends_at
        except StorageError as error:
            if not isinstance(error, OutOfTime):  # then nothing was asked
                self._failure = error, now + FAILURE_LIFETIME
            raise
