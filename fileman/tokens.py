"""Secrets that clients hold: the upload token, and the signed addresses of bytes that go through this server."""

import hashlib
import secrets
from datetime import datetime
from typing import Any

from django.core import signing
from django.db import models

from fileman.errors import PermissionDenied

UPLOAD = "fileman.upload"
CONTENT = "fileman.content"
"""Purposes. Each is the salt of its signatures, so that an address made for one is refused by the other."""


class TokenDigest(str):
    """SHA-256 of an upload token, in hex: what the database keeps."""

    __slots__ = ()


def new_upload_token() -> str:
    """256 random bits, safe in an address."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> TokenDigest:
    """What the database keeps of a token."""
    return TokenDigest(hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest())


class UploadTokenField(models.CharField):  # type: ignore[type-arg]
    """Stores the digest of a token and looks up by the token itself: `File.objects.get(upload_token="raw token")`."""

    def get_prep_value(self, value: Any) -> Any:
        if value is None or isinstance(value, TokenDigest):
            return value
        return digest(str(value))

    def from_db_value(self, value: str | None, *_: object) -> TokenDigest | None:
        return None if value is None else TokenDigest(value)

    def to_python(self, value: Any) -> Any:
        """Fixtures hold digests."""
        return value if value is None else TokenDigest(value)


def sign(purpose: str, payload: dict[str, Any], *, expires_at: datetime) -> str:
    """A signed, address-safe text that carries the payload until `expires_at`."""
    return signing.Signer(salt=purpose).sign_object({**payload, "exp": int(expires_at.timestamp())}, compress=False)


def unsign(purpose: str, text: str, *, now: datetime) -> dict[str, Any]:
    """The payload. Raises PermissionDenied when the text is tampered with, expired, or made for another purpose."""
    try:
        payload: dict[str, Any] = signing.Signer(salt=purpose).unsign_object(text)
    except (signing.BadSignature, ValueError):
        raise PermissionDenied("This address is not valid.") from None
    if payload["exp"] <= now.timestamp():
        raise PermissionDenied("This address has expired.")
    return payload
