"""HTTP to Google Cloud Storage: one connection pool and one access token for a file manager, shared by all threads.

Google's own library sends through `GCSClient.request` too. See docs/adr/0006 for which calls are the library's.
"""

from functools import cached_property, partial
from threading import Lock
from typing import Any

import google.auth
import requests
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import Request
from google.cloud import storage
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from fileman import conf
from fileman.backends.gcs.errors import BUSY_STATUS, Refused, gcs_errors
from fileman.backends.gcs.settings import SCOPE, GCSSettings

UNAUTHORIZED = 401

_RETRY_ONCE = Retry(
    total=1,
    allowed_methods=None,
    status_forcelist=BUSY_STATUS,
    raise_on_status=False,
    respect_retry_after_header=False,
)
"""Every request may be repeated, because writes are conditional. Streamed bodies are never retried."""


class GCSClient:
    def __init__(self, settings: GCSSettings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._once = _new_session(Retry(total=0))
        self._twice = _new_session(_RETRY_ONCE)
        self.bucket = _new_library_client(self, settings.base_url).bucket(settings.bucket_name)
        """The bucket in Google's library. Pass `limits` to each of its calls, and make them under `gcs_errors`."""

    @cached_property
    def credentials(self) -> Any:
        """Google's credentials object. The first use may ask the network where the settings hold none."""
        with gcs_errors():
            account = self._settings.account()
            return account or google.auth.default(scopes=[SCOPE], request=self._token_request())[0]

    @property
    def limits(self) -> dict[str, Any]:
        """Arguments of each call of the library: our time-outs, and no attempts besides our own two."""
        return {"retry": None, "timeout": _timeouts()}

    def request(
        self, method: str, url: str, *, accept: tuple[int, ...] = (), body_once: bool = False, **options: Any
    ) -> requests.Response:
        """Send a request with our access token. Google's library calls this as the method of its HTTP session.

        `accept`: statuses beside 2xx that are no error. `body_once`: the body can be read only once. `options` are
        those of `requests`. Raises Refused, and errors of the libraries; `send` maps them.
        """
        session = self._once if body_once else self._twice
        ask = partial(_request, session, method, url, auth=_Bearer(self), **options)
        response = ask()
        if response.status_code == UNAUTHORIZED:  # Google may revoke a token before its time
            self._forget_token()
            response = response if body_once else ask()
        return _checked(response, accept)

    def send(self, method: str, target: str, **options: Any) -> requests.Response:
        """Send a request with our access token to a path of the endpoint, or to a URL. Raises StorageError.

        `options` are those of `request`.
        """
        with gcs_errors():
            return self.request(method, target if "://" in target else f"{self._settings.base_url}{target}", **options)

    def send_bare(
        self, method: str, url: str, *, accept: tuple[int, ...] = (), body_once: bool = False, **options: Any
    ) -> requests.Response:
        """Send a request without the access token, to a URL that grants access itself. Raises StorageError."""
        with gcs_errors():
            return _checked(_request(self._once if body_once else self._twice, method, url, **options), accept)

    def authorize(self, headers: Any) -> None:
        """Add an access token to headers, a new one if the old one expires soon."""
        with self._lock:
            if not self.credentials.token or self.credentials.expired:
                self.credentials.refresh(self._token_request())
        self.credentials.apply(headers)

    def _forget_token(self) -> None:
        with self._lock:
            self.credentials.token = None

    def _token_request(self) -> Any:
        return partial(Request(self._twice), timeout=_timeouts())


class _Bearer(AuthBase):
    """Adds the access token. google-auth's own session would start threads that ask other hosts of Google."""

    def __init__(self, client: GCSClient) -> None:
        self._client = client

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        self._client.authorize(request.headers)
        return request


def _new_library_client(client: GCSClient, endpoint: str) -> Any:
    """Return Google's client. It sends through ours alone, whatever the environment of this process says."""
    no_credentials: Any = AnonymousCredentials  # `request` adds the token
    library: Any = storage.Client(
        project=None,
        credentials=no_credentials(),
        _http=client,
        client_options={"api_endpoint": endpoint},  # or STORAGE_EMULATOR_HOST would redirect it
    )
    # GOOGLE_API_USE_MTLS_ENDPOINT=always would redirect it still.
    library._connection.API_BASE_MTLS_URL = endpoint  # noqa: SLF001
    # Else it asks for the bucket's metadata in a thread of its own, on most calls.
    library._bucket_metadata_cache = None  # noqa: SLF001
    return library


def _request(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
    return session.request(method, url, **{"timeout": _timeouts(), **options}, allow_redirects=False)


def _checked(response: requests.Response, accept: tuple[int, ...]) -> requests.Response:
    if response.status_code < 300 or response.status_code in accept:
        return response
    with response:
        raise Refused.from_response(response)


def _timeouts() -> tuple[float, float]:
    """Return the seconds to connect, and of silence while reading."""
    limits = conf.settings()
    return limits.STORAGE_CONNECT_TIMEOUT_SECONDS, limits.STORAGE_READ_TIMEOUT_SECONDS


def _new_session(retry: Retry) -> requests.Session:
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry, pool_maxsize=32))
    return session
