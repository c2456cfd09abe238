"""V4 signed addresses, byte for byte those of Google's own library, but for a time that the caller names.

With a private key they are made here; without one the IAM service signs, over the network.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

from google.oauth2 import service_account

from fileman.backends.gcs.client import GCSConnection, json_of
from fileman.backends.gcs.errors import understood
from fileman.backends.gcs.settings import GCSSettings
from fileman.errors import StorageMisconfigured

ALGORITHM = "GOOG4-RSA-SHA256"
SIGN_BLOB_URL = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{email}:signBlob"


class GCSSigner:
    """Signs for one bucket at a time that the caller names."""

    def __init__(self, connection: GCSConnection, settings: GCSSettings) -> None:
        self._connection = connection
        self._bucket_name = settings.bucket_name
        self._base_url = settings.base_url

    def url(
        self,
        method: str,
        name: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        expires_in: int,
        now: datetime,
    ) -> str:
        """An address that allows one kind of request: `headers` must be sent exactly as given here."""
        signed_at = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{signed_at[:8]}/auto/storage/goog4_request"
        stated = {"host": urlsplit(self._base_url).netloc}
        stated |= {header.lower(): " ".join(value.split()) for header, value in (headers or {}).items()}
        parameters = _encoded(
            {
                **(query or {}),
                "X-Goog-Algorithm": ALGORITHM,
                "X-Goog-Credential": f"{self._email()}/{scope}",
                "X-Goog-Date": signed_at,
                "X-Goog-Expires": str(expires_in),
                "X-Goog-SignedHeaders": ";".join(sorted(stated)),
            }
        )
        path = f"/{self._bucket_name}/{quote(name, safe='/~')}"
        digest = sha256(_canonical(method, path, parameters, stated).encode()).hexdigest()
        signature = self._sign("\n".join([ALGORITHM, signed_at, scope, digest]).encode())
        return f"{self._base_url}{path}?{parameters}&X-Goog-Signature={signature.hex()}"

    def _email(self) -> str:
        """The account that signs. Raises StorageMisconfigured for credentials of a person."""
        credentials = self._connection.credentials
        email = getattr(credentials, "service_account_email", None)
        if email == "default":  # a machine of Google's learns its own account with its first token
            self._connection.authorize({})
            email = credentials.service_account_email
        if not email:
            raise StorageMisconfigured("Only a service account can sign addresses. Set credentials to one's JSON key.")
        return str(email)

    def _sign(self, text: bytes) -> bytes:
        credentials = self._connection.credentials
        if isinstance(credentials, service_account.Credentials):
            signature: bytes = credentials.sign_bytes(text)
            return signature
        payload = {"payload": base64.b64encode(text).decode()}
        answer = self._connection.send("POST", SIGN_BLOB_URL.format(email=self._email()), json=payload)
        with understood():
            return base64.b64decode(json_of(answer)["signedBlob"])


def _canonical(method: str, path: str, parameters: str, headers: Mapping[str, str]) -> str:
    names = sorted(headers)
    lines = [f"{name}:{headers[name]}" for name in names]
    return "\n".join([method, path, parameters, *lines, "", ";".join(names), "UNSIGNED-PAYLOAD"])


def _encoded(parameters: Mapping[str, str]) -> str:
    pairs = [(quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parameters.items()]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
