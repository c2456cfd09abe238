"""Without an account key: tokens for the server, signatures by user delegation for clients.

Azurite knows the service only as it was before signatures could name headers and parameters of the request. The tests
make the SDK leave these two lines out and say so in `sv`; all else is as it goes to Azure.
"""

import base64
import ipaddress
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import azure.identity
import pytest
from azure.core.credentials import AccessToken
from azure.storage.blob import BlobServiceClient, CorsRule, _shared_access_signature
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fileman.backends.azure.backend import AzureBackend
from fileman.backends.base import Backend
from fileman.testing.contract import BackendContract
from tests.backends.azure.stores import BODY, make_upload
from tests.backends.azure.test_contract import REDUCED
from tests.backends.uploads import make_backend, send
from tests.servers import AzureServer, azurite
from tests.servers.process import LOOPBACK

TENANT = "11111111-2222-3333-4444-555555555555"
IDENTITY = "66666666-7777-8888-9999-000000000000"
HOUR = 3600
KNOWN_TO_AZURITE = "2025-11-05"
NEWER_LINES = slice(21, 23)
"""Lines of the signed string that name headers and parameters."""


class Identity:
    """Replaces DefaultAzureCredential: a token like those of Entra ID, but not signed."""

    def __init__(self, **_: Any) -> None:
        pass

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        now = int(time.time())
        claims = {
            "aud": "https://storage.azure.com",
            "iss": f"https://sts.windows.net/{TENANT}/",
            "nbf": now - HOUR,
            "iat": now - HOUR,
            "exp": now + HOUR,
            "oid": IDENTITY,
            "tid": TENANT,
        }
        return AccessToken(f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}.c2ln", now + HOUR)


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the loopback address, with its key beside it as key.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, LOOPBACK)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("azurite-tls") / "certificate.pem"
    path.write_bytes(certificate.public_bytes(pem))
    path.with_name("key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return path


@pytest.fixture(scope="module")
def token_server(azurite_server: AzureServer, certificate: Path) -> Iterator[AzureServer]:
    """A second Azurite, if the first one could be started: over TLS, it also takes tokens."""
    with azurite.serve(certificate, certificate.with_name("key.pem")) as server:
        yield server


@pytest.fixture(autouse=True)
def _as_azurite_knows_it(token_server: AzureServer, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign: Callable[[str, str], str] = vars(_shared_access_signature)["sign_string"]

    def sign_older(key: str, text: str) -> str:
        lines = text.split("\n")
        assert lines[NEWER_LINES] == ["", ""]
        del lines[NEWER_LINES]
        return sign(key, "\n".join(lines))

    monkeypatch.setattr(_shared_access_signature, "X_MS_VERSION", KNOWN_TO_AZURITE)
    monkeypatch.setattr(_shared_access_signature, "sign_string", sign_older)
    monkeypatch.setattr(azure.identity, "DefaultAzureCredential", Identity)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(certificate))


@pytest.fixture
def token_backend(token_server: AzureServer, _as_azurite_knows_it: None) -> AzureBackend:
    name, credential = uuid4().hex, cast("Any", Identity())
    with BlobServiceClient(token_server.endpoint_url, credential=credential) as service:
        service.set_service_properties(cors=[CorsRule(["*"], ["GET", "PUT"], allowed_headers=["*"])])
        service.create_container(name)
    settings = {"account_name": azurite.ACCOUNT, "endpoint": token_server.endpoint_url, "container_name": name}
    return make_backend(AzureBackend, settings, f"azure://{name}/ours/")


class TestAzureByToken(BackendContract):
    reduced = REDUCED

    @pytest.fixture
    def backend(self, token_backend: AzureBackend) -> Backend:
        """It holds its signing key already, as for all but the first signature of a week."""
        token_backend.get_url("any")
        return token_backend


@pytest.mark.parametrize(
    ("name", "value"), [("sig", "AAAA"), ("se", "2099-01-01T00%3A00%3A00Z"), ("sp", "cw"), ("skoid", TENANT)]
)
def test_a_tampered_signature_is_refused(token_backend: AzureBackend, name: str, value: str) -> None:
    upload = make_upload(token_backend)
    [request] = token_backend.instructions(upload, list(upload.slices()))
    given = parse_qs(urlsplit(request.url).query)[name][0]
    place, _, query = request.url.partition("?")
    pairs = [pair for pair in query.split("&") if not pair.startswith(f"{name}=")]

    tampered = f"{place}?{'&'.join([*pairs, f'{name}={value}'])}"

    assert given != value
    assert send(replace(request, url=tampered), BODY).status_code == 403
    assert send(request, BODY).status_code == 201
