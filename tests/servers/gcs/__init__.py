"""Google Cloud Storage: a stand-in of ours, in memory, that checks what Google checks.

No other program verifies signatures, expiry and preconditions. What this one enforces is our reading of Google's
documentation; its signatures are tested against Google's vectors. `serve_emulator` runs gcp-storage-emulator, which
checks nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.cloud import storage
from google.oauth2 import service_account

from tests.servers.availability import from_servers_environment
from tests.servers.gcs.front import Front
from tests.servers.gcs.http import to_answer, to_request
from tests.servers.gcs.objects import Rewrites
from tests.servers.gcs.signing import TOKEN_PATH
from tests.servers.gcs.store import Store
from tests.servers.process import LOOPBACK, Program, answers_http, free_port, running, temporary_folder
from tests.servers.proxy import answering

PROJECT = "fileman-tests"
EMAIL = f"uploader@{PROJECT}.iam.gserviceaccount.com"


@dataclass(frozen=True, kw_only=True)
class GoogleServer:
    """A running server of Google's JSON API."""

    endpoint_url: str
    """`http://127.0.0.1:<port>`, without a trailing slash: the `api_endpoint` of a client."""
    service_account_info: dict[str, str]
    """For `service_account.Credentials.from_service_account_info`; its token_uri is on this machine."""

    def credentials(self) -> Any:
        """Return credentials that sign, and that fetch their tokens from the token_uri of the account.

        Without a subject google-auth asks iamcredentials.googleapis.com, in a thread of its own, where the account may
        be used.
        """
        untyped: Any = service_account.Credentials
        return untyped.from_service_account_info(self.service_account_info, subject=EMAIL)

    def client(self) -> Any:
        """Return Google's own client, which asks nothing of the internet. The caller closes it."""
        options = {"api_endpoint": self.endpoint_url}
        return storage.Client(project=PROJECT, credentials=self.credentials(), client_options=options)


@dataclass(frozen=True, kw_only=True)
class GcsServer(GoogleServer):
    """A Google Cloud Storage stand-in: strict on signed URLs, sessions and access tokens."""

    rewrites: Rewrites = field(repr=False)
    """Its `unfinished_steps` are those of every rewrite from now on."""


@contextmanager
def serve() -> Iterator[GcsServer]:
    """Run the stand-in on a free port, empty; each call generates its own account."""
    key = new_key()
    with answering(lambda exchange: to_answer(front.respond(to_request(exchange)))) as listener:
        front = Front(Store(urlsplit(listener.url).netloc), client_email=EMAIL, public_key=key.public_key())
        account = account_info(key, f"{listener.url}{TOKEN_PATH}")
        yield GcsServer(endpoint_url=listener.url, service_account_info=account, rewrites=front.rewrites)


@contextmanager
def serve_emulator() -> Iterator[int]:
    """Run gcp-storage-emulator, as other people do, and yield its port."""
    emulator_program = from_servers_environment("gcp-storage-emulator")
    port = free_port()
    start = ["start", "--host", LOOPBACK, "--port", str(port), "--in-memory", "--quiet"]
    with temporary_folder("gcs") as folder:
        program = Program(command=[emulator_program, *start], folder=folder)
        with running(program, ready=lambda: answers_http(port)):
            yield port


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def account_info(key: rsa.RSAPrivateKey, token_uri: str) -> dict[str, str]:
    """Return the JSON key of the test account."""
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "generated-for-this-run",
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "client_email": EMAIL,
        "client_id": "100000000000000000000",
        "token_uri": token_uri,
    }
