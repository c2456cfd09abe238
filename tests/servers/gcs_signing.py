"""Checks V4 signed URLs (GOOG4-RSA-SHA256) as https://cloud.google.com/storage/docs/authentication/signatures tells.

It is a reading of the documentation, held to Google's published signing vectors by test_gcs_signing.py.
"""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.servers.gcs_http import Refused, Request

_ALGORITHM = "GOOG4-RSA-SHA256"
_PARAMETERS = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
_MAX_EXPIRES_SECONDS = 7 * 24 * 60 * 60
_CLOCK_SKEW = timedelta(minutes=15)
_UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True, kw_only=True)
class SignatureVerifier:
    client_email: str
    """The only account whose signatures count."""
    public_key: RSAPublicKey
    date_format: str = "%Y%m%dT%H%M%SZ"
    """How X-Goog-Date is written. Only the published vectors differ from the default."""

    def verify(self, request: Request, *, now: datetime) -> str:
        """Return the payload hash that the signature covers, or raise Refused with Google's status and code."""
        fields = _signature_fields(request)
        signed_headers = fields["SignedHeaders"].split(";")
        _check_signed_headers(request, signed_headers)
        signed_at = self._signed_at(fields)
        self._check_signature(request, fields, signed_headers)
        expires = signed_at + timedelta(seconds=int(fields["Expires"]))
        if now > expires:
            raise Refused(400, "ExpiredToken", f"The signed URL expired at {expires.isoformat()}")
        if now < signed_at - _CLOCK_SKEW:
            raise Refused(403, "RequestTimeTooSkewed", "The signed URL is dated in the future")
        return _payload_hash(request, signed_headers)

    def _signed_at(self, fields: dict[str, str]) -> datetime:
        email, _, scope = fields["Credential"].partition("/")
        if fields["Algorithm"] != _ALGORITHM:
            raise Refused(400, "InvalidArgument", f"X-Goog-Algorithm is not {_ALGORITHM}")
        if not re.fullmatch(rf"{re.escape(fields['Date'][:8])}/[a-z0-9-]+/storage/goog4_request", scope):
            raise Refused(400, "InvalidArgument", "X-Goog-Credential has another scope than <date>/<place>/storage")
        if email != self.client_email:
            raise Refused(403, "AccessDenied", "X-Goog-Credential names an unknown account")
        if (
            not re.fullmatch(r"[0-9]{1,7}", fields["Expires"])
            or not 1 <= int(fields["Expires"]) <= _MAX_EXPIRES_SECONDS
        ):
            raise Refused(400, "InvalidArgument", "X-Goog-Expires is not between one second and seven days")
        try:
            return datetime.strptime(fields["Date"], self.date_format).replace(tzinfo=UTC)
        except ValueError:
            raise Refused(400, "InvalidArgument", "X-Goog-Date is malformed") from None

    def _check_signature(self, request: Request, fields: dict[str, str], signed_headers: list[str]) -> None:
        scope = fields["Credential"].partition("/")[2]
        digest = sha256(_canonical_request(request, signed_headers).encode()).hexdigest()
        string_to_sign = "\n".join([_ALGORITHM, fields["Date"], scope, digest])
        try:
            signature = bytes.fromhex(fields["Signature"])
            self.public_key.verify(signature, string_to_sign.encode(), PKCS1v15(), hashes.SHA256())
        except (ValueError, InvalidSignature):
            raise Refused(403, "SignatureDoesNotMatch", "The signature is not of this request") from None


def _signature_fields(request: Request) -> dict[str, str]:
    counts = Counter(name for name, _ in request.pairs)
    found = {name: request.parameters[f"X-Goog-{name}"] for name in _PARAMETERS if counts[f"X-Goog-{name}"]}
    if not found:
        raise Refused(403, "AccessDenied", "Anonymous caller does not have access")
    if len(found) < len(_PARAMETERS) or any(counts[f"X-Goog-{name}"] > 1 for name in _PARAMETERS):
        raise Refused(400, "InvalidArgument", "Each X-Goog-* parameter of a signed URL must stand once")
    return found


def _check_signed_headers(request: Request, signed_headers: list[str]) -> None:
    if "host" not in signed_headers or signed_headers != sorted({name.lower() for name in signed_headers}):
        raise Refused(400, "InvalidArgument", "X-Goog-SignedHeaders must be sorted, in lower case and with host")
    for name in request.headers:
        if name.lower().startswith("x-goog-") and name.lower() not in signed_headers:
            raise Refused(403, "AccessDenied", f"The header {name} was not signed")


def _canonical_request(request: Request, signed_headers: list[str]) -> str:
    query = sorted(f"{_encoded(name)}={_encoded(value)}" for name, value in request.pairs if name != "X-Goog-Signature")
    headers = [f"{name}:{_header(request, name)}" for name in signed_headers]
    payload = _payload_hash(request, signed_headers)
    return "\n".join([request.method, request.path, "&".join(query), *headers, "", ";".join(signed_headers), payload])


def _payload_hash(request: Request, signed_headers: list[str]) -> str:
    if "x-goog-content-sha256" in signed_headers:
        return _header(request, "x-goog-content-sha256")
    return _UNSIGNED_PAYLOAD


def _header(request: Request, name: str) -> str:
    return ",".join(" ".join(value.split()) for value in request.headers.get_all(name, []))


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")
