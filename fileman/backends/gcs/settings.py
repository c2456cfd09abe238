"""Settings of a file manager of type "gcs", and the rules for its `backend_url`."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import SplitResult

from fileman import conf
from fileman.backends.endpoints import normalize, parsed, path_below
from fileman.backends.settings import BucketSettings

GOOGLE = "https://storage.googleapis.com"
# The roles of the account limit it further; signBlob accepts no narrower scope.
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_BUCKET_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?")
_BUCKET_PROBLEM = "bucket_name must be 3 to 63 lowercase letters, digits, hyphens, underscores and dots."
_KEY_PROBLEM = 'credentials must be the JSON key of a service account: {"type": "service_account", ...}.'
_PATH_PROBLEM = "credentials is not the path of a service account's JSON key below CREDENTIALS_FOLDERS."
_KEY_MAX_BYTES = 64 * 1024
# Google's MalformedError is a ValueError.
_UNUSABLE = (OSError, ValueError, TypeError, AttributeError, LookupError, RuntimeError)
_ENDPOINTS = ("endpoint", "public_endpoint_url")
_HAS_PATH = re.compile("https?://[^/]+/+[^/]")
_GOOGLE_HOST = re.compile(r"([a-z0-9-]+\.)+googleapis\.com")


@dataclass(frozen=True, kw_only=True)
class GCSSettings(BucketSettings):
    provider_hosts: ClassVar[re.Pattern[str]] = _GOOGLE_HOST
    endpoint_settings: ClassVar[Sequence[str]] = ("endpoint",)
    credential_settings: ClassVar[Sequence[str]] = ("credentials",)
    url_scheme: ClassVar[str] = "gs"
    provider: ClassVar[str] = "google"

    bucket_name: str
    """3 to 63 lowercase letters, digits, hyphens, underscores and dots (Google: "About Cloud Storage buckets")."""
    project_id: str | None = None
    """Project of the bucket, for messages to the operator. No request needs it."""
    credentials: dict[str, Any] | str | None = field(default=None, repr=False)
    """JSON key of a service account, or its text, or its path below CREDENTIALS_FOLDERS. Default: the server's."""
    endpoint: str | None = None
    """URL of an emulator or a private endpoint: "https://host" or "https://host:port". Default: Google's public one."""

    def problems(self) -> list[str]:
        return [
            *super().problems(),
            *_bucket_problems(self.bucket_name),
            *(f"{name} must have no path." for name in _ENDPOINTS if _HAS_PATH.match(getattr(self, name) or "")),
            *self._credential_problems(),
        ]

    @property
    def endpoints(self) -> Mapping[str, str]:
        with suppress(*_UNUSABLE):
            key = json.loads(self._key() or "")
            return {**super().endpoints, "token_uri in credentials": str(key["token_uri"])}
        return super().endpoints

    def _credential_problems(self) -> list[str]:
        try:
            self.account()
        except _UNUSABLE:
            # One sentence for every path: it must not tell which files exist.
            return [_KEY_PROBLEM if str(self.credentials).startswith("{") else _PATH_PROBLEM]
        return []

    def _key(self) -> str | None:
        """Return the key as JSON, read from its file if `credentials` is a path. Raises OSError or ValueError."""
        if not isinstance(self.credentials, str) or self.credentials.startswith("{"):
            return json.dumps(self.credentials) if isinstance(self.credentials, dict) else self.credentials
        path = Path(self.credentials).resolve()
        folders = [Path(folder).resolve() for folder in conf.settings().CREDENTIALS_FOLDERS]
        if not any(map(path.is_relative_to, folders)) or not path.is_file() or path.stat().st_size > _KEY_MAX_BYTES:
            raise PermissionError
        return path.read_text()

    def account(self) -> Any | None:
        """Return Google's credentials object for the key, or None if the settings hold no key."""
        key = self._key()
        return None if key is None else _account(key)

    @property
    def has_private_key(self) -> bool:
        """True if URLs can be signed without the network. Reads one file at most."""
        if self.credentials is not None:
            return True
        with suppress(*_UNUSABLE):
            info = json.loads(Path(os.environ["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())
            return bool(info["type"] == "service_account")
        return False

    @property
    def base_url(self) -> str:
        """URL of the endpoint, without a slash at its end."""
        return normalize(self.endpoint or GOOGLE)

    @property
    def public_url(self) -> str:
        """URL of the endpoint for clients. Google's own if the public one is bound to the bucket."""
        return GOOGLE if self._is_bound else normalize(self.public_endpoint_url or self.base_url)

    def get_bucket_url(self, *, for_downloads: bool) -> str:
        """Return the URL of the bucket for clients."""
        if self._is_bound and for_downloads:
            return normalize(self.public_endpoint_url or "")
        return f"{self.public_url}/{self.bucket_name}"

    @property
    def _is_bound(self) -> bool:
        """True if the public host stands for the bucket alone, as any that is not Google's own does with Google."""
        hosts = [parsed(url).hostname or "" for url in (self.base_url, self.public_endpoint_url or self.base_url)]
        return [bool(_GOOGLE_HOST.fullmatch(host)) for host in hosts] == [True, False]

    def find_path(self, url: SplitResult) -> str | None:
        return path_below(url, parsed(self.base_url))


@lru_cache(maxsize=256)
def _account(key: str) -> Any:
    r"""Read a private key in 70 ms, also one with "\n" for newlines. Raises what Google's library does for others."""
    from google.oauth2 import service_account  # here, so that importing the settings imports no SDK

    untyped: Any = service_account.Credentials
    return untyped.from_service_account_info(json.loads(key.replace(r"\\n", r"\n")), scopes=[SCOPE])


def _bucket_problems(name: str) -> list[str]:
    parts = name.split(".")
    longest = 222 if len(parts) > 1 else 63
    if not 3 <= len(name) <= longest or not _BUCKET_NAME.fullmatch(name) or any(len(part) > 63 for part in parts):
        return [_BUCKET_PROBLEM]
    if "" in parts or (len(parts) == 4 and all(part.isdecimal() for part in parts)):
        return ["bucket_name must not look like an IP address or have two dots in a row."]
    if name.startswith("goog") or "google" in name:
        return ['bucket_name must not begin with "goog" or contain "google".']
    return []
