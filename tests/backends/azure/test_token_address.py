"""A managed identity whose token address answers nonsense, or not at all: the storage is unavailable for now."""

import json
from collections.abc import Iterator

import pytest

from fileman.backends.azure.backend import AzureBackend
from fileman.backends.base import Backend
from fileman.backends.time_limit import time_limit
from fileman.errors import StorageUnavailable
from tests.backends.uploads import make_backend
from tests.servers.proxy import Answer, Proxy, answer_with, hang, proxy_to

TOKEN = {"access_token": "x", "expires_in": "3600", "resource": "https://storage.azure.com", "token_type": "Bearer"}
NONSENSE = {
    "a page": b"<html>We are back soon</html>",
    "nothing": b"",
    "a list": b"[1]",
    "null": b"null",
    "another object": b'{"status": "ok"}',
    "a token that expires never": json.dumps({**TOKEN, "expires_in": "never"}).encode(),
}


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The token address of a managed identity, as Azure's App Service names it."""
    with proxy_to("http://127.0.0.1:9") as proxy:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{proxy.url}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "secret")
        yield proxy


@pytest.fixture
def backend() -> AzureBackend:
    """A backend without a key, over an address where nothing listens."""
    chosen = {"account_name": "acmefiles", "endpoint": "https://127.0.0.1:9/acmefiles", "container_name": "documents"}
    return make_backend(AzureBackend, chosen)


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_in_place_of_a_token_is_an_unavailable_storage(address: Proxy, backend: Backend, name: str) -> None:
    kind = (("Content-Type", "application/json"),)
    address.disturb(answer_with(Answer(status=200, headers=kind, body=NONSENSE[name])), times=None)

    with pytest.raises(StorageUnavailable), time_limit(20):
        backend.stat("file")
    with pytest.raises(StorageUnavailable), time_limit(20):
        backend.get_url("file")

    assert len(address.seen) == 2
    problem = "This server got no token to sign in with. Set account_key, or give it a managed identity."
    assert backend.validate_configuration() == (False, [problem])


def test_a_token_address_that_never_answers_is_asked_once(address: Proxy, backend: Backend, impatient: None) -> None:
    address.disturb(hang, times=None)

    with pytest.raises(StorageUnavailable), time_limit(20):
        backend.stat("file")

    assert len(address.seen) == 1
