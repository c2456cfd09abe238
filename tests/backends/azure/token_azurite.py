"""Azurite for clients with tokens instead of a key: over TLS, with a certificate of its own."""

import base64
import datetime as dt
import ipaddress
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers import azurite
from tests.servers.process import LOOPBACK, temporary_folder

TENANT = "11111111-2222-3333-4444-555555555555"
IDENTITY = "66666666-7777-8888-9999-000000000000"
HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class TokenServer:
    endpoint_url: str
    """`https://127.0.0.1:<port>/<account name>`."""
    certificate: Path
    """The certificate to trust."""


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


@contextmanager
def serve() -> Iterator[TokenServer]:
    with temporary_folder("azurite-tls") as folder:
        certificate, private_key = _certificate(folder)
        with azurite.serve(certificate, private_key) as server:
            yield TokenServer(endpoint_url=server.endpoint_url, certificate=certificate)


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for the loopback address and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, LOOPBACK)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
