"""V4 signed URLs, byte for byte those of Google's own library, at a time that the caller passes.

With a private key they are signed here; without one Google's IAM service signs them, over the network.
"""

import base64
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

from google.oauth2 import service_account

from fileman.backends.gcs.client import GCSClient
from fileman.backends.gcs.errors import gcs_errors
from fileman.backends.gcs.settings import GCSSettings
from fileman.errors import StorageMisconfigured

ALGORITHM = "GOOG4-RSA-SHA256"
# The longest lifetime of a signature by a key that Google keeps (Google: "gcloud storage sign-url", --duration).
GOOGLES_KEY_SECONDS = 12 * 3600
SIGN_BLOB_URL = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{email}:signBlob"


class GCSSigner:
    def __init__(self, client: GCSClient, settings: GCSSettings) -> None:
        self._client = client
        self._settings = settings

    def sign(
        self, method: str, path: str, *, query: dict[str, str], headers: dict[str, str], expires_in: int, now: datetime
    ) -> str:
        """Return a URL for clients that allows one kind of request to an object, with exactly these headers."""
        bucket = urlsplit(self._settings.get_bucket_url(for_downloads=method == "GET"))
        signed_at = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{signed_at[:8]}/auto/storage/goog4_request"
        signed_headers = {"host": bucket.netloc}
        signed_headers |= {name.lower(): " ".join(value.split()) for name, value in headers.items()}
        names = ";".join(sorted(signed_headers))
        own = {"Algorithm": ALGORITHM, "Credential": f"{self._get_email()}/{scope}", "Date": signed_at}
        own |= {"Expires": str(expires_in), "SignedHeaders": names}
        parameters = query | {f"X-Goog-{name}": value for name, value in own.items()}
        encoded = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(parameters.items()))
        resource = f"{bucket.path}/{quote(path, safe='/~')}"
        lines = [f"{name}:{value}" for name, value in sorted(signed_headers.items())]
        canonical = "\n".join([method, resource, encoded, *lines, "", names, "UNSIGNED-PAYLOAD"])
        digest = sha256(canonical.encode()).hexdigest()
        signature = self._sign_bytes("\n".join([ALGORITHM, signed_at, scope, digest]).encode())
        return f"{bucket.scheme}://{bucket.netloc}{resource}?{encoded}&X-Goog-Signature={signature.hex()}"

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
            return bytes(credentials.sign_bytes(data))
        payload = {"payload": base64.b64encode(data).decode()}
        with gcs_errors():
            response = self._client.send("POST", SIGN_BLOB_URL.format(email=self._get_email()), json=payload)
            return base64.b64decode(response.json()["signedBlob"])
