"""A proxy in front of a storage server that does to chosen requests what networks, gateways and load balancers do.

    with proxy_to(server.endpoint_url) as proxy:
        proxy.disturb(hold, method="PUT", header="x-amz-copy-source")
        ...                              # clients use proxy.url; this request of theirs times out
        assert proxy.release() == [200]  # only now it is carried out

Host goes through as it came, so that signatures made for the proxy's address stay valid. Each connection carries one
request.
"""

import json
import re
import socket
import struct
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Literal, TypeAlias, cast
from urllib.parse import unquote, urlsplit

LOOPBACK = "127.0.0.1"
UPSTREAM_SECONDS = 30
IDLE_SECONDS = 5
_OF_ONE_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

Headers: TypeAlias = tuple[tuple[str, str], ...]
Place = Literal["status", "headers", "body"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: Headers = ()
    body: bytes = b""

    @property
    def head(self) -> bytes:
        """Status line and headers, with the empty line."""
        has_length = any(name.lower() == "content-length" for name, _ in self.headers)
        length = () if has_length or self.status == 204 else (("Content-Length", str(len(self.body))),)
        lines = [f"{name}: {value}" for name, value in (*self.headers, *length, ("Connection", "close"))]
        return "\r\n".join([f"HTTP/1.1 {self.status} -", *lines, "", ""]).encode("latin-1")


_HTML = (("Content-Type", "text/html; charset=utf-8"),)
MAINTENANCE_PAGE = Answer(status=200, headers=_HTML, body=b"<html>We are back soon</html>")
XHTML_PAGE = Answer(status=200, headers=_HTML, body=b"<?xml version='1.0'?><html><head/><body>Soon</body></html>")
NOT_FOUND_PAGE = Answer(status=404, headers=_HTML, body=b"default backend - 404")
EMPTY = Answer(status=200)
PAGES = (MAINTENANCE_PAGE, XHTML_PAGE, EMPTY)
"""Answers in the place of a success."""


def json_answer(value: object, *, status: int = 200, headers: Headers = ()) -> Answer:
    headers = (("Content-Type", "application/json"), *headers)
    return Answer(status=status, headers=headers, body=json.dumps(value).encode())


@dataclass(kw_only=True)
class Seen:
    """One request, from the moment that its headers have arrived."""

    method: str
    target: str
    """Path and query, decoded."""
    headers: Headers
    fault: str = ""
    """Name of the fault that met it."""
    statuses: list[int] = field(default_factory=list)
    """What the server said, each time that the request was forwarded."""


class Stopped(Exception):
    """The proxy stops while a request waits."""


class Exchange:
    """One request in the hands of a fault."""

    def __init__(self, proxy: "Proxy", handler: BaseHTTPRequestHandler, body: bytes, seen: Seen) -> None:
        self.seen = seen
        self.body = body
        self._proxy, self._handler = proxy, handler

    def forward(self) -> Answer:
        """Send the request to the server and return what it says."""
        with closing(HTTPConnection(self._proxy.upstream, timeout=UPSTREAM_SECONDS)) as connection:
            connection.putrequest(self.seen.method, self._handler.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.seen.headers:
                if name.lower() not in _OF_ONE_HOP:
                    connection.putheader(name, value)
            if self.body or self.seen.method in {"PUT", "POST"}:
                connection.putheader("Content-Length", str(len(self.body)))
            connection.endheaders(self.body)
            response = connection.getresponse()
            kept = tuple((name, value) for name, value in response.getheaders() if name.lower() not in _OF_ONE_HOP)
            if self.seen.method == "HEAD":
                kept += (("Content-Length", response.getheader("Content-Length") or "0"),)
            answer = Answer(status=response.status, headers=kept, body=response.read())
        self.seen.statuses.append(answer.status)
        return answer

    def respond(self, answer: Answer) -> None:
        self.write(answer.head + (b"" if self.seen.method == "HEAD" else answer.body))

    def write(self, data: bytes) -> None:
        """Send bytes to the client, if it is still there, and end the connection."""
        with suppress(OSError):
            self._handler.wfile.write(data)
            self._handler.connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """End the connection by a reset."""
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    def pause(self, seconds: float | None = None) -> None:
        """Wait so long, or until the proxy stops. Raises Stopped."""
        if self._proxy.stopping.wait(seconds):
            raise Stopped

    def wait_for_release(self) -> None:
        """Wait for `Proxy.release`, or until the proxy stops. Raises Stopped."""
        released = Event()
        self._proxy.waiting.append((self, released))
        released.wait()
        if self._proxy.stopping.is_set():
            raise Stopped


Fault: TypeAlias = Callable[[Exchange], None]


def forward(exchange: Exchange) -> None:
    """Do nothing wrong."""
    exchange.respond(exchange.forward())


def hold(exchange: Exchange) -> None:
    """Carry the request out when it is released; the client waits."""
    exchange.wait_for_release()
    exchange.respond(exchange.forward())


def defer(exchange: Exchange) -> None:
    """Carry the request out when it is released; the client loses its connection at once."""
    exchange.write(b"")
    exchange.wait_for_release()
    exchange.forward()


def duplicate(exchange: Exchange) -> None:
    """Carry the request out now, and once more when it is released."""
    exchange.respond(exchange.forward())
    exchange.wait_for_release()
    exchange.forward()


def lose(exchange: Exchange) -> None:
    """Carry the request out, and close the connection without an answer."""
    exchange.forward()


def reset(exchange: Exchange) -> None:
    """Reset the connection; nothing is carried out."""
    exchange.reset()


def hang(exchange: Exchange) -> None:
    """Never answer; nothing is carried out."""
    exchange.pause()


def delay(seconds: float) -> Fault:
    """Carry the request out at once, and answer so much later."""

    def delayed(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.pause(seconds)
        exchange.respond(answer)

    return delayed


def cut(place: Place) -> Fault:
    """Carry the request out, and break the answer off in its status line, headers or body."""

    def cut_off(exchange: Exchange) -> None:
        answer = exchange.forward()
        line = answer.head.index(b"\r\n") + 2
        ends = {"status": line // 2, "headers": (line + len(answer.head)) // 2, "body": len(answer.head)}
        if place == "body" and exchange.seen.method != "HEAD":
            ends[place] += len(answer.body) // 2
        exchange.write((answer.head + answer.body)[: ends[place]])

    return cut_off


def answer_with(answer: Answer | int, *, after_effect: bool = False) -> Fault:
    """Answer in the server's place, by default without asking it. A number is a status with an empty body."""

    def answered(exchange: Exchange) -> None:
        if after_effect:
            exchange.forward()
        exchange.respond(Answer(status=answer) if isinstance(answer, int) else answer)

    return answered


def alter(headers: Mapping[str, str] | None = None, *, hidden: Collection[str] = ()) -> Fault:
    """Replace and hide headers of the answer, as other servers send it."""
    changed = headers or {}
    gone = {name.lower() for name in (*changed, *hidden)}

    def altered(exchange: Exchange) -> None:
        answer = exchange.forward()
        kept = tuple((name, value) for name, value in answer.headers if name.lower() not in gone)
        exchange.respond(replace(answer, headers=(*kept, *changed.items())))

    return altered


@dataclass(kw_only=True)
class Rule:
    """Which requests meet a fault."""

    fault: Fault
    method: str = ""
    """Empty for any."""
    target: str = ""
    """Regular expression, found in the decoded path and query."""
    header: str = ""
    """Name of a header that the request must have; empty for any."""
    skip: int = 0
    """So many matching requests pass first."""
    times: int | None = 1
    """So many meet the fault then; None for all."""

    def takes(self, seen: Seen) -> bool:
        """Return True if this request must meet the fault, and count it."""
        has_header = not self.header or any(name.lower() == self.header.lower() for name, _ in seen.headers)
        if self.method not in {"", seen.method} or not has_header or not re.search(self.target, seen.target):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return self.times is None or self.times >= 0


class Proxy:
    """Use its `url` in place of the server's."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self.upstream = address.netloc
        self.seen: list[Seen] = []
        """Every request, in the order of arrival."""
        self.stopping = Event()
        self.waiting: list[tuple[Exchange, Event]] = []
        """Requests that `release` carries out."""
        self._rules: list[Rule] = []
        self._lock = Lock()
        self.server = _Server(self)
        self.url = f"http://{LOOPBACK}:{self.server.server_port}{address.path}"

    def disturb(self, fault: Fault, **which: Any) -> None:
        """Let the fault meet the requests that a Rule with these fields takes; the oldest rule that takes one wins."""
        with self._lock:
            self._rules.append(Rule(fault=fault, **which))

    def calm(self) -> None:
        """Disturb no further request. Those that wait go on waiting."""
        with self._lock:
            self._rules.clear()

    def release(self) -> list[int]:
        """Carry out the requests that wait, in order and one by one. Return the server's last word to each."""
        statuses = []
        while self.waiting:
            exchange, released = self.waiting.pop(0)
            already = len(exchange.seen.statuses)
            released.set()
            while len(exchange.seen.statuses) == already:
                time.sleep(0.005)
            statuses.append(exchange.seen.statuses[-1])
        return statuses

    def choose_fault(self, seen: Seen) -> Fault:
        with self._lock:
            self.seen.append(seen)
            taken = next((rule.fault for rule in self._rules if rule.takes(seen)), forward)
        seen.fault = "" if taken is forward else taken.__qualname__.partition(".")[0]
        return taken

    def stop(self) -> None:
        self.stopping.set()
        for _, released in self.waiting:
            released.set()


@contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    """Run a proxy to that server in threads of this process. What waits at the end is never carried out."""
    proxy = Proxy(url)
    thread = Thread(target=proxy.server.serve_forever, args=[0.01], name="proxy")
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stop()
        proxy.server.shutdown()
        thread.join()
        proxy.server.server_close()


@contextmanager
def answering(respond: Callable[[Exchange], Answer]) -> Iterator[Proxy]:
    """Run a proxy that has no server and returns what the test says."""
    with proxy_to(f"http://{LOOPBACK}:9") as proxy:
        proxy.disturb(lambda exchange: exchange.respond(respond(exchange)), times=None)
        yield proxy


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for them
    request_queue_size = 128

    def __init__(self, proxy: Proxy) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.proxy = proxy

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        self.close_request(request)  # without the shutdown before it, which would come ahead of a reset

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if not isinstance(sys.exception(), Stopped | OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS

    def log_message(self, format: str, *args: object) -> None:
        """Be silent."""

    def _serve(self) -> None:
        self.close_connection = True
        proxy = cast("_Server", self.server).proxy
        seen = Seen(method=self.command, target=unquote(self.path), headers=tuple(self.headers.items()))
        fault = proxy.choose_fault(seen)
        fault(Exchange(proxy, self, self._read_body(), seen))

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815  http.server's names

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body
