"""The token endpoint of the front: a signed assertion of the test account against an access token."""

import json
import secrets
import time
from base64 import urlsafe_b64decode
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.servers.gcs_emulator import Resource
from tests.servers.gcs_http import Refused, Request, Response
from tests.servers.gcs_json import json_response, read_small

TOKEN_PATH = "/_front/token"
_LIFETIME_SECONDS = 3600
_AUDIENCE = "https://oauth2.googleapis.com/token"  # google-auth names it whatever token_uri says


class Tokens:
    def __init__(self, *, client_email: str, public_key: RSAPublicKey) -> None:
        self._client_email = client_email
        self._public_key = public_key
        self._issued: set[str] = set()

    def respond(self, request: Request) -> Response:
        """Issue a token for a valid assertion, else 400 invalid_grant."""
        form = parse_qs(read_small(request).decode())
        claims = self._claims(form.get("assertion", [""])[0])
        if (claims["iss"], claims["aud"]) != (self._client_email, _AUDIENCE) or claims["exp"] < time.time():
            raise Refused(400, "invalid_grant", "The assertion is of another account or audience, or too old")
        token = secrets.token_urlsafe()
        self._issued.add(token)
        return json_response({"access_token": token, "expires_in": _LIFETIME_SECONDS, "token_type": "Bearer"})

    def check(self, request: Request) -> None:
        """Refuse what comes without a token that was issued here."""
        sent = request.headers.get("Authorization", "")
        if sent.removeprefix("Bearer ") not in self._issued:
            raise Refused(401, "authError", "Invalid Credentials")

    def _claims(self, assertion: str) -> Resource:
        signed, _, signature = assertion.rpartition(".")
        try:
            self._public_key.verify(_decoded(signature), signed.encode(), PKCS1v15(), hashes.SHA256())
        except (ValueError, InvalidSignature):
            raise Refused(400, "invalid_grant", "Invalid JWT Signature.") from None
        claims: Resource = json.loads(_decoded(signed.partition(".")[2]))
        return claims


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
