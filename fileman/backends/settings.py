"""The settings that the storage of every file manager takes."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import SplitResult

from fileman import conf
from fileman.backends.addresses import is_reachable, resolve
from fileman.backends.endpoints import advise_trust, has_plain_host, is_trusted, parsed, private_problem


@dataclass(frozen=True, kw_only=True)
class BackendSettings:
    """The keys that every file manager's `settings` takes. Backends add their own as fields."""

    provider_hosts: ClassVar[re.Pattern[str]] = re.compile("(?!)")
    """The provider's own hosts. Only they, and TRUSTED_ENDPOINTS, get credentials that are not in the settings."""
    endpoint_settings: ClassVar[Sequence[str]] = ()
    """Settings that hold the URL of an endpoint."""
    credential_settings: ClassVar[Sequence[str]] = ()
    """Settings without which the SDK looks for credentials of this server, such as those of a role."""
    fixed: ClassVar[Sequence[str]] = ()
    """Settings that can be removed but not changed while the file manager has files."""

    upload_expires_in: int = field(default_factory=lambda: conf.settings().DEFAULT_UPLOAD_EXPIRES_IN)
    """Seconds that signed upload requests live, 1 to 604,800."""
    download_expires_in: int = field(default_factory=lambda: conf.settings().DEFAULT_DOWNLOAD_EXPIRES_IN)
    """Seconds that signed download URLs live, 1 to 604,800. Clients may ask for less; `get_url` may be given more."""

    @property
    def endpoints(self) -> Mapping[str, str]:
        """URLs that this server sends requests to, by the setting that names them."""
        return {name: getattr(self, name) for name in self.endpoint_settings if getattr(self, name)}

    @property
    def has_credentials(self) -> bool:
        """True if requests are signed by credentials of the settings."""
        return all(getattr(self, name) for name in self.credential_settings)

    def trusts(self, url: SplitResult) -> bool:
        """Return True for a host that may have a private address: the provider's, or one of TRUSTED_ENDPOINTS."""
        return is_trusted(url) or bool(self.provider_hosts.fullmatch(url.hostname or ""))

    def problems(self) -> list[str]:
        """Return one sentence for each impossible value. Subclasses add their own."""
        problems = [
            f"{key} must be from 1 to {conf.URL_LIFETIME_CAP_SECONDS} seconds."
            for key in ("upload_expires_in", "download_expires_in")
            if not 0 < getattr(self, key) <= conf.URL_LIFETIME_CAP_SECONDS
        ]
        found = [self._endpoint_problem(parsed(url), name=name) for name, url in self.endpoints.items()]
        return problems + [problem for problem in found if problem]

    def _endpoint_problem(self, url: SplitResult, *, name: str) -> str:
        if not has_plain_host(url) or url.query:
            return f'{name} must look like "https://host" or "https://host:port".'
        is_secure = url.scheme == "https" or is_trusted(url, as_origin=True)
        if not is_trusted(url) and not is_reachable(url.hostname or ""):
            return private_problem(url, name=name)
        if not is_secure and not conf.insecure_endpoints_allowed():
            return f"{name} must be https. Set ALLOW_INSECURE_ENDPOINTS in FILEMAN_SETTINGS to allow http."
        if not self.has_credentials and not is_trusted(url) and not (is_secure and self.trusts(url)):
            refusal = f"{name} is not https at a host of the provider, so it gets no credentials of this server."
            return f"{refusal} Set credentials, or {advise_trust(url)}."
        return ""

    def name_problems(self) -> list[str]:
        """Return a sentence for each endpoint whose name leads to an address that is not public. Asks the network."""
        problems = []
        for name, url in self.endpoints.items():
            host = parsed(url).hostname or ""
            with suppress(OSError):
                if not self.trusts(parsed(url)) and not all(map(is_reachable, resolve(host))):
                    problems.append(private_problem(parsed(url), name=name))
        return problems
