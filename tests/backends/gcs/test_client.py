"""Google's library goes through our connections: nothing redirects it, nothing is asked twice or on the side."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from fileman.backends.gcs.backend import GCSBackend
from fileman.backends.time_limit import time_limit
from fileman.errors import OutOfTime, StorageError, StorageUnavailable
from tests.backends.gcs.scripted_server import Answer, Asked, answering, json_answer
from tests.backends.gcs.stores import CALLS, Call, Store, impatient, upload_of
from tests.servers.gcs.faults import Fault

SILENCE_SECONDS = 20
"""After it the silent storage returns what no backend takes."""
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@contextmanager
def asked_of(store: Store, answer: Callable[[Asked], Answer]) -> Iterator[tuple[GCSBackend, list[str]]]:
    """A backend with a token, over a server of the test's, and what that server was asked."""
    asked: list[str] = []

    def respond(question: Asked) -> Answer:
        asked.append(f"{question.method} {question.path}")
        return answer(question)

    with answering(respond) as endpoint:
        backend = store.backend(endpoint=endpoint)
        backend._client.authorize({})
        yield backend, asked


def refuse(asked: Asked) -> Answer:
    """Return a 404, on which the library likes to ask for the bucket. A batch without one is tried object by object."""
    status = 403 if asked.path.startswith("/batch/") else 404
    return json_answer({"error": {"errors": [{"reason": "notFound", "message": "No such object"}]}}, status=status)


@each_call
def test_each_call_is_one_request_and_starts_no_thread(store: Store, call: Call) -> None:
    threads: list[set[str]] = []

    def not_found(asked: Asked) -> Answer:
        threads.append({thread.name for thread in threading.enumerate() if "_fetch_background" in thread.name})
        return refuse(asked)

    with asked_of(store, not_found) as (backend, asked), pytest.raises(StorageError):
        call(backend)

    assert len(asked) == 1
    assert threads == [set()]


@each_call
@pytest.mark.parametrize("limit", [None, 60], ids=["free", "in a time limit"])
def test_a_silent_storage_costs_no_more_than_its_time_outs(store: Store, call: Call, limit: float | None) -> None:
    """All attempts end while the storage is still silent: two, or one in a time limit, or one that publishes."""
    tested = Event()

    def silent(asked: Asked) -> Answer:
        tested.wait(SILENCE_SECONDS)
        return json_answer({})

    with asked_of(store, silent) as (backend, asked):
        with impatient(), time_limit(limit), pytest.raises(StorageUnavailable):
            call(backend)
        tested.set()

    assert len(asked) == (1 if limit or call is CALLS["rewrite"] else 2)


@each_call
def test_in_a_time_limit_no_request_starts_that_does_not_fit(store: Store, call: Call) -> None:
    """One has been sent already, and a full time-out is longer than what is left."""
    with asked_of(store, refuse) as (backend, asked), time_limit(1):
        backend.find("first")
        with pytest.raises(OutOfTime):
            call(backend)

    assert len(asked) == 1


def test_a_busy_storage_is_asked_twice_outside_of_a_time_limit_only(store: Store) -> None:
    with asked_of(store, lambda _: Answer(status=503)) as (backend, asked):
        for limit in (None, 60):
            with time_limit(limit), pytest.raises(StorageUnavailable):
                backend.stat("a")

    assert len(asked) == 3


@each_call
def test_a_redirect_is_not_followed(store: Store, call: Call) -> None:
    """The access token reaches no other host."""
    followed: list[str] = []

    def elsewhere(asked: Asked) -> Answer:
        followed.append(asked.path)
        return json_answer({})

    with answering(elsewhere) as other:
        redirect = lambda asked: Answer(status=307, headers={"Location": f"{other}{asked.path}"})  # noqa: E731
        with asked_of(store, redirect) as (backend, _), pytest.raises(StorageUnavailable):
            call(backend)

    assert followed == []


@each_call
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STORAGE_EMULATOR_HOST", "{other}"),
        ("API_ENDPOINT_OVERRIDE", "{other}"),
        ("GOOGLE_API_USE_MTLS_ENDPOINT", "always"),
        ("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "example.com"),
        ("GOOGLE_CLOUD_PROJECT", "elsewhere"),
    ],
)
def test_no_variable_of_the_environment_redirects_the_library(
    store: Store, call: Call, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(refuse) as other:
        monkeypatch.setenv(name, value.format(other=other))
        with asked_of(store, refuse) as (backend, asked), pytest.raises(StorageError):
            call(backend)

    assert len(asked) == 1


def test_a_copy_is_pinned_create_only_and_limited(store: Store) -> None:
    with asked_of(store, lambda _: json_answer({})) as (backend, asked), pytest.raises(StorageUnavailable):
        CALLS["rewrite"](backend)

    (request,) = asked
    pins = ("sourceGeneration=1", "ifSourceGenerationMatch=1", "ifGenerationMatch=0")
    for parameter in (*pins, f"maxBytesRewrittenPerCall={256 * 1024**2}"):
        assert parameter in request


def test_one_token_serves_many_requests(store: Store) -> None:
    backend = store.backend()
    assert backend.find("a") is None
    store.server.inject(Fault(path_contains="/_front/token", status=500, times=99))

    assert backend.find("a") is None


@pytest.mark.parametrize("call", [lambda backend: backend.stat("a"), lambda backend: list(backend.read("a"))])
def test_a_token_that_google_revokes_is_replaced(store: Store, call: Any) -> None:
    """By one more request, and not for the rest of its hour."""
    store.put("a")
    backend = store.backend()
    call(backend)
    old = backend._client.credentials.token
    store.server.inject(Fault(path_contains="/o/a", status=401))

    call(backend)

    assert backend._client.credentials.token != old


def test_a_copy_with_a_revoked_token_is_not_sent_again(store: Store) -> None:
    """A publishing request is never repeated; the next one has a new token."""
    store.put("a")
    backend = store.backend()
    source = backend.stat("a")
    store.server.inject(Fault(path_contains="/rewriteTo/", status=401))

    with pytest.raises(StorageUnavailable):
        backend.publish(upload_of(), source)

    assert backend.publish(upload_of(), source).size == source.size


def test_a_token_is_fetched_by_a_call_of_its_own_where_time_is_short(store: Store) -> None:
    """The next call has it, so each call makes progress."""
    store.put("a")
    backend = store.backend()
    backend._client.credentials.token = None

    with time_limit(0), pytest.raises(OutOfTime):
        backend.stat("a")

    with time_limit(0):
        assert backend.stat("a").path == "a"
