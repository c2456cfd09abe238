"""Requests that the proxy carries out late. What its other faults do shows in the tests of the storages."""

from collections.abc import Iterator

import pytest
import requests

from tests.servers import proxy as faults
from tests.servers.proxy import Answer, Exchange, Fault, Proxy, answering, proxy_to

PATIENCE_SECONDS = 10
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


def put(proxy: Proxy, body: bytes, *, timeout: float = PATIENCE_SECONDS) -> int:
    return requests.put(proxy.url, data=body, timeout=timeout).status_code


@pytest.mark.parametrize("fault", [faults.hold, faults.defer])
def test_a_late_request_is_carried_out_when_the_client_has_long_gone(
    fault: Fault, proxy: Proxy, arrived: list[bytes]
) -> None:
    proxy.disturb(fault)
    with pytest.raises((requests.Timeout, requests.ConnectionError)):
        put(proxy, b"late", timeout=IMPATIENCE_SECONDS)
    put(proxy, b"early")

    assert proxy.release() == [200]

    assert arrived == [b"early", b"late"]


def test_a_duplicate_is_carried_out_now_and_later(proxy: Proxy, arrived: list[bytes]) -> None:
    proxy.disturb(faults.duplicate)

    assert (put(proxy, b"late"), put(proxy, b"early")) == (200, 200)
    assert proxy.release() == [200]

    assert arrived == [b"late", b"early", b"late"]
