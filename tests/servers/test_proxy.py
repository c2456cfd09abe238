"""The proxy does to a request what each fault says, and nothing to the others."""

import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from tests.servers import proxy as faults
from tests.servers.proxy import Answer, Exchange, Fault, Proxy, answering, proxy_to

PATIENCE_SECONDS = 10
IMPATIENCE_SECONDS = 0.2
"""What a client waits for an answer that will not come."""
BODY = b"the answer of the server"
OF_SERVER = (("X-Of-Server", "yes"),)


@pytest.fixture
def arrived() -> list[tuple[str, str, bytes]]:
    """Method, Host and body of each request that has reached the server."""
    return []


@pytest.fixture
def proxy(arrived: list[tuple[str, str, bytes]]) -> Iterator[Proxy]:
    """A proxy to a server that answers BODY to everything."""

    def respond(asked: Exchange) -> Answer:
        arrived.append((asked.seen.method, dict(asked.seen.headers)["Host"], asked.body))
        return Answer(status=200, headers=OF_SERVER, body=BODY)

    with answering(respond) as server, proxy_to(f"{server.url}/account") as proxy:
        yield proxy


def put(proxy: Proxy, body: bytes = b"bytes", *, timeout: float = PATIENCE_SECONDS) -> requests.Response:
    return requests.put(f"{proxy.url}/object", data=body, timeout=timeout)


def test_a_request_that_no_rule_takes_goes_through_unchanged_and_whole(
    proxy: Proxy, arrived: list[tuple[str, str, bytes]]
) -> None:
    answers = [put(proxy), requests.head(proxy.url, timeout=PATIENCE_SECONDS)]
    requests.post(proxy.url, data=iter([b"one ", b"two"]), timeout=PATIENCE_SECONDS)

    host = urlsplit(proxy.url).netloc
    assert arrived == [("PUT", host, b"bytes"), ("HEAD", host, b""), ("POST", host, b"one two")]
    assert [(answer.status_code, answer.content) for answer in answers] == [(200, BODY), (200, b"")]
    assert {answer.headers["X-Of-Server"] for answer in answers} == {"yes"}
    assert answers[1].headers["Content-Length"] == str(len(BODY))
    assert [(seen.method, seen.target, seen.fault, seen.statuses) for seen in proxy.seen] == [
        ("PUT", "/account/object", "", [200]),
        ("HEAD", "/account", "", [200]),
        ("POST", "/account", "", [200]),
    ]


def test_a_rule_takes_requests_by_method_path_header_and_number(proxy: Proxy) -> None:
    proxy.disturb(
        faults.answer_with(503), method="PUT", target=r"^/account/a b\?part=2$", header="x-copy", skip=1, times=2
    )

    def send(method: str, path: str, **headers: str) -> int:
        return requests.request(method, f"{proxy.url}{path}", headers=headers, timeout=PATIENCE_SECONDS).status_code

    others = [
        send("GET", "/a%20b?part=2", **{"X-Copy": "1"}),
        send("PUT", "/a%20b?part=20", **{"X-Copy": "1"}),
        send("PUT", "/a%20b?part=2"),
    ]
    matching = [send("PUT", "/a%20b?part=2", **{"X-Copy": "1"}) for _ in range(4)]

    assert (others, matching) == ([200, 200, 200], [200, 503, 503, 200])
    assert [seen.fault for seen in proxy.seen] == ["", "", "", "", "answer_with", "answer_with", ""]


@pytest.mark.parametrize(
    ("fault", "bodies"),
    [
        (faults.hold, [b"early", b"late"]),
        (faults.defer, [b"early", b"late"]),
        (faults.duplicate, [b"late", b"early", b"late"]),
    ],
)
def test_a_late_request_is_carried_out_when_the_client_has_long_gone(
    fault: Fault, bodies: list[bytes], proxy: Proxy, arrived: list[tuple[str, str, bytes]]
) -> None:
    """A duplicate is carried out now and later."""
    proxy.disturb(fault)
    if fault is faults.duplicate:
        assert put(proxy, b"late").content == BODY
    else:
        with pytest.raises((requests.Timeout, requests.ConnectionError)):
            put(proxy, b"late", timeout=IMPATIENCE_SECONDS)
    put(proxy, b"early")

    assert proxy.release() == [200]

    assert [body for _, _, body in arrived] == bodies


@pytest.mark.parametrize(
    ("fault", "effects", "received"),
    [
        (faults.lose, 1, r""),
        (faults.reset, 0, None),
        (faults.hang, 0, None),
        (faults.delay(10), 1, None),
        (faults.cut("status"), 1, r"HTTP/1\.1"),
        (faults.cut("headers"), 1, r"HTTP/1\.1 200 -\r\n(?!.*\r\n\r\n).*"),
        (faults.cut("body"), 1, r"HTTP/1\.1 200 -\r\n.*\r\n\r\nthe answer o"),
        (faults.answer_with(faults.MAINTENANCE_PAGE), 0, r"HTTP/1\.1 200 -\r\n(?!.*X-Of-Server).*We are back soon.*"),
        (faults.answer_with(429, after_effect=True), 1, r"HTTP/1\.1 429 -\r\n(?!.*X-Of-Server).*\r\n\r\n"),
    ],
    ids=["lose", "reset", "hang", "delay", "status", "headers", "body", "page", "429 after its effect"],
)  # fmt: skip
def test_an_answer_that_is_not_the_servers(
    fault: Fault, effects: int, received: str | None, proxy: Proxy, arrived: list[tuple[str, str, bytes]]
) -> None:
    """All bytes that come back to a GET; None for a reset or nothing in time."""
    proxy.disturb(fault)
    address, data = urlsplit(proxy.url), b""
    with socket.create_connection((address.hostname, address.port), timeout=IMPATIENCE_SECONDS) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        if received is None:
            with pytest.raises(ConnectionResetError if fault is faults.reset else TimeoutError):
                connection.recv(4096)
        else:
            while piece := connection.recv(4096):
                data += piece

    assert re.fullmatch(received or "", data.decode(), re.DOTALL)
    assert len(arrived) == effects
