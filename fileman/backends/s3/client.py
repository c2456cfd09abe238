"""The SDK's clients of one file manager: made when first needed, then shared by all threads."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import boto3
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.loaders import create_loader
from botocore.session import Session

from fileman import conf
from fileman.backends.s3.errors import s3_errors
from fileman.backends.s3.settings import S3Settings
from fileman.errors import StorageMisconfigured

DEFAULT_REGION = "us-east-1"
ATTEMPTS = 2
_LOADER = create_loader()
"""Keeps the SDK's descriptions of S3; shared, it makes every client but the first cheap (some 15 ms, not 60 to 190)."""


@dataclass(frozen=True, kw_only=True)
class _Parts:
    session: Any
    client: Any
    credentials: Any
    """The SDK's credentials, which renew themselves where they are temporary."""
    region: str
    post_url: str
    """Address of the bucket, as the SDK itself forms it."""


class S3Connection:
    """Made once for each saved state of a file manager, and without any network until a client is used."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._made: _Parts | None = None
        self._streaming_client: Any = None

    @property
    def client(self) -> Any:
        """Signs bodies, tries twice."""
        return self._parts.client

    @property
    def streaming_client(self) -> Any:
        """For bodies that can be read only once: tries once and leaves them unsigned."""
        parts = self._parts
        with self._lock, s3_errors():
            if self._streaming_client is None:
                self._streaming_client = self._client(parts.session, attempts=1, sign_bodies=False)
        return self._streaming_client

    @property
    def region(self) -> str:
        """The region that requests are signed for."""
        return self._parts.region

    @property
    def post_url(self) -> str:
        """Where POST uploads go."""
        return self._parts.post_url

    @property
    def objects_url(self) -> str:
        """What stands before the key in an object's address."""
        return f"{self._parts.post_url.rstrip('/')}/"

    def credentials(self) -> Any:
        """Key, secret and token as they are now. Renewing temporary ones asks the network."""
        with s3_errors():
            return self._parts.credentials.get_frozen_credentials()

    def status_of(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes) -> int:
        """What S3 answers to a request as a client would send it, by the SDK's timeouts, proxies and certificates."""
        http = self.client._endpoint.http_session  # noqa: SLF001 - the SDK offers no public way to send without signing
        request = AWSRequest(method=method, url=url, headers=headers, data=body)
        return int(http.send(request.prepare()).status_code)

    @property
    def _parts(self) -> _Parts:
        if self._made is None:
            with self._lock, s3_errors():
                self._made = self._made or self._make()
        return self._made

    def _make(self) -> _Parts:
        session = self._session()
        credentials = session.get_credentials()
        if credentials is None:
            raise StorageMisconfigured("There are no S3 credentials, neither in the settings nor in the environment.")
        client = self._client(session, attempts=ATTEMPTS, sign_bodies=True)
        return _Parts(
            session=session,
            client=client,
            credentials=credentials,
            region=_region(session),
            post_url=client.generate_presigned_post(self._settings.bucket_name, "key")["url"],
        )

    def _client(self, session: Any, *, attempts: int, sign_bodies: bool) -> Any:
        return session.client(
            "s3",
            region_name=_region(session),
            endpoint_url=self._settings.endpoint_url or None,
            config=_config(self._settings, attempts=attempts, sign_bodies=sign_bodies),
        )

    def _session(self) -> Any:
        settings, core = self._settings, Session()
        core.register_component("data_loader", _LOADER)
        return boto3.Session(
            botocore_session=core,
            aws_access_key_id=settings.access_key_id or None,
            aws_secret_access_key=settings.secret_access_key or None,
            aws_session_token=settings.session_token or None,
            region_name=settings.region_name or None,
        )


def _region(session: Any) -> str:
    return session.region_name or DEFAULT_REGION


def _config(settings: S3Settings, *, attempts: int, sign_bodies: bool) -> Config:
    options: dict[str, Any] = {
        "addressing_style": _addressing_style(settings),
        "us_east_1_regional_endpoint": "regional",
    }
    if not sign_bodies:
        options["payload_signing_enabled"] = False
    return Config(
        signature_version="s3v4",
        s3=options,
        connect_timeout=conf.settings().STORAGE_CONNECT_TIMEOUT_SECONDS,
        read_timeout=conf.settings().STORAGE_READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # An address from the environment would send this manager's secrets to a host that its settings do not name.
        ignore_configured_endpoint_urls=True,
    )


def _addressing_style(settings: S3Settings) -> str:
    """The SDK's own "auto" signs for the global host, which redirects for buckets elsewhere; browsers cannot follow."""
    if settings.addressing_style != "auto" or settings.endpoint_url:
        return settings.addressing_style
    return "path" if "." in settings.bucket_name else "virtual"
