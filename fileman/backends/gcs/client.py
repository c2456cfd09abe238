"""HTTP to Google Cloud Storage: one connection pool and one access token for a file manager, shared by all threads.

Google's own library sends through `GCSClient.request` too. See docs/adr/0006 for which calls are the library's.
"""

import json
import re
from threading import Lock
from typing import Any

import google.auth
import requests
from django.utils.functional import cached_property
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import Request
from google.cloud import storage
from urllib3.util import Retry

from fileman import conf
from fileman.backends.connections import Trusts, new_session
from fileman.backends.gcs.errors import BUSY_STATUS, Refused, gcs_errors
from fileman.backends.gcs.settings import SCOPE, GCSSettings
from fileman.backends.time_limit import is_limited, start_call
from fileman.errors import StorageUnavailable

UNAUTHORIZED = 401
_OBJECT_PATH = re.compile(r"/b/[^/]+/o/[^/?]")
_TOKEN_FIELDS = {"access_token", "accessToken", "error"}

_RETRY_ONCE = Retry(
    total=1, allowed_methods=None, status_forcelist=BUSY_STATUS, raise_on_status=False, respect_retry_after_header=False
)
"""Outside of a time limit every request but those sent `once` may be repeated: none of them can harm a file."""


class GCSClient:
    def __init__(self, settings: GCSSettings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._once, self._twice = self._new_sessions(settings.trusts)
        # The chain of Google's library asks metadata services, which settings must not name.
        self._chain = self._new_sessions(None) if settings.credentials is None else (self._once, self._twice)
        self.bucket = _new_library_client(self, settings.base_url).bucket(settings.bucket_name)
        """The bucket in Google's library. Pass `limits` to each of its calls, and make them under `gcs_errors`."""

    @cached_property
    def credentials(self) -> Any:
        """Google's credentials object. The first use may ask the network where the settings hold none."""
        with gcs_errors():
            send: Any = self._request_for_auth
            return self._settings.account() or google.auth.default(scopes=[SCOPE], request=send)[0]

    @property
    def limits(self) -> dict[str, Any]:
        """Arguments of each call of the library: our time-outs, and no attempts besides our own two."""
        return {"retry": None, "timeout": conf.settings().timeouts}

    def request(
        self, method: str, url: str, *, accept: tuple[int, ...] = (), once: bool = False, **options: Any
    ) -> requests.Response:
        """Send a request with our access token. Google's library calls this as the method of its HTTP session.

        `accept`: statuses beside 2xx that are no error. `once`: never repeat it, because its body can be read only
        once or because it publishes. `options` are those of `requests`. Raises Refused, OutOfTime, and errors of the
        libraries; `send` maps them.
        """
        response = self._ask(method, url, once=once, **options)
        if response.status_code == UNAUTHORIZED:  # Google may revoke a token before its time
            response.close()
            with self._lock:
                self.credentials.token = None
            if once:
                raise StorageUnavailable
            response = self._ask(method, url, **options)
        return _checked(response, accept)

    def send(self, method: str, target: str, **options: Any) -> requests.Response:
        """Send a request with our access token to a path of the endpoint, or to a URL. Raises StorageError."""
        with gcs_errors():
            return self.request(method, target if "://" in target else f"{self._settings.base_url}{target}", **options)

    def upload(self, kind: str, path: str, **options: Any) -> requests.Response:
        """Begin an upload of Google's type "media" or "resumable". Raises ObjectChanged if the object exists."""
        query = {"uploadType": kind, "name": path, "ifGenerationMatch": "0"}
        return self.send("POST", f"/upload/storage/v1{self.bucket.path}/o", params=query, **options)

    def send_bare(
        self, method: str, url: str, *, accept: tuple[int, ...] = (), once: bool = False, **options: Any
    ) -> requests.Response:
        """Send a request without the access token, to a URL that grants access itself. Raises StorageError."""
        with gcs_errors():
            return _checked(_request(self._session(once=once), method, url, **options), accept)

    def authorize(self, headers: Any) -> None:
        """Add an access token to headers, a new one if the old one expires soon."""
        with self._lock:
            if not self.credentials.token or self.credentials.expired:
                self.credentials.refresh(self._request_token)
        self.credentials.apply(headers)

    def _ask(self, method: str, url: str, *, once: bool = False, **options: Any) -> requests.Response:
        token: dict[str, str] = {}
        self.authorize(token)  # before the request is begun: a token may need a request of its own

        def add_token(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
            prepared.headers.update(token)
            return prepared

        # google-auth's own session would start threads that ask other hosts of Google.
        return _request(self._session(once=once), method, url, auth=add_token, **options)

    def _session(self, *, once: bool = False) -> requests.Session:
        return self._once if once or is_limited() else self._twice

    @staticmethod
    def _new_sessions(trusts: Trusts | None) -> tuple[requests.Session, requests.Session]:
        return new_session(Retry(total=0), trusts), new_session(_RETRY_ONCE, trusts)

    def _request_for_auth(self, *arguments: Any, **options: Any) -> Any:
        """Send a request of google-auth."""
        start_call()
        return Request(self._chain[not is_limited()])(*arguments, **{"timeout": conf.settings().timeouts, **options})

    def _request_token(self, url: str, method: str = "GET", **options: Any) -> Any:
        """Send a request of google-auth for a token. Raises StorageUnavailable where google-auth would repeat it."""
        with gcs_errors():
            response = self._request_for_auth(url, method, **options)
            if response.status in BUSY_STATUS:
                raise StorageUnavailable
            # google-auth takes a web page for a token, or for a refusal of the credentials.
            if method == "POST" and not _TOKEN_FIELDS & json.loads(response.data).keys():
                raise ValueError("neither a token nor a refusal")
            return response


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
    """Send every request but those of google-auth."""
    start_call()
    return session.request(method, url, **{"timeout": conf.settings().timeouts, **options}, allow_redirects=False)


def _checked(response: requests.Response, accept: tuple[int, ...]) -> requests.Response:
    if response.status_code < 300 or response.status_code in accept:
        return response
    with response:
        names_object = bool(_OBJECT_PATH.search(response.request.path_url))
        raise Refused.from_response(response, names_object=names_object)
