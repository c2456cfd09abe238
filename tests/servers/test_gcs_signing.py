"""The verifier of signed URLs against Google's published V4 signing vectors."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import Message
from io import BytesIO
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.servers.gcs.http import Body, Refused, Request
from tests.servers.gcs.signing import SignatureVerifier

_DATA = Path(__file__).with_name("data")
_VECTORS: list[dict[str, Any]] = json.loads((_DATA / "gcs_v4_signing_vectors.json").read_text("utf-8-sig"))[
    "signingV4Tests"
]
_PUBLIC_KEY = cast("RSAPublicKey", load_pem_public_key((_DATA / "gcs_v4_signing_vectors.pem").read_bytes()))
each_vector = pytest.mark.parametrize("vector", _VECTORS, ids=[vector["description"] for vector in _VECTORS])


def test_all_22_published_vectors_are_held_against_the_verifier() -> None:
    assert len(_VECTORS) == 22


@each_vector
def test_a_published_vector_is_accepted_until_the_second_of_its_expiry(vector: dict[str, Any]) -> None:
    request = _request(vector)

    for now in (_signed_at(vector), _expires(vector)):
        _verifier(vector).verify(request, now=now)


@each_vector
def test_a_published_vector_is_refused_one_second_after_its_expiry(vector: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"^400 ExpiredToken"):
        _verifier(vector).verify(_request(vector), now=_expires(vector) + timedelta(seconds=1))


@each_vector
def test_a_published_vector_is_refused_once_its_path_has_changed(vector: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"^403 SignatureDoesNotMatch"):
        _verifier(vector).verify(_request(vector, path="/test-bucket/another-object"), now=_signed_at(vector))


@each_vector
def test_a_published_vector_is_accepted_in_whatever_order_its_query_comes(vector: dict[str, Any]) -> None:
    request = _request(vector)
    backwards = replace(request, query="&".join(reversed(request.query.split("&"))))

    _verifier(vector).verify(backwards, now=_signed_at(vector))


def test_a_url_dated_more_than_a_quarter_of_an_hour_ahead_is_refused() -> None:
    vector = _VECTORS[0]
    early = _signed_at(vector) - timedelta(minutes=15)

    _verifier(vector).verify(_request(vector), now=early)
    with pytest.raises(Refused, match=r"^403 RequestTimeTooSkewed"):
        _verifier(vector).verify(_request(vector), now=early - timedelta(seconds=1))


def test_real_signed_urls_do_not_write_their_date_in_iso_form() -> None:
    strict = replace(_verifier(_VECTORS[0]), date_format=SignatureVerifier.date_format)

    with pytest.raises(Refused, match=r"^400 InvalidArgument X-Goog-Date is malformed"):
        strict.verify(_request(_VECTORS[0]), now=_signed_at(_VECTORS[0]))


def _verifier(vector: dict[str, Any]) -> SignatureVerifier:
    return SignatureVerifier(
        client_email="test-iam-credentials@test-project-id.iam.gserviceaccount.com",
        public_key=_PUBLIC_KEY,
        date_format="%Y-%m-%dT%H:%M:%SZ" if "-" in vector["timestamp"] else SignatureVerifier.date_format,
    )


def _request(vector: dict[str, Any], *, path: str | None = None) -> Request:
    url = urlsplit(vector["expectedUrl"])
    headers = Message()
    headers["Host"] = url.netloc
    for name, value in vector.get("headers", {}).items():
        headers[name] = value
    body = Body(BytesIO(), length=0)
    return Request(method=vector["method"], path=path or url.path, query=url.query, headers=headers, body=body)


def _signed_at(vector: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(vector["timestamp"]).astimezone(UTC)


def _expires(vector: dict[str, Any]) -> datetime:
    return _signed_at(vector) + timedelta(seconds=vector["expiration"])
