"""HTTP to Google Cloud Storage: one connection pool and one access token for a file manager, shared by all threads.

Not the SDK's client: that one retries for two minutes by itself, and reads what it streams into memory.
"""

from collections.abc import Mapping
from functools import cached_property, partial
from threading import Lock
from typing import Any

import google.auth
import requests
from google.auth.transport.requests import Request
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from fileman import conf
from fileman.backends.gcs.errors import BUSY_STATUS, gcs_errors, refused, understood
from fileman.backends.gcs.settings import SCOPE, GCSSettings

UNAUTHORIZED = 401

_RETRY_ONCE = Retry(
    total=1,
    allowed_methods=None,
    status_forcelist=BUSY_STATUS,
    raise_on_status=False,
    respect_retry_after_header=False,
)
"""Every request of ours may be repeated: writes are conditional. Those with a streamed body go once."""


class GCSConnection:
    def __init__(self, settings: GCSSettings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._once = _session(Retry(total=0))
        self._twice = _session(_RETRY_ONCE)

    @cached_property
    def credentials(self) -> Any:
        """Google's credentials object. The first use may ask the network where none are in the settings."""
        with gcs_errors():
            account = self._settings.account()
            return account or google.auth.default(scopes=[SCOPE], request=self._token_request())[0]

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        accept: tuple[int, ...] = (),
        body_once: bool = False,
        **options: Any,
    ) -> requests.Response:
        """Ask with our access token. `path` follows the endpoint, or is an address of Google's as a whole.

        `accept`: statuses besides 2xx to answer, not raise. `body_once`: the body can be read only once. `options` are
        those of `requests`. Raises StorageError.
        """
        url = path if "://" in path else f"{self._settings.base_url}{path}"
        session = self._once if body_once else self._twice
        ask = partial(_request, session, method, url, params=query, auth=_Bearer(self), **options)
        with gcs_errors():
            answer = ask()
            if answer.status_code == UNAUTHORIZED:
                self._forget_token()
                answer = answer if body_once else ask()
            return _checked(answer, accept)

    def send_bare(
        self, method: str, url: str, *, accept: tuple[int, ...] = (), body_once: bool = False, **options: Any
    ) -> requests.Response:
        """Ask without the access token, at an address that is its own authority. Raises StorageError."""
        session = self._once if body_once else self._twice
        with gcs_errors():
            return _checked(_request(session, method, url, **options), accept)

    def authorize(self, headers: Any) -> None:
        """Put an access token into headers, a new one where the old one ends soon."""
        with self._lock:
            if not self.credentials.token or self.credentials.expired:
                self.credentials.refresh(self._token_request())
        self.credentials.apply(headers)

    def _forget_token(self) -> None:
        """Google may take one back before its time."""
        with self._lock:
            self.credentials.token = None

    def _token_request(self) -> Any:
        return partial(Request(self._twice), timeout=_timeout())


class _Bearer(AuthBase):
    """Never the SDK's own session: that one starts threads which ask other hosts of Google."""

    def __init__(self, connection: GCSConnection) -> None:
        self._connection = connection

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        self._connection.authorize(request.headers)
        return request


def json_of(response: requests.Response) -> Mapping[str, Any]:
    """The object that an answer holds. Raises StorageMisconfigured where it holds none."""
    with understood():
        value = response.json()
        if not isinstance(value, dict):
            raise TypeError
        return value


def _request(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
    return session.request(method, url, timeout=_timeout(), allow_redirects=False, **options)


def _checked(response: requests.Response, accept: tuple[int, ...]) -> requests.Response:
    if response.status_code < 300 or response.status_code in accept:
        return response
    with response:
        raise refused(response.status_code, response.text)


def _timeout() -> tuple[float, float]:
    limits = conf.settings()
    return limits.STORAGE_CONNECT_TIMEOUT_SECONDS, limits.STORAGE_READ_TIMEOUT_SECONDS


def _session(retry: Retry) -> requests.Session:
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry, pool_maxsize=32))
    return session
