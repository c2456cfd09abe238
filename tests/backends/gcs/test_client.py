"""Google's library goes through our connections: nothing redirects it, nothing is asked twice or on the side."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fileman.backends.gcs.backend import GCSBackend
from fileman.backends.time_limit import time_limit
from fileman.errors import OutOfTime, StorageError, StorageUnavailable
from tests.backends.gcs.stores import Store
from tests.backends.uploads import CALLS, upload_of
from tests.servers.proxy import Answer, Exchange, Proxy, answer_with, answering, json_answer

REDIRECTING = {
    "STORAGE_EMULATOR_HOST": "{other}",
    "API_ENDPOINT_OVERRIDE": "{other}",
    "GOOGLE_API_USE_MTLS_ENDPOINT": "always",
    "GOOGLE_CLOUD_UNIVERSE_DOMAIN": "example.com",
    "GOOGLE_CLOUD_PROJECT": "elsewhere",
}
"""Variables of the environment that redirect Google's library."""


@contextmanager
def refusing(store: Store) -> Iterator[tuple[GCSBackend, Proxy]]:
    """A backend with a token, over a server that returns a 404, on which the library likes to ask for the bucket.

    A batch gets a 403: without batches objects are tried one by one.
    """
    error = {"error": {"errors": [{"reason": "notFound", "message": "No such object"}]}}
    started: set[str] = set()

    def refuse(asked: Exchange) -> Answer:
        started.update(thread.name for thread in threading.enumerate() if "_fetch_background" in thread.name)
        return json_answer(error, status=403 if asked.seen.target.startswith("/batch/") else 404)

    with answering(refuse) as proxy:
        backend = store.backend(endpoint=proxy.url)
        backend._client.authorize({})
        yield backend, proxy
    assert started == set()


@pytest.mark.parametrize("name", ["stat", "list", "publish", "delete", "read", "begin large"])
@pytest.mark.parametrize("variable", [None, *REDIRECTING])
def test_each_call_is_one_request_whatever_the_environment_says(
    store: Store, name: str, variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And starts no thread."""
    with refusing(store) as (_, other), refusing(store) as (backend, proxy):
        if variable:
            monkeypatch.setenv(variable, REDIRECTING[variable].format(other=other.url))
        with pytest.raises(StorageError):
            CALLS[name](backend, upload_of(session=name == "begin large"))

    assert (len(proxy.seen), other.seen) == (1, [])


def test_one_token_serves_many_requests(store: Store, proxy: Proxy) -> None:
    account = {**store.server.service_account_info, "token_uri": f"{proxy.url}/_front/token"}
    backend = store.backend(endpoint=proxy.url, credentials=account)

    assert (backend.find("a"), backend.find("a")) == (None, None)

    assert [seen.target.partition("?")[0] for seen in proxy.seen].count("/_front/token") == 1


@pytest.mark.parametrize("call", [lambda backend: backend.stat("a"), lambda backend: list(backend.read("a"))])
def test_a_token_that_google_revokes_is_replaced(store: Store, proxy: Proxy, backend: GCSBackend, call: Any) -> None:
    """By one more request, and not for the rest of its hour."""
    store.put("a")
    call(backend)
    old = backend._client.credentials.token
    proxy.disturb(answer_with(401), target="/o/a|/a$")

    call(backend)

    assert backend._client.credentials.token != old


def test_a_copy_with_a_revoked_token_is_not_sent_again(store: Store, proxy: Proxy, backend: GCSBackend) -> None:
    """A publishing request is never repeated; the next one has a new token."""
    store.put("a")
    source = backend.stat("a")
    proxy.disturb(answer_with(401), target="/rewriteTo/")

    with pytest.raises(StorageUnavailable):
        backend.publish(upload_of(), source)

    assert backend.publish(upload_of(), source).size == source.size


def test_a_token_is_fetched_by_a_call_of_its_own_where_time_is_short(store: Store, backend: GCSBackend) -> None:
    """The next call has it, so each call makes progress."""
    store.put("a")
    backend._client.credentials.token = None

    with time_limit(0), pytest.raises(OutOfTime):
        backend.stat("a")

    with time_limit(0):
        assert backend.stat("a").path == "a"
