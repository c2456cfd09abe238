"""The settings of a file manager of type "azure", and its `backend_url`."""

import base64
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar

from django.conf import settings as django_settings

from fileman.backends.endpoints import advise_trust, normalize, parsed
from fileman.backends.settings import BucketSettings

_ACCOUNT_NAME = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# Hosts that Azure names after the account, in its public and sovereign clouds. Custom domains look different.
_ACCOUNT_HOST = re.compile(
    r"([a-z0-9]{3,24})(-secondary)?\."
    r"(blob\.core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)|z[0-9]+\.blob\.storage\.azure\.net)"
)
_KEY_PROBLEM = "The key in {} is not base64. Copy it again from the portal."
_SAS_PROBLEM = (
    "The shared access signature in {} cannot sign URLs for others. Set account_key or a connection_string with "
    "AccountKey, or account_name alone to sign in with tokens."
)
_DATA_LAKE_PROBLEM = "{} names the Data Lake endpoint (dfs). Use the blob endpoint, https://<account>.blob.<suffix>."
# Azurite's account, the same everywhere (Azure: "Use the Azurite emulator", well-known storage account and key).
_DEVELOPMENT = {
    "accountname": "devstoreaccount1",
    "accountkey": "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    "blobendpoint": "http://127.0.0.1:10000/devstoreaccount1",
}


@dataclass(frozen=True, kw_only=True)
class Account:
    """The storage account, from whichever settings name it."""

    name: str
    key: str = field(repr=False)
    """Base64; empty if tokens are used."""
    url: str
    """"https://host" or "https://host/account": lowercase scheme and host, no trailing slash."""


@dataclass(frozen=True, kw_only=True)
class AzureSettings(BucketSettings):
    """Two of account_name, account_key and connection_string may state the same, but must not contradict."""

    provider_hosts: ClassVar[re.Pattern[str]] = _ACCOUNT_HOST
    endpoint_settings: ClassVar[Sequence[str]] = ("endpoint",)
    url_scheme: ClassVar[str] = "azure"
    bucket_setting: ClassVar[str] = "container_name"

    container_name: str
    """3 to 63 lowercase letters, digits and single hyphens (a rule of Azure)."""
    account_name: str | None = None
    """Default: the one in the connection string."""
    account_key: str | None = field(default=None, repr=False)
    """Without it and a connection string, tokens are used: DefaultAzureCredential (environment, managed identity)."""
    connection_string: str | None = field(default=None, repr=False)
    """As the portal shows it, with AccountName and AccountKey."""
    endpoint: str | None = None
    """The account's blob URL. Default: BlobEndpoint of the connection string, else Azure's public cloud."""

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
        public = parsed(self.public_endpoint_url or "")
        if not problems and public.hostname and not self.trusts(public) and not django_settings.DEBUG:
            # A signature names no host, so this one could use it at Azure.
            problem = "public_endpoint_url gets signatures that Azure accepts too."
            problems.append(f"{problem} If it may, {advise_trust(public)}.")
        return [*problems, *self._source_problems()] or self._account_problems()

    @property
    def account(self) -> Account:
        """The account that the settings name together."""
        stated = _parse_connection_string(self.connection_string)
        name = self.account_name or stated.get("accountname", "")
        protocol = stated.get("defaultendpointsprotocol", "https")
        usual = f"{protocol}://{name}.blob.{stated.get('endpointsuffix', 'core.windows.net')}"
        url = normalize(self.endpoint or stated.get("blobendpoint") or usual)
        return Account(name=name, key=self.account_key or stated.get("accountkey", ""), url=url)

    def location_problems(self, backend_url: str) -> list[str]:
        if parsed(backend_url).scheme in {"abfs", "abfss"} or ".dfs." in parsed(backend_url).netloc:
            return [_DATA_LAKE_PROBLEM.format("backend_url")]
        return [] if self.problems() else super().location_problems(backend_url)

    def _source_problems(self) -> list[str]:
        """Return a sentence for each setting that is missing or contradicts another."""
        if not self.connection_string:
            return [] if self.account_name else ["account_name is missing. Set it, or set connection_string."]
        stated = _parse_connection_string(self.connection_string)
        if "sharedaccesssignature" in stated and not stated.get("accountkey"):
            return [_SAS_PROBLEM.format("connection_string")]
        needed = ("AccountName", "AccountKey")
        if problems := [f"connection_string has no {name}." for name in needed if not stated.get(name.lower())]:
            return problems
        if self.account_name and self.account_name != stated["accountname"]:
            named = stated["accountname"]
            problems.append(f"account_name is {self.account_name!r}, but connection_string names {named!r}.")
        if self.account_key and self.account_key != stated["accountkey"]:
            problems.append("account_key and connection_string hold different keys. Set only one of them.")
        endpoints = {normalize(url) for url in (self.endpoint, stated.get("blobendpoint")) if url is not None}
        if self.endpoint and len(endpoints) == 2:
            problems.append("endpoint and the BlobEndpoint of connection_string differ. Set only one of them.")
        return problems

    def _account_problems(self) -> list[str]:
        account = self.account
        problems = []
        if not _ACCOUNT_NAME.fullmatch(account.name):
            problems.append("account_name must be 3 to 24 lowercase letters and digits.")
        if account.key and not _is_base64(account.key):
            place = "account_key" if self.account_key else "connection_string"
            problems.append((_SAS_PROBLEM if "sig=" in account.key else _KEY_PROBLEM).format(place))
        if ".dfs." in parsed(account.url).netloc:
            problems.append(_DATA_LAKE_PROBLEM.format("endpoint"))
        for name, given in (("endpoint", account.url), ("public_endpoint_url", self.public_endpoint_url or "")):
            owner = _ACCOUNT_HOST.fullmatch(parsed(given).hostname or "")
            if owner and owner[1] != account.name:
                problems.append(f"{name} belongs to the account {owner[1]!r}, but account_name is {account.name!r}.")
            if owner and parsed(given).path.strip("/"):
                problems.append(f"{name} must have no path. Remove the container's name from it.")
        return problems


def _parse_connection_string(connection_string: str | None) -> Mapping[str, str]:
    """Return the parts of a connection string by lowercase name."""
    pairs = (part.partition("=") for part in (connection_string or "").split(";"))
    stated = {name.strip().lower(): value.strip() for name, _, value in pairs if value}
    return (_DEVELOPMENT if stated.get("usedevelopmentstorage", "").lower() == "true" else {}) | stated


def _is_base64(key: str) -> bool:
    with suppress(ValueError):
        return bool(base64.b64decode(key, validate=True))
    return False
