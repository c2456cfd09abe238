"""What a file manager of type "azure" is configured with, and what `backend_url` says of it."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult

from fileman.backends.endpoints import folder, has_plain_host, insecurity_problems, parsed, prefix_problems
from fileman.backends.settings import BackendSettings

_ACCOUNT_NAME = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_OWN_HOST = re.compile(r"([a-z0-9]{3,24})(-secondary)?\.(z[0-9]+\.)?blob\.")
"""Hosts that Azure gives by the name of the account; custom domains and private links look otherwise."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where the storage account is, whatever settings said so."""

    name: str
    key: str = field(repr=False)
    """Base64; empty where tokens are used."""
    url: str
    """"https://host" or "https://host/account": scheme and host in lower case, without a trailing slash."""


@dataclass(frozen=True, kw_only=True)
class AzureSettings(BackendSettings):
    container_name: str
    """By the rules of Azure: 3 to 63 lower-case letters, digits and single hyphens."""
    account_name: str | None = None
    """Absent: the one in connection_string."""
    account_key: str | None = field(default=None, repr=False)
    """Absent, and no connection_string: DefaultAzureCredential of azure-identity (environment, managed identity)."""
    connection_string: str | None = field(default=None, repr=False)
    """As the portal shows it, with AccountName and AccountKey."""
    endpoint: str | None = None
    """The account's address for blobs. Absent: BlobEndpoint of connection_string, else Azure's public cloud."""

    def problems(self) -> list[str]:
        problems = [*super().problems(), *_container_problems(self.container_name), *self._source_problems()]
        return problems or self._account_problems()

    @property
    def account(self) -> Account:
        """What the settings mean together."""
        stated = _stated(self.connection_string)
        name = self.account_name or stated.get("accountname", "")
        protocol = stated.get("defaultendpointsprotocol", "https")
        usual = f"{protocol}://{name}.blob.{stated.get('endpointsuffix', 'core.windows.net')}"
        return Account(
            name=name,
            key=self.account_key or stated.get("accountkey", ""),
            url=_plain(self.endpoint or stated.get("blobendpoint") or usual),
        )

    def _source_problems(self) -> list[str]:
        """Settings that are missing, or say different things."""
        if not self.connection_string:
            return [] if self.account_name else ["account_name is missing: set it, or connection_string."]
        stated = _stated(self.connection_string)
        problems = [f"connection_string lacks {name}." for name in _NEEDED if not stated.get(name.lower())]
        if problems:
            return problems
        if self.account_name and self.account_name != stated["accountname"]:
            problems.append(
                f"account_name is {self.account_name!r}, connection_string names {stated['accountname']!r}."
            )
        if self.account_key and self.account_key != stated["accountkey"]:
            problems.append("account_key and connection_string hold different keys: set one of them.")
        if self.endpoint and _differ(self.endpoint, stated.get("blobendpoint")):
            problems.append("endpoint and the BlobEndpoint of connection_string differ: set one of them.")
        return problems

    def _account_problems(self) -> list[str]:
        account = self.account
        problems = []
        if not _ACCOUNT_NAME.fullmatch(account.name):
            problems.append("account_name must have 3 to 24 lower-case letters and digits.")
        if account.key and not _is_base64(account.key):
            problems.append("The account key is not base64: copy it again from the portal.")
        return problems + _url_problems(account)


_NEEDED = ("AccountName", "AccountKey")


def location_problems(backend_url: str, settings: AzureSettings) -> list[str]:
    """Where `backend_url` is malformed or disagrees with the settings."""
    if not backend_url:
        return []
    url = parsed(backend_url)
    account = settings.account
    if url.scheme not in {"azure", "https", "http"} or not url.netloc or url.query or url.fragment:
        return ["backend_url must look like azure://container/prefix/ or https://<account host>/container/prefix/."]
    if url.scheme != "azure" and not _is_below(url, parsed(account.url)):
        return [f"backend_url is not at {account.url}, where the settings say the account is."]
    container, prefix = _container_and_prefix(url, account)
    problems = []
    if container != settings.container_name:
        problems.append(
            f"backend_url names the container {container!r}, container_name is {settings.container_name!r}."
        )
    return problems + prefix_problems(prefix)


def get_prefix(backend_url: str, settings: AzureSettings) -> str:
    """ "" or "some/folder/"."""
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


def _stated(connection_string: str | None) -> Mapping[str, str]:
    """Its parts, by lower-case name."""
    pairs = (part.partition("=") for part in (connection_string or "").split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if value}


def _plain(address: str) -> str:
    """One address for one place."""
    url = parsed(address)
    return url._replace(netloc=url.netloc.lower(), path=url.path.rstrip("/")).geturl()


def _differ(endpoint: str, other: str | None) -> bool:
    return other is not None and endpoint.rstrip("/").lower() != other.rstrip("/").lower()


def _container_problems(name: str) -> list[str]:
    if not 3 <= len(name) <= 63 or not _CONTAINER_NAME.fullmatch(name):
        return ["container_name must have 3 to 63 lower-case letters, digits and single hyphens, as Azure wants it."]
    return []


def _url_problems(account: Account) -> list[str]:
    url = parsed(account.url)
    if not has_plain_host(url) or url.query:
        return ['endpoint must look like "https://host", with nothing behind it but the path of the account.']
    if insecure := insecurity_problems(url, setting="endpoint"):
        return insecure
    if url.scheme == "http" and not account.key:
        return ["Without account_key the endpoint must be https: tokens are not sent over http."]
    owner = _OWN_HOST.match(url.netloc.lower())
    if owner and owner[1] != account.name:
        return [f"endpoint belongs to the account {owner[1]!r}, account_name is {account.name!r}."]
    return []


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False
