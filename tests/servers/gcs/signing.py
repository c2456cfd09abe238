"""Signatures of V4 signed URLs by the test account, and access tokens for it.

V4 (GOOG4-RSA-SHA256) follows https://cloud.google.com/storage/docs/authentication/signatures.
"""

import json
import secrets
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qs, quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.servers.gcs.http import Refused, Request, Response, json_response

_ALGORITHM = "GOOG4-RSA-SHA256"
_PARAMETERS = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
_MAX_EXPIRES_SECONDS = 7 * 24 * 60 * 60
_DATE_FORMAT = "%Y%m%dT%H%M%SZ"
TOKEN_PATH = "/_front/token"
_TOKEN_LIFETIME_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class SignatureVerifier:
    client_email: str
    """The only account whose signatures count."""
    public_key: RSAPublicKey

    def verify(self, request: Request, *, now: datetime) -> None:
        """Raise Refused with Google's status and code unless the request is signed."""
        fields = _signature_fields(request)
        signed_headers = fields["SignedHeaders"].split(";")
        _check_signed_headers(request, signed_headers)
        if fields["Credential"].partition("/")[0] != self.client_email:
            raise Refused(403, "AccessDenied", "X-Goog-Credential names an unknown account")
        if not 1 <= int(fields["Expires"]) <= _MAX_EXPIRES_SECONDS:
            raise Refused(400, "InvalidArgument", "X-Goog-Expires is not between one second and seven days")
        self._check_signature(request, fields, signed_headers)
        signed_at = datetime.strptime(fields["Date"], _DATE_FORMAT).replace(tzinfo=UTC)
        expires = signed_at + timedelta(seconds=int(fields["Expires"]))
        if now > expires:
            raise Refused(400, "ExpiredToken", f"The signed URL expired at {expires.isoformat()}")

    def _check_signature(self, request: Request, fields: dict[str, str], signed_headers: list[str]) -> None:
        scope = fields["Credential"].partition("/")[2]
        digest = sha256(_canonical_request(request, signed_headers).encode()).hexdigest()
        string_to_sign = "\n".join([_ALGORITHM, fields["Date"], scope, digest])
        try:
            signature = bytes.fromhex(fields["Signature"])
            self.public_key.verify(signature, string_to_sign.encode(), PKCS1v15(), hashes.SHA256())
        except (ValueError, InvalidSignature):
            raise Refused(403, "SignatureDoesNotMatch", "The signature is not of this request") from None


class Tokens:
    def __init__(self, *, client_email: str) -> None:
        self._client_email = client_email
        self._issued: set[str] = set()

    def respond(self, request: Request) -> Response:
        """Issue a token for an assertion of the account, whose signature is not verified; else 400 invalid_grant."""
        claims = parse_qs(request.body.decode())["assertion"][0].split(".")[1]
        if json.loads(_decoded(claims))["iss"] != self._client_email:
            raise Refused(400, "invalid_grant", "The assertion is of another account")
        token = secrets.token_urlsafe()
        self._issued.add(token)
        return json_response({"access_token": token, "expires_in": _TOKEN_LIFETIME_SECONDS, "token_type": "Bearer"})

    def check(self, request: Request) -> None:
        """Refuse a request without a token that was issued here."""
        sent = request.headers.get("Authorization", "")
        if sent.removeprefix("Bearer ") not in self._issued:
            raise Refused(401, "authError", "Invalid Credentials")


def _signature_fields(request: Request) -> dict[str, str]:
    given = request.parameters
    found = {name: given[f"X-Goog-{name}"] for name in _PARAMETERS if f"X-Goog-{name}" in given}
    if not found:
        raise Refused(403, "AccessDenied", "Anonymous caller does not have access")
    if len(found) < len(_PARAMETERS):
        raise Refused(400, "InvalidArgument", "A signed URL must have each of the X-Goog-* parameters")
    return found


def _check_signed_headers(request: Request, signed_headers: list[str]) -> None:
    for name in request.headers:
        if name.lower().startswith("x-goog-") and name.lower() not in signed_headers:
            raise Refused(403, "AccessDenied", f"The header {name} was not signed")


def _canonical_request(request: Request, signed_headers: list[str]) -> str:
    query = sorted(f"{_encoded(name)}={_encoded(value)}" for name, value in request.pairs if name != "X-Goog-Signature")
    headers = [f"{name}:{_header(request, name)}" for name in signed_headers]
    signed = ";".join(signed_headers)
    return "\n".join([request.method, request.path, "&".join(query), *headers, "", signed, "UNSIGNED-PAYLOAD"])


def _header(request: Request, name: str) -> str:
    return ",".join(" ".join(value.split()) for value in request.headers.get_all(name, []))


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
