"""What a file manager of type "gcs" is configured with, and what `backend_url` says of it."""

import json
import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from google.auth import environment_vars
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import service_account

from fileman import conf
from fileman.backends.endpoints import endpoint_problems, folder, get_origin, parsed, prefix_problems
from fileman.backends.settings import BackendSettings

GOOGLE = "https://storage.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
"""What the account may really do is up to its roles; signBlob takes no narrower scope."""
_BUCKET_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?")
_BUCKET_FAULT = (
    "bucket_name must have 3 to 63 lower-case letters, digits, hyphens, underscores and dots, as Google wants it."
)
_KEY_FAULT = 'credentials must be the JSON key of a service account: {"type": "service_account", ...}.'


@dataclass(frozen=True, kw_only=True)
class GCSSettings(BackendSettings):
    bucket_name: str
    """By the rules of Google: 3 to 63 lower-case letters, digits, hyphens, underscores and dots."""
    project_id: str | None = None
    """The project of the bucket, named to the operator where something is wrong. No request needs it."""
    credentials: dict[str, Any] | str | None = field(default=None, repr=False)
    """The JSON key of a service account, or the path of its file. Absent: Google's application default credentials."""
    endpoint: str | None = None
    """Of an emulator or a private address: "https://host" or "https://host:port". Absent: Google's public one."""

    def problems(self) -> list[str]:
        return [
            *super().problems(),
            *_bucket_problems(self.bucket_name),
            *endpoint_problems(self.endpoint, setting="endpoint"),
            *self._credential_problems(),
        ]

    def _credential_problems(self) -> list[str]:
        try:
            info = self._key()
            if info is None:
                return []
            _account(info)
        except OSError:
            return ["credentials is a path, and the file there cannot be read."]
        except (GoogleAuthError, ValueError, TypeError, AttributeError):
            return [_KEY_FAULT]
        if parsed(json.loads(info)["token_uri"]).scheme != "https" and not conf.insecure_endpoints_allowed():
            return ["The token_uri in credentials must be https."]
        return []

    def _key(self) -> str | None:
        """The key as JSON, read from its file where `credentials` is a path."""
        if isinstance(self.credentials, str):
            return Path(self.credentials).read_text()
        return None if self.credentials is None else json.dumps(self.credentials)

    def account(self) -> Any | None:
        """Google's credentials object of the key. None: the settings hold no key."""
        key = self._key()
        return None if key is None else _account(key)

    @property
    def has_private_key(self) -> bool:
        """Whether addresses can be signed without the network. Looks at a file at most."""
        if self.credentials is not None:
            return True
        try:
            info = json.loads(Path(os.environ[environment_vars.CREDENTIALS]).read_text())
            return bool(info["type"] == "service_account")
        except (OSError, ValueError, KeyError, TypeError):
            return False

    @property
    def base_url(self) -> str:
        """Where requests go, without a slash at its end."""
        return (self.endpoint or GOOGLE).rstrip("/")

    @property
    def place(self) -> str:
        """The store, for people and for `location()`: "google" or "https://host"."""
        return "google" if not self.endpoint else get_origin(parsed(self.endpoint))


@lru_cache(maxsize=256)
def _account(key: str) -> Any:
    """Reading a private key costs some 70 ms. Raises what Google's library raises for a key that is none."""
    untyped: Any = service_account.Credentials
    return untyped.from_service_account_info(json.loads(key), scopes=[SCOPE])


def location_problems(backend_url: str, settings: GCSSettings) -> list[str]:
    """Where `backend_url` is malformed or disagrees with the settings."""
    if not backend_url:
        return []
    url = parsed(backend_url)
    if url.scheme != "gs" or not url.netloc or url.query or url.fragment:
        return ["backend_url must look like gs://bucket/prefix/."]
    problems = []
    if url.netloc != settings.bucket_name:
        problems.append(f"backend_url names the bucket {url.netloc!r}, bucket_name is {settings.bucket_name!r}.")
    return problems + prefix_problems(get_prefix(backend_url))


def get_prefix(backend_url: str) -> str:
    """ "" or "some/folder/"."""
    return folder(parsed(backend_url).path) if backend_url else ""


def _bucket_problems(name: str) -> list[str]:
    parts = name.split(".")
    longest = 222 if len(parts) > 1 else 63
    if not 3 <= len(name) <= longest or not _BUCKET_NAME.fullmatch(name) or any(len(part) > 63 for part in parts):
        return [_BUCKET_FAULT]
    if "" in parts or (len(parts) == 4 and all(part.isdecimal() for part in parts)):
        return ["bucket_name must not look like an IP address or have two dots in a row."]
    if name.startswith("goog") or "google" in name:
        return ['bucket_name must neither begin with "goog" nor contain "google".']
    return []
