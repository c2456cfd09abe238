"""The settings of a file manager of type "azure", and its `backend_url`."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import SplitResult

from fileman.backends.endpoints import folder, parsed, prefix_problems
from fileman.backends.settings import BackendSettings

_ACCOUNT_NAME = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# Hosts that Azure names after the account, in its public and sovereign clouds. Custom domains look different.
_ACCOUNT_HOST = re.compile(
    r"([a-z0-9]{3,24})(-secondary)?\."
    r"(blob\.core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)|z[0-9]+\.blob\.storage\.azure\.net)"
)


@dataclass(frozen=True, kw_only=True)
class Account:
    """The storage account, from whichever settings name it."""

    name: str
    key: str = field(repr=False)
    """Base64; empty if tokens are used."""
    url: str
    """"https://host" or "https://host/account": lowercase scheme and host, no trailing slash."""


@dataclass(frozen=True, kw_only=True)
class AzureSettings(BackendSettings):
    """Two of account_name, account_key and connection_string may state the same, but must not contradict."""

    provider_hosts: ClassVar[re.Pattern[str]] = _ACCOUNT_HOST

    container_name: str
    """3 to 63 lowercase letters, digits and single hyphens (a rule of Azure)."""
    account_name: str | None = None
    """Default: the one in connection_string."""
    account_key: str | None = field(default=None, repr=False)
    """Without it and connection_string, tokens are used: DefaultAzureCredential (environment, managed identity)."""
    connection_string: str | None = field(default=None, repr=False)
    """As the portal shows it, with AccountName and AccountKey."""
    endpoint: str | None = None
    """The account's blob URL. Default: BlobEndpoint of connection_string, else Azure's public cloud."""

    @property
    def endpoints(self) -> Mapping[str, str]:
        return {} if self._source_problems() else {"endpoint": self.account.url}

    @property
    def has_credentials(self) -> bool:
        return bool(self.account.key)

    def problems(self) -> list[str]:
        problems = super().problems()
        if not 3 <= len(self.container_name) <= 63 or not _CONTAINER_NAME.fullmatch(self.container_name):
            problems.append("container_name must be 3 to 63 lowercase letters, digits and single hyphens.")
        return [*problems, *self._source_problems()] or self._account_problems()

    @property
    def account(self) -> Account:
        """The account that the settings name together."""
        stated = _parse_connection_string(self.connection_string)
        name = self.account_name or stated.get("accountname", "")
        protocol = stated.get("defaultendpointsprotocol", "https")
        usual = f"{protocol}://{name}.blob.{stated.get('endpointsuffix', 'core.windows.net')}"
        url = parsed(self.endpoint or stated.get("blobendpoint") or usual)
        return Account(
            name=name,
            key=self.account_key or stated.get("accountkey", ""),
            url=url._replace(netloc=url.netloc.lower(), path=url.path.rstrip("/")).geturl(),
        )

    def _source_problems(self) -> list[str]:
        """Return a sentence for each setting that is missing or contradicts another."""
        if not self.connection_string:
            return [] if self.account_name else ["account_name is missing. Set it, or set connection_string."]
        stated = _parse_connection_string(self.connection_string)
        problems = [
            f"connection_string has no {name}."
            for name in ("AccountName", "AccountKey")
            if not stated.get(name.lower())
        ]
        if problems:
            return problems
        if self.account_name and self.account_name != stated["accountname"]:
            problems.append(
                f"account_name is {self.account_name!r}, but connection_string names {stated['accountname']!r}."
            )
        if self.account_key and self.account_key != stated["accountkey"]:
            problems.append("account_key and connection_string hold different keys. Set only one of them.")
        endpoints = {url.rstrip("/").lower() for url in (self.endpoint, stated.get("blobendpoint")) if url is not None}
        if self.endpoint and len(endpoints) == 2:
            problems.append("endpoint and the BlobEndpoint of connection_string differ. Set only one of them.")
        return problems

    def _account_problems(self) -> list[str]:
        account = self.account
        problems = []
        if not _ACCOUNT_NAME.fullmatch(account.name):
            problems.append("account_name must be 3 to 24 lowercase letters and digits.")
        if account.key and not _is_base64(account.key):
            problems.append("The account key is not base64. Copy it again from the portal.")
        url = parsed(account.url)
        owner = _ACCOUNT_HOST.fullmatch(url.hostname or "")
        if owner and owner[1] != account.name:
            problems.append(f"endpoint belongs to the account {owner[1]!r}, but account_name is {account.name!r}.")
        return problems


def location_problems(backend_url: str, settings: AzureSettings) -> list[str]:
    """Return a sentence for each problem of `backend_url`, alone and beside the settings."""
    if not backend_url:
        return []
    url = parsed(backend_url)
    account = settings.account
    if url.scheme not in {"azure", "https", "http"} or not url.netloc or url.query or url.fragment:
        return ["backend_url must look like azure://container/prefix/ or https://<account host>/container/prefix/."]
    if url.scheme != "azure" and not _is_below(url, parsed(account.url)):
        return [f"backend_url is not below {account.url}, the URL of the account in the settings."]
    container, prefix = _container_and_prefix(url, account)
    problems = []
    if container != settings.container_name:
        problems.append(
            f"backend_url names the container {container!r}, but container_name is {settings.container_name!r}."
        )
    return problems + prefix_problems(prefix)


def get_prefix(backend_url: str, settings: AzureSettings) -> str:
    """Return "" or "some/folder/"."""
    return _container_and_prefix(parsed(backend_url), settings.account)[1] if backend_url else ""


def _container_and_prefix(url: SplitResult, account: Account) -> tuple[str, str]:
    if url.scheme == "azure":
        container, prefix = url.netloc, url.path.removeprefix("/")
    else:
        path = url.path.removeprefix(parsed(account.url).path)
        container, _, prefix = path.removeprefix("/").partition("/")
    return container, folder(prefix)


def _is_below(url: SplitResult, base: SplitResult) -> bool:
    same_host = (url.scheme, url.netloc.lower()) == (base.scheme, base.netloc.lower())
    return same_host and f"{url.path}/".startswith(f"{base.path}/")


def _parse_connection_string(connection_string: str | None) -> Mapping[str, str]:
    """Return the parts of a connection string by lowercase name."""
    pairs = (part.partition("=") for part in (connection_string or "").split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if value}


def _is_base64(key: str) -> bool:
    try:
        return bool(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError):
        return False
