"""The proxy does to a request what each fault says, and nothing to the others."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest
import requests

from tests.servers.proxy import (
    EMPTY,
    MAINTENANCE_PAGE,
    Fault,
    Proxy,
    answer_with,
    cut,
    defer,
    delay,
    duplicate,
    hang,
    hold,
    lose,
    proxy_to,
    reset,
)

PATIENCE_SECONDS = 10
IMPATIENCE_SECONDS = 0.2
"""What a client waits for an answer that will not come."""
BODY = b"the answer of the server"
Arrived = list[tuple[str, str, bytes]]


class Upstream(BaseHTTPRequestHandler):
    """Answers BODY to everything, and keeps what has arrived."""

    protocol_version = "HTTP/1.1"
    arrived: Arrived

    def log_message(self, format: str, *args: object) -> None:
        """Be silent."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.arrived.append((self.command, self.headers["Host"], body))
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.send_header("X-Of-Server", "yes")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(BODY)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815  http.server's names


@contextmanager
def upstream(arrived: Arrived) -> Iterator[str]:
    """A server's URL."""
    handler = type("Handler", (Upstream,), {"arrived": arrived})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/account"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def arrived() -> Arrived:
    """Method, Host and body of each request that has reached the server."""
    return []


@pytest.fixture
def proxy(arrived: Arrived) -> Iterator[Proxy]:
    with upstream(arrived) as url, proxy_to(url) as proxy:
        yield proxy


def put(proxy: Proxy, body: bytes = b"bytes", *, timeout: float = PATIENCE_SECONDS) -> requests.Response:
    return requests.put(f"{proxy.url}/object", data=body, timeout=timeout)


def test_a_request_that_no_rule_takes_goes_through_unchanged_and_whole(proxy: Proxy, arrived: Arrived) -> None:
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
    proxy.disturb(answer_with(503), method="PUT", target=r"^/account/a b\?part=2$", header="x-copy", skip=1, times=2)

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
    proxy.disturb(answer_with(503), times=None)
    proxy.calm()
    assert put(proxy).status_code == 200


@pytest.mark.parametrize("fault", [hold, defer])
def test_a_late_request_is_carried_out_when_the_client_has_long_gone(
    fault: Fault, proxy: Proxy, arrived: Arrived
) -> None:
    proxy.disturb(fault)
    with pytest.raises((requests.Timeout, requests.ConnectionError)):
        put(proxy, b"late", timeout=IMPATIENCE_SECONDS)
    put(proxy, b"early")

    statuses = proxy.release()

    assert statuses == [200]
    assert [body for _, _, body in arrived] == [b"early", b"late"]


def test_a_duplicate_is_carried_out_now_and_later(proxy: Proxy, arrived: Arrived) -> None:
    proxy.disturb(duplicate)
    assert put(proxy, b"first").content == BODY
    put(proxy, b"second")

    assert proxy.release() == [200]

    assert [body for _, _, body in arrived] == [b"first", b"second", b"first"]
    assert proxy.seen[0].statuses == [200, 200]


@pytest.mark.parametrize(("fault", "effects"), [(lose, 1), (reset, 0), (hang, 0), (delay(10), 1)])
def test_an_answer_that_does_not_come(fault: Fault, effects: int, proxy: Proxy, arrived: Arrived) -> None:
    proxy.disturb(fault)

    with pytest.raises((requests.Timeout, requests.ConnectionError)) as error:
        put(proxy, timeout=IMPATIENCE_SECONDS)

    assert len(arrived) == effects
    assert isinstance(error.value, requests.Timeout) == (fault not in (lose, reset))
    assert ("Connection reset" in str(error.value)) == (fault is reset)


@pytest.mark.parametrize(
    ("place", "is_cut"),
    [
        ("status", lambda data: data == b"HTTP/1.1"),
        ("headers", lambda data: data.startswith(b"HTTP/1.1 200 -\r\n") and b"\r\n\r\n" not in data),
        ("body", lambda data: data.endswith(b"\r\n\r\n" + BODY[: len(BODY) // 2])),
    ],
)
def test_an_answer_that_breaks_off(place: str, is_cut: Callable[[bytes], bool], proxy: Proxy, arrived: Arrived) -> None:
    proxy.disturb(cut(place))  # type: ignore[arg-type]  # one of its literals

    data = raw_answer(proxy)

    assert is_cut(data), data
    assert len(arrived) == 1


def raw_answer(proxy: Proxy) -> bytes:
    """Return all bytes that come back to a GET."""
    address = urlsplit(proxy.url)
    with socket.create_connection((address.hostname, address.port), timeout=2) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        data = b""
        while piece := connection.recv(4096):
            data += piece
    return data


@pytest.mark.parametrize("after_effect", [False, True])
def test_an_answer_in_place_of_the_servers(after_effect: bool, proxy: Proxy, arrived: Arrived) -> None:
    for answer in (MAINTENANCE_PAGE, EMPTY, 429):
        proxy.disturb(answer_with(answer, after_effect=after_effect))

    answers = [put(proxy) for _ in range(3)]

    assert [(answer.status_code, answer.content) for answer in answers] == [
        (200, MAINTENANCE_PAGE.body),
        (200, b""),
        (429, b""),
    ]
    assert len(arrived) == (3 if after_effect else 0)
    assert all("X-Of-Server" not in answer.headers for answer in answers)
