"""Google Cloud Storage: gcp-storage-emulator in memory, behind our own front that checks what Google checks.

The emulator verifies no signature, no expiry and no precondition; nobody ships a server that does. What the front
enforces is our reading of Google's documentation (see gcs_front.py), its signatures held to Google's vectors.
"""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.servers.availability import from_servers_environment
from tests.servers.gcs_emulator import Emulator
from tests.servers.gcs_faults import Fault
from tests.servers.gcs_front import FAULTS_PATH, REWRITES_PATH, Front
from tests.servers.gcs_listener import Listener
from tests.servers.gcs_tokens import TOKEN_PATH
from tests.servers.process import LOOPBACK, Program, answers_http, free_port, running, temporary_folder

_PROJECT = "fileman-tests"
_EMAIL = f"uploader@{_PROJECT}.iam.gserviceaccount.com"
_STOP_POLL_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True)
class GcsServer:
    """A running Google Cloud Storage stand-in: strict on signed URLs, sessions and access tokens."""

    name: str
    """The product: `gcs`."""
    endpoint: str
    """`http://127.0.0.1:<port>`, without a trailing slash: the `api_endpoint` of a client."""
    project_id: str
    """The project that a client names; any would do."""
    service_account_info: dict[str, str]
    """For `service_account.Credentials.from_service_account_info`; its token_uri is the front's own and answers."""
    client_email: str
    """The account whose signatures count."""

    def inject(self, fault: Fault) -> None:
        """Let the next requests that match it meet `fault`; several faults wait in the order they came."""
        self._control("POST", FAULTS_PATH, asdict(fault))

    def clear_faults(self) -> None:
        """Forget the faults that have met no request yet."""
        self._control("DELETE", FAULTS_PATH, {})

    def set_unfinished_rewrite_steps(self, steps: int) -> None:
        """Let every rewrite from now on answer `done: false` so many times before it is done; 0 as at the start."""
        self._control("PUT", REWRITES_PATH, {"unfinished_steps": steps})

    def _control(self, method: str, path: str, value: dict[str, Any]) -> None:
        with closing(http.client.HTTPConnection(urlsplit(self.endpoint).netloc)) as connection:
            connection.request(method, path, json.dumps(value))
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()


@contextmanager
def serve() -> Iterator[GcsServer]:
    """The emulator and its front on free ports, empty; each call generates its own account."""
    emulator_program = from_servers_environment("gcp-storage-emulator")
    emulator_port = free_port()
    start = ["start", "--host", LOOPBACK, "--port", str(emulator_port), "--in-memory", "--quiet"]
    with temporary_folder("gcs") as folder:
        program = Program(command=[emulator_program, *start], folder=folder)
        with running(program, ready=lambda: answers_http(emulator_port)), _front(emulator_port) as server:
            yield server


@contextmanager
def _front(emulator_port: int) -> Iterator[GcsServer]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with Listener() as listener:
        address = f"{LOOPBACK}:{listener.server_address[1]}"
        emulator = Emulator(emulator_port, public_host=address)
        listener.front = Front(emulator, client_email=_EMAIL, public_key=key.public_key())
        thread = Thread(target=listener.serve_forever, args=[_STOP_POLL_SECONDS], name="gcs front", daemon=True)
        thread.start()
        try:
            yield GcsServer(
                name="gcs",
                endpoint=f"http://{address}",
                project_id=_PROJECT,
                service_account_info=_account(key, f"http://{address}{TOKEN_PATH}"),
                client_email=_EMAIL,
            )
        finally:
            listener.shutdown()
            thread.join()
            listener.front.close()


def _account(key: rsa.RSAPrivateKey, token_uri: str) -> dict[str, str]:
    return {
        "type": "service_account",
        "project_id": _PROJECT,
        "private_key_id": "generated-for-this-run",
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "client_email": _EMAIL,
        "client_id": "100000000000000000000",
        "token_uri": token_uri,
    }
