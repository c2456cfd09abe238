"""The proxy does to a request what each fault says, and nothing to the others."""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import requests

from tests.servers import proxy as faults
from tests.servers.proxy import Answer, Exchange, Fault, Proxy, answering, proxy_to

PATIENCE_SECONDS = 60
IMPATIENCE_SECONDS = 0.2
"""What a client waits for an answer that will not come."""


@pytest.fixture
def arrived() -> list[bytes]:
    """The body of each request that has reached the server."""
    return []


@pytest.fixture
def proxy(arrived: list[bytes]) -> Iterator[Proxy]:
    def respond(asked: Exchange) -> Answer:
        arrived.append(asked.body)
        return Answer(status=200)

    with answering(respond) as server, proxy_to(server.url) as proxy:
        yield proxy


def put(proxy: Proxy, body: bytes = b"", *, timeout: float = PATIENCE_SECONDS) -> int:
    return requests.put(proxy.url, data=body, timeout=timeout).status_code


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait, for the patience of a client at most."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)


def test_a_rule_takes_requests_by_method_path_header_and_number(proxy: Proxy) -> None:
    rule = {"method": "PUT", "target": r"^/a b\?part=2$", "header": "x-copy"}
    proxy.disturb(faults.answer_with(503), **rule, skip=1, times=2)

    def send(method: str, path: str, *headers: str) -> int:
        asked = f"{proxy.url}{path}"
        return requests.request(
            method, asked, headers=dict.fromkeys(headers, "1"), timeout=PATIENCE_SECONDS
        ).status_code

    assert send("GET", "/a%20b?part=2", "X-Copy") == 200
    assert send("PUT", "/a%20b?part=20", "X-Copy") == 200
    assert send("PUT", "/a%20b?part=2") == 200
    assert [send("PUT", "/a%20b?part=2", "X-Copy") for _ in range(4)] == [200, 503, 503, 200]


@pytest.mark.parametrize(
    ("fault", "effects", "outcome"),
    [
        (faults.hang, 0, requests.Timeout),
        (faults.reset, 0, requests.ConnectionError),
        (faults.answer_with(429), 0, 429),
        (faults.answer_with(429, after_effect=True), 1, 429),
        (faults.delay(600), 1, requests.Timeout),
        (faults.lose, 1, requests.ConnectionError),
        (faults.cut("status"), 1, requests.ConnectionError),
    ],
)
def test_what_the_client_and_the_server_see_of_a_disturbed_request(
    fault: Fault, effects: int, outcome: Any, proxy: Proxy, arrived: list[bytes]
) -> None:
    proxy.disturb(fault)

    if isinstance(outcome, int):
        assert put(proxy) == outcome
    else:
        with pytest.raises(outcome):
            put(proxy, timeout=IMPATIENCE_SECONDS if outcome is requests.Timeout else PATIENCE_SECONDS)

    wait_until(lambda: len(arrived) >= effects)
    assert len(arrived) == effects


@pytest.mark.parametrize(("fault", "at_once"), [(faults.hold, []), (faults.defer, []), (faults.duplicate, [b"late"])])
def test_a_late_request_is_carried_out_when_the_client_has_long_gone(
    fault: Fault, at_once: list[bytes], proxy: Proxy, arrived: list[bytes]
) -> None:
    proxy.disturb(fault)
    with nullcontext() if at_once else pytest.raises((requests.Timeout, requests.ConnectionError)):
        assert put(proxy, b"late", timeout=IMPATIENCE_SECONDS if fault is faults.hold else PATIENCE_SECONDS) == 200
    wait_until(lambda: bool(proxy.waiting))
    put(proxy, b"early")

    assert proxy.release() == [200]

    assert arrived == [*at_once, b"early", b"late"]
