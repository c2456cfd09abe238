"""Sign requests without the SDK's client: the same bytes as boto3 in a fraction of the time.

`tests/backends/s3/test_signing.py` compares the two.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from botocore.auth import SIGV4_TIMESTAMP, S3SigV4PostAuth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from fileman.backends.s3.client import S3Client

SERVICE = "s3"
ALGORITHM = "AWS4-HMAC-SHA256"


class S3Signer:
    """Signs for one bucket at the time that the caller passes. No network, except to renew credentials."""

    def __init__(self, client: S3Client, bucket_name: str) -> None:
        self._client = client
        self._bucket_name = bucket_name

    def url(
        self,
        method: str,
        key: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        expires_in: int,
        now: datetime,
    ) -> str:
        """Return a URL for one kind of request, which must have exactly these `headers`."""
        request = AWSRequest(
            method=method,
            url=self._client.objects_url + quote(key, safe="/~"),
            headers=headers,
            params=query,
        )
        credentials = self._client.credentials()
        _QueryAuth(credentials, SERVICE, self._client.region, expires=expires_in).sign(request, now)
        url: str = request.url
        return url

    def post(
        self, key: str, *, fields: Mapping[str, str], conditions: Sequence[Any], expires_in: int, now: datetime
    ) -> tuple[str, dict[str, str]]:
        """Return the URL and the form of a POST upload. Signs the values of `fields`, and further `conditions`."""
        auth = _PostAuth(self._client.credentials(), SERVICE, self._client.region)
        signed = [*({name: value} for name, value in fields.items()), *conditions]
        signed += [{"bucket": self._bucket_name}, {"key": key}]
        expires_at = (now.astimezone(UTC) + timedelta(seconds=expires_in)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._client.post_url, auth.form({**fields, "key": key}, signed, expires_at, now)


class _QueryAuth(S3SigV4QueryAuth):  # type: ignore[misc]
    """Signs one request for a given time, without logging it as the SDK does."""

    _headers: Any = None

    def sign(self, request: Any, now: datetime) -> None:
        request.context["timestamp"] = _timestamp(now)
        self._modify_request_before_signing(request)
        text = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(text, request))

    def headers_to_sign(self, request: Any) -> Any:
        # The SDK calls it twice for one signature.
        if self._headers is None:
            self._headers = super().headers_to_sign(request)
        return self._headers


class _PostAuth(S3SigV4PostAuth):  # type: ignore[misc]
    """Signs a POST policy for a given time."""

    def form(
        self, fields: Mapping[str, str], conditions: Sequence[Any], expires_at: str, now: datetime
    ) -> dict[str, str]:
        request = AWSRequest()
        request.context["timestamp"] = _timestamp(now)
        own = {
            "x-amz-algorithm": ALGORITHM,
            "x-amz-credential": self.scope(request),
            "x-amz-date": request.context["timestamp"],
        }
        if self.credentials.token is not None:
            own["x-amz-security-token"] = self.credentials.token
        signed = [*conditions, *({name: value} for name, value in own.items())]
        text = json.dumps({"expiration": expires_at, "conditions": signed})
        policy = base64.b64encode(text.encode()).decode()
        return {**fields, **own, "policy": policy, "x-amz-signature": self.signature(policy, request)}


def _timestamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime(SIGV4_TIMESTAMP)
