"""Secrets that clients hold: the upload token, and the sealed URLs of bytes that go through this server."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.http import urlsafe_base64_encode

from fileman.errors import PermissionDenied

# Purposes. Each has keys of its own, so that a URL for one purpose is refused by the other.
UPLOAD = "fileman.upload"
CONTENT = "fileman.content"
SLOT = "fileman.slot"
HANDLE = "fileman.handle"


class TokenDigest(str):
    """SHA-256 of a client's secret in hex, the form that the database keeps."""

    __slots__ = ()


def new_nonce() -> str:
    """Return 128 random bits in hex, for one row."""
    return secrets.token_hex(16)


def derive_upload_token(file_id: UUID, nonce: str, *, kept: str) -> str:
    """Return the token of an upload: 256 bits, URL-safe, the same for each caller. The row must keep its digest.

    `kept`: the digest in the row. While SECRET_KEY_FALLBACKS has the key that the row's token was derived from, that
    token is returned, because a client may hold it.
    """
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    named = {"key_salt": "fileman.upload_token", "value": f"{file_id}:{nonce}", "algorithm": "sha256"}
    derived = [urlsafe_base64_encode(salted_hmac(**named, secret=key).digest()) for key in keys]
    return next((token for token in derived if digest(token) == kept), derived[0])


def digest(token: str) -> TokenDigest:
    """Return the digest of an upload token, or of an idempotency key."""
    return TokenDigest(hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest())


class UploadTokenField(models.CharField):  # type: ignore[type-arg]
    """Stores the digest of a token and looks rows up by the token: `File.objects.get(upload_token="raw token")`."""

    def get_prep_value(self, value: Any) -> Any:
        if value is None or isinstance(value, TokenDigest):
            return value
        return digest(str(value))

    def from_db_value(self, value: str | None, *_: object) -> TokenDigest | None:
        return None if value is None else TokenDigest(value)

    def to_python(self, value: Any) -> Any:
        # Fixtures contain digests.
        return value if value is None else TokenDigest(value)


def sign(purpose: str, payload: dict[str, Any], *, expires_at: datetime) -> str:
    """Return an encrypted, URL-safe string that carries the payload until `expires_at` and tells nobody of it."""
    text = json.dumps({**payload, "exp": int(expires_at.timestamp())}, ensure_ascii=False, separators=(",", ":"))
    return _cipher(purpose).encrypt(text.encode()).decode().rstrip("=")


def unsign(purpose: str, signed: str, *, now: datetime) -> dict[str, Any]:
    """Return the payload. Raises PermissionDenied if `signed` is altered, expired or signed for another purpose."""
    try:
        payload: dict[str, Any] = json.loads(_cipher(purpose).decrypt(signed + "=" * (-len(signed) % 4)))
    except (InvalidToken, ValueError):
        raise PermissionDenied("This token is not valid.") from None
    if payload["exp"] <= now.timestamp():
        raise PermissionDenied("This token has expired.")
    return payload


def _cipher(purpose: str) -> MultiFernet:
    return MultiFernet(_fernet(purpose, secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=16)
def _fernet(purpose: str, secret: str | bytes) -> Fernet:
    return Fernet(urlsafe_b64encode(salted_hmac(purpose, "cipher", secret=secret, algorithm="sha256").digest()))
