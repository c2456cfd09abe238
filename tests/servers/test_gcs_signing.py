"""The verifier of signed URLs against Google's published V4 signing vectors."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.servers.gcs.http import Refused, Request
from tests.servers.gcs.signing import SignatureVerifier

_DATA = Path(__file__).with_name("data")
_VECTORS: list[dict[str, Any]] = json.loads((_DATA / "gcs_v4_signing_vectors.json").read_text("utf-8-sig"))[
    "signingV4Tests"
]
_PUBLIC_KEY = cast("RSAPublicKey", load_pem_public_key((_DATA / "gcs_v4_signing_vectors.pem").read_bytes()))


def test_all_22_published_vectors_are_held_against_the_verifier() -> None:
    assert len(_VECTORS) == 22


@pytest.mark.parametrize("vector", _VECTORS, ids=[vector["description"] for vector in _VECTORS])
def test_a_published_vector_is_accepted_as_it_is_and_until_the_second_of_its_expiry(vector: dict[str, Any]) -> None:
    verifier, request, signed_at = _verifier(vector), _request(vector), _signed_at(vector)
    expires = signed_at + timedelta(seconds=vector["expiration"])

    for now in (signed_at, expires):
        verifier.verify(request, now=now)
    verifier.verify(replace(request, query="&".join(reversed(request.query.split("&")))), now=signed_at)

    with pytest.raises(Refused, match=r"^400 ExpiredToken"):
        verifier.verify(request, now=expires + timedelta(seconds=1))
    with pytest.raises(Refused, match=r"^403 SignatureDoesNotMatch"):
        verifier.verify(replace(request, path="/test-bucket/another-object"), now=signed_at)


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


def _request(vector: dict[str, Any]) -> Request:
    url = urlsplit(vector["expectedUrl"])
    headers = Message()
    headers["Host"] = url.netloc
    for name, value in vector.get("headers", {}).items():
        headers[name] = value
    return Request(method=vector["method"], path=url.path, query=url.query, headers=headers)


def _signed_at(vector: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(vector["timestamp"]).astimezone(UTC)
