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


class S3Signer:
    """Signs for one bucket at the time that the caller passes. No network, except to renew credentials."""

    def __init__(self, client: S3Client, bucket_name: str) -> None:
        self._client = client
        self._bucket_name = bucket_name

    def url(
        self, method: str, key: str, *, query: dict[str, Any], headers: dict[str, str], expires_in: int, now: datetime
    ) -> str:
        """Return a URL for one kind of request, which must have exactly these `headers`."""
        made = self._client.connection
        url = f"{self._client.bucket_url.rstrip('/')}/{quote(key, safe='/~')}"
        request = AWSRequest(method=method, url=url, headers=headers, params=query)
        _QueryAuth(self._client.credentials(), SERVICE, made.region, expires=expires_in).sign(request, now)
        return str(request.url)

    def post(
        self, key: str, *, fields: Mapping[str, str], conditions: Sequence[Any], expires_in: int, now: datetime
    ) -> tuple[str, dict[str, str]]:
        """Return the URL and the form of a POST upload. Signs the values of `fields`, and further `conditions`."""
        made, credentials, request = self._client.connection, self._client.credentials(), AWSRequest()
        auth = S3SigV4PostAuth(credentials, SERVICE, made.region)
        request.context["timestamp"] = _timestamp(now)
        own = {
            "x-amz-algorithm": "AWS4-HMAC-SHA256",
            "x-amz-credential": auth.scope(request),
            "x-amz-date": request.context["timestamp"],
        }
        if credentials.token is not None:
            own["x-amz-security-token"] = credentials.token
        signed = [*_exactly(fields), *conditions, {"bucket": self._bucket_name}, {"key": key}, *_exactly(own)]
        expires_at = (now.astimezone(UTC) + timedelta(seconds=expires_in)).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = json.dumps({"expiration": expires_at, "conditions": signed})
        policy = base64.b64encode(text.encode()).decode()
        signature = auth.signature(policy, request)
        return self._client.bucket_url, {**fields, "key": key, **own, "policy": policy, "x-amz-signature": signature}


class _QueryAuth(S3SigV4QueryAuth):  # type: ignore[misc]
    """Signs one request for a given time, without logging it as the SDK does."""

    def sign(self, request: Any, now: datetime) -> None:
        request.context["timestamp"] = _timestamp(now)
        self._modify_request_before_signing(request)
        text = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(text, request))


def _exactly(fields: Mapping[str, str]) -> list[dict[str, str]]:
    return [{name: value} for name, value in fields.items()]


def _timestamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime(SIGV4_TIMESTAMP)
