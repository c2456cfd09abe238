"""V4 signed URLs, byte for byte those of Google's own library, at a time that the caller passes.

With a private key they are signed here; without one Google's IAM service signs them, over the network.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

from google.oauth2 import service_account

from fileman.backends.gcs.client import GCSClient
from fileman.backends.gcs.errors import gcs_errors
from fileman.backends.gcs.settings import GCSSettings
from fileman.errors import StorageMisconfigured

ALGORITHM = "GOOG4-RSA-SHA256"
SIGN_BLOB_URL = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{email}:signBlob"


class GCSSigner:
    def __init__(self, client: GCSClient, settings: GCSSettings) -> None:
        self._client = client
        self._bucket_name = settings.bucket_name
        self._base_url = settings.base_url

    def sign(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        expires_in: int,
        now: datetime,
    ) -> str:
        """Return a URL that allows one kind of request to an object, with exactly these headers."""
        signed_at = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{signed_at[:8]}/auto/storage/goog4_request"
        signed_headers = {"host": urlsplit(self._base_url).netloc}
        signed_headers |= {name.lower(): " ".join(value.split()) for name, value in (headers or {}).items()}
        parameters = _encode(
            {
                **(query or {}),
                "X-Goog-Algorithm": ALGORITHM,
                "X-Goog-Credential": f"{self._get_email()}/{scope}",
                "X-Goog-Date": signed_at,
                "X-Goog-Expires": str(expires_in),
                "X-Goog-SignedHeaders": ";".join(sorted(signed_headers)),
            }
        )
        resource = f"/{self._bucket_name}/{quote(path, safe='/~')}"
        digest = sha256(_canonical_request(method, resource, parameters, signed_headers).encode()).hexdigest()
        signature = self._sign_bytes("\n".join([ALGORITHM, signed_at, scope, digest]).encode())
        return f"{self._base_url}{resource}?{parameters}&X-Goog-Signature={signature.hex()}"

    def _get_email(self) -> str:
        """Return the account that signs. Raises StorageMisconfigured for the credentials of a person."""
        credentials = self._client.credentials
        email = getattr(credentials, "service_account_email", None)
        if email == "default":  # a machine of Google's learns its own account with its first token
            with gcs_errors():
                self._client.authorize({})
            email = credentials.service_account_email
        if not email:
            raise StorageMisconfigured("Only a service account can sign URLs. Set credentials to its JSON key.")
        return str(email)

    def _sign_bytes(self, data: bytes) -> bytes:
        credentials = self._client.credentials
        if isinstance(credentials, service_account.Credentials):
            signature: bytes = credentials.sign_bytes(data)
            return signature
        payload = {"payload": base64.b64encode(data).decode()}
        with gcs_errors():
            response = self._client.send("POST", SIGN_BLOB_URL.format(email=self._get_email()), json=payload)
            return base64.b64decode(response.json()["signedBlob"])


def _canonical_request(method: str, resource: str, parameters: str, headers: Mapping[str, str]) -> str:
    names = sorted(headers)
    lines = [f"{name}:{headers[name]}" for name in names]
    return "\n".join([method, resource, parameters, *lines, "", ";".join(names), "UNSIGNED-PAYLOAD"])


def _encode(parameters: Mapping[str, str]) -> str:
    pairs = [(quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parameters.items()]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
