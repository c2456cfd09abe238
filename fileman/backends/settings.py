"""The settings that the storage of every file manager takes."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import ClassVar
from urllib.parse import SplitResult

from fileman import conf
from fileman.backends import endpoints

_PLAIN_PATH = re.compile(r"(/(?!\.)[\w.~-]+)*/?", re.ASCII)


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
    """Seconds that signed download URLs live, 1 to 604,800. Clients may ask for less."""

    def __post_init__(self) -> None:
        """Strip the secrets, which consoles and files add a space or a newline to."""
        for spec in fields(self):
            value = getattr(self, spec.name)
            if not spec.repr and isinstance(value, str):
                object.__setattr__(self, spec.name, value.strip())

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
        return endpoints.is_trusted(url) or bool(self.provider_hosts.fullmatch(url.hostname or ""))

    def problems(self) -> list[str]:
        """Return one sentence for each impossible value. Subclasses add their own."""
        longest, keys = conf.URL_LIFETIME_CAP_SECONDS, ("upload_expires_in", "download_expires_in")
        wrong = [key for key in keys if not 0 < getattr(self, key) <= longest]
        problems = [f"{key} must be from 1 to {longest} seconds." for key in wrong]
        for name, url in self.endpoints.items():
            problems.append(self._endpoint_problem(endpoints.parsed(url), name=name, own=self.has_credentials))
        return list(filter(None, problems))

    def location_problems(self, backend_url: str) -> list[str]:
        """Return the problems of `backend_url`, alone and beside the settings. Only called with well-typed settings."""
        return ["This type of file manager takes no backend_url. Leave it empty."] if backend_url else []

    def get_prefix(self, backend_url: str) -> str:  # noqa: ARG002
        """Return the folder inside the storage that `backend_url` names: "" or "some/folder/"."""
        return ""

    def _endpoint_problem(self, url: SplitResult, *, name: str, own: bool) -> str:
        """Return the problem of an endpoint. `own`: it gets no credentials but those of the settings."""
        if not endpoints.has_plain_host(url) or url.query or not _PLAIN_PATH.fullmatch(url.path):
            return f'{name} must look like "https://host" or "https://host:port".'
        is_secure = url.scheme == "https" or endpoints.is_trusted(url, as_origin=True)
        if not endpoints.is_trusted(url) and not endpoints.is_reachable(url.hostname or ""):
            return endpoints.private_problem(url, name=name)
        if not is_secure and not conf.insecure_endpoints_allowed():
            return f"{name} must be https. Set ALLOW_INSECURE_ENDPOINTS in FILEMAN_SETTINGS to allow http."
        if not own and not endpoints.is_trusted(url) and not (is_secure and self.trusts(url)):
            refusal = f"{name} is not https at a host of the provider, so it gets no credentials of this server."
            return f"{refusal} Set credentials, or {endpoints.advise_trust(url)}."
        return ""

    def name_problems(self) -> list[str]:
        """Return a sentence for each endpoint whose name leads to an address that is not public. Asks the network."""
        problems = []
        for name, text in self.endpoints.items():
            url = endpoints.parsed(text)
            with suppress(OSError):
                addresses = [] if self.trusts(url) else endpoints.resolve(url.hostname or "")
                if not all(map(endpoints.is_reachable, addresses)):
                    problems.append(endpoints.private_problem(url, name=name))
        return problems


@dataclass(frozen=True, kw_only=True)
class BucketSettings(BackendSettings):
    """Settings of a storage that browsers reach by signed URLs, and whose objects are in one bucket."""

    url_scheme: ClassVar[str]
    """Scheme of a `backend_url` that begins with the bucket. One with http or https begins with the endpoint."""
    bucket_setting: ClassVar[str] = "bucket_name"
    provider: ClassVar[str] = ""
    """Name of the store if the settings have no endpoint."""

    public_endpoint_url: str | None = None
    """URL of the storage for clients, if it is another one than for this server. Signed, but not connected to."""

    @property
    def place(self) -> str:
        """Name of the store in messages and in `location()`: the provider's, also for its hosts, or its endpoint."""
        endpoint = endpoints.normalize(self.endpoints.get(self.endpoint_settings[0], ""))
        is_own = self.provider_hosts.fullmatch(endpoints.parsed(endpoint).netloc)
        return (self.provider if is_own or not endpoint else "") or endpoint

    def problems(self) -> list[str]:
        url, name = self.public_endpoint_url, "public_endpoint_url"
        problem = self._endpoint_problem(endpoints.parsed(url), name=name, own=True) if url else ""
        return [*super().problems(), *filter(None, [problem])]

    def find_path(self, url: SplitResult) -> str | None:
        """Return "bucket/prefix/" of a `backend_url` with an endpoint, or None if it is not that of the settings."""
        return endpoints.path_below(url, endpoints.parsed(self.endpoints.get(self.endpoint_settings[0], "")))

    def location_problems(self, backend_url: str) -> list[str]:
        url, kind = endpoints.parsed(backend_url), self.bucket_setting.removesuffix("_name")
        if not backend_url:
            return []
        if url.scheme not in {self.url_scheme, "https", "http"} or not url.netloc or url.query or url.fragment:
            shapes = f"{self.url_scheme}://{kind}/prefix/ or https://host/{kind}/prefix/"
            return [f"backend_url must look like {shapes}."]
        path, bucket = self._path_in(backend_url), getattr(self, self.bucket_setting)
        if path is None:
            return [f"backend_url is not at {self.place}, where the settings are. Correct one of them."]
        if (named := path.partition("/")[0]) != bucket:
            return [f"backend_url names the {kind} {named!r}, but {self.bucket_setting} is {bucket!r}."]
        return endpoints.prefix_problems(self.get_prefix(backend_url))

    def get_prefix(self, backend_url: str) -> str:
        path = (self._path_in(backend_url) or "").partition("/")[2].removeprefix("/").removesuffix("/")
        return f"{path}/" if path else ""

    def _path_in(self, backend_url: str) -> str | None:
        url = endpoints.parsed(backend_url)
        return f"{url.netloc}{url.path}" if url.scheme == self.url_scheme else self.find_path(url)
