"""Shared access signatures: each for one blob, one kind of request and a time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from azure.storage.blob import UserDelegationKey, generate_blob_sas

from fileman import conf
from fileman.backends.azure.client import AzureConnection
from fileman.backends.azure.errors import azure_errors
from fileman.errors import StorageError

CREATE = "c"
"""Write a blob where there is none."""
WRITE = "w"
"""Write blocks, and more than we want: what came is looked at closely."""
READ = "r"
KEY_LIFETIME = timedelta(seconds=conf.URL_LIFETIME_CAP_SECONDS)
"""How long a user delegation key may live (Azure: "Get User Delegation Key")."""
CLOCK_SKEW = timedelta(minutes=5)
FAILURE_STANDS = timedelta(seconds=30)
"""Longer than one attempt with its time-outs: a list or a batch waits for a hanging storage once, not for each file."""


@dataclass(frozen=True, kw_only=True)
class _Failure:
    """Why there was no key, for those who ask soon after."""

    kind: type[StorageError]
    cause: BaseException | None
    until: datetime


class AzureSigner:
    """With an account key there is no network; with tokens Azure is asked for a signing key now and then."""

    def __init__(self, connection: AzureConnection) -> None:
        self._connection = connection
        self._delegation = DelegationKey(connection)

    def url(self, path: str, permission: str, *, expires_in: int, now: datetime, **served_as: Any) -> str:
        """An address that allows `permission` on one blob. `served_as`: content_type and content_disposition."""
        account = self._connection.account
        expires_at = now + timedelta(seconds=expires_in)
        signing: dict[str, Any] = {"account_key": account.key}
        if not account.key:
            key, ends_at = self._delegation.lasting(expires_in, now=now)
            signing = {"user_delegation_key": key}
            expires_at = min(expires_at, ends_at)
        if account.url.startswith("https:"):
            signing["protocol"] = "https"
        query = generate_blob_sas(
            account.name,
            self._connection.container_name,
            path,
            permission=permission,
            expiry=expires_at,
            **signing,
            **served_as,
        )
        return f"{self._connection.url(path)}?{query}"


class DelegationKey:
    """The key that Azure gives to those who sign with tokens, kept while it outlives what is to be signed."""

    def __init__(self, connection: AzureConnection) -> None:
        self._connection = connection
        self._lock = Lock()
        self._held: tuple[UserDelegationKey, datetime] | None = None
        self._failure: _Failure | None = None

    def lasting(self, seconds: int, *, now: datetime) -> tuple[UserDelegationKey, datetime]:
        """A key and its end. It lasts `seconds`, or as long as any key can."""
        needed_until = now + min(timedelta(seconds=seconds), KEY_LIFETIME - 3 * CLOCK_SKEW)
        with self._lock:
            if self._held is None or self._held[1] < needed_until:
                self._held = self._ask(now)
            return self._held

    def _ask(self, now: datetime) -> tuple[UserDelegationKey, datetime]:
        """From a little earlier on, because the clocks of the two may differ."""
        if self._failure and now < self._failure.until:
            raise self._failure.kind from self._failure.cause
        starts_at = now - CLOCK_SKEW
        ends_at = starts_at + KEY_LIFETIME
        try:
            with azure_errors():
                return self._connection.service.get_user_delegation_key(starts_at, ends_at), ends_at
        except StorageError as error:
            self._failure = _Failure(kind=type(error), cause=error.__cause__, until=now + FAILURE_STANDS)
            raise
