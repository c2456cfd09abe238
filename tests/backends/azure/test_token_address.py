"""A managed identity whose token address answers nonsense, or not at all: the storage is unavailable for now."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from time import monotonic
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import override_settings

from fileman.backends.azure.backend import AzureBackend
from fileman.backends.time_limit import time_limit
from fileman.backends.values import BackendConfig
from fileman.errors import StorageUnavailable

LOOPBACK = "127.0.0.1"
TOKEN = {"access_token": "x", "expires_in": "3600", "resource": "https://storage.azure.com", "token_type": "Bearer"}
NONSENSE = {
    "a page": b"<html>We are back soon</html>",
    "nothing": b"",
    "a list": b"[1]",
    "null": b"null",
    "another object": b'{"status": "ok"}',
    "a token that expires never": json.dumps({**TOKEN, "expires_in": "never"}).encode(),
}


class TokenAddress:
    def __init__(self) -> None:
        self.body: bytes | None = None
        """None: it never answers."""
        self.asked = 0
        self.stopping = Event()
        address = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address.asked += 1
                if address.body is None:
                    address.stopping.wait()
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(address.body)))
                self.end_headers()
                self.wfile.write(address.body)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer((LOOPBACK, 0), Handler)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenAddress]:
    """The token address of a managed identity, as Azure's App Service names it."""
    address = TokenAddress()
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://{LOOPBACK}:{address.server.server_port}/token")
    monkeypatch.setenv("IDENTITY_HEADER", "secret")
    thread = Thread(target=address.server.serve_forever, args=[0.01])
    thread.start()
    yield address
    address.stopping.set()
    address.server.shutdown()
    thread.join()
    address.server.server_close()


@pytest.fixture
def backend() -> AzureBackend:
    """A backend without a key, over an address where nothing listens."""
    chosen = {"account_name": "acmefiles", "endpoint": f"https://{LOOPBACK}:9/acmefiles", "container_name": "documents"}
    return AzureBackend(BackendConfig(manager_id=uuid4(), backend_url="", settings=chosen, supports_direct_upload=True))


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_in_place_of_a_token_makes_the_storage_unavailable(
    address: TokenAddress, backend: AzureBackend, name: str
) -> None:
    address.body = NONSENSE[name]

    with pytest.raises(StorageUnavailable), time_limit(20):
        backend.stat("file")
    with pytest.raises(StorageUnavailable), time_limit(20):
        backend.get_url("file")

    assert address.asked == 2
    assert backend.validate_configuration() == (
        False,
        ["This server got no token to sign in with. Set account_key, or give it a managed identity."],
    )


def test_a_token_address_that_never_answers_costs_one_time_out(address: TokenAddress, backend: AzureBackend) -> None:
    short = {"STORAGE_CONNECT_TIMEOUT_SECONDS": 0.3, "STORAGE_READ_TIMEOUT_SECONDS": 0.5}
    with override_settings(FILEMAN_SETTINGS={**settings.FILEMAN_SETTINGS, **short}):
        began = monotonic()
        with pytest.raises(StorageUnavailable), time_limit(20):
            backend.stat("file")

    assert (address.asked, 0.4 < monotonic() - began < 3) == (1, True)
