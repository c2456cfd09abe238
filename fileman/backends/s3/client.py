"""The SDK's clients of one file manager: made on first use, then shared by all threads."""

import logging
import re
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.loaders import create_loader
from botocore.session import Session
from django.utils.functional import cached_property

from fileman import conf
from fileman.backends.connections import check_addresses
from fileman.backends.s3.errors import require_own_response, s3_errors
from fileman.backends.s3.settings import S3Settings
from fileman.backends.time_limit import is_limited, start_call
from fileman.errors import StorageMisconfigured

DEFAULT_REGION = "us-east-1"
# Caches the SDK's description of S3: each client after the first takes some 15 ms instead of 60 to 190.
_LOADER = create_loader()
_SESSION_TOKEN = re.compile(r"(x-amz-security-token['\": =b]{1,6})[\w/+=%-]+", re.IGNORECASE)


def _hide_session_token(record: logging.LogRecord) -> bool:
    """Remove the token of temporary credentials from what the SDK, and the doctor's requests, log at DEBUG."""
    record.msg, record.args = _SESSION_TOKEN.sub(r"\1...", record.getMessage()), ()
    return True


for _name in ("botocore.auth", "botocore.endpoint", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_hide_session_token)


class S3Client:
    """Holds what the SDK makes of one saved state of a file manager. No network until it is used."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._session: Any = None
        self._sdks: dict[tuple[int, bool, str | None], Any] = {}

    @property
    def sdk(self) -> Any:
        """The botocore client: signs bodies; tries twice, inside a time limit once."""
        return self.sdk_once if is_limited() else self._get_sdk()

    @property
    def sdk_once(self) -> Any:
        """The botocore client for requests that must not be repeated, such as copies."""
        return self._get_sdk(attempts=1)

    @property
    def streaming_sdk(self) -> Any:
        """The botocore client for bodies that can be read only once: leaves them unsigned, tries once."""
        return self._get_sdk(attempts=1, sign_bodies=False)

    @property
    def session(self) -> Any:
        """The SDK's session, with credentials, which renew themselves, and the region that requests are signed for."""
        if self._session is None:
            with self._lock, s3_errors():
                self._session = self._session or self._open_session()
        return self._session

    @cached_property
    def bucket_url(self) -> str:
        """The URL of the bucket for clients, as built by the SDK, and of POST uploads."""
        sdk = self._get_sdk(endpoint=self._settings.public_endpoint_url or None)
        with s3_errors():
            return str(sdk.generate_presigned_post(self._settings.bucket_name, "key")["url"])

    def credentials(self) -> Any:
        """Return the current key, secret and token. Renewing temporary ones uses the network."""
        with s3_errors():
            return self.session.get_credentials().get_frozen_credentials()

    def _open_session(self) -> Any:
        """Find credentials and the region, without the network unless they are temporary ones of a machine."""
        settings, core = self._settings, Session()
        core.register_component("data_loader", _LOADER)
        session = boto3.Session(
            botocore_session=core,
            aws_access_key_id=settings.access_key_id or None,
            aws_secret_access_key=settings.secret_access_key or None,
            aws_session_token=settings.session_token or None,
            region_name=settings.region_name or core.get_config_variable("region") or DEFAULT_REGION,
        )
        if session.get_credentials() is None:
            raise StorageMisconfigured(
                "No S3 credentials found: set access_key_id and secret_access_key, or provide them in the environment."
            )
        return session

    def _get_sdk(self, *, attempts: int = 2, sign_bodies: bool = True, endpoint: str | None = None) -> Any:
        session, kind = self.session, (attempts, sign_bodies, endpoint or self._settings.endpoint_url or None)
        with self._lock, s3_errors():
            if kind not in self._sdks:
                self._sdks[kind] = self._build_sdk(session, *kind)
            return self._sdks[kind]

    def _build_sdk(self, session: Any, attempts: int, sign_bodies: bool, endpoint: str | None) -> Any:
        config = Config(
            signature_version="s3v4",
            s3={
                "addressing_style": _get_addressing_style(self._settings),
                "us_east_1_regional_endpoint": "regional",
                **({} if sign_bodies else {"payload_signing_enabled": False}),
            },
            connect_timeout=conf.settings().STORAGE_CONNECT_TIMEOUT_SECONDS,
            read_timeout=conf.settings().STORAGE_READ_TIMEOUT_SECONDS,
            max_pool_connections=64,  # the SDK's 10 are fewer than a server's threads
            retries={"total_max_attempts": attempts, "mode": "standard"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # One from the environment would send this manager's secrets to a host that its settings do not name.
            ignore_configured_endpoint_urls=True,
        )
        sdk = session.client("s3", endpoint_url=endpoint, config=config)
        check_addresses(sdk._endpoint.http_session._manager, self._settings.trusts)  # noqa: SLF001 - no public way
        sdk.meta.events.register("before-call.s3", _start_call)
        sdk.meta.events.register("before-parse.s3", require_own_response)
        return sdk


def _start_call(params: dict[str, Any], **_: Any) -> None:
    # Else the SDK would follow the region that a response names.
    params["context"]["s3_redirect"]["redirected"] = True
    start_call()


def _get_addressing_style(settings: S3Settings) -> str:
    # The SDK's "auto" signs for the global host, which redirects buckets of other regions; browsers cannot follow.
    if settings.addressing_style != "auto" or not settings.is_aws:
        return settings.addressing_style
    # The certificate of AWS does not cover bucket names with dots.
    return "path" if "." in settings.bucket_name else "virtual"
