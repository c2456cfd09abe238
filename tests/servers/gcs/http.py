"""HTTP/1.1 on loopback, one thread a connection: requests and responses."""

import json
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias, cast
from urllib.parse import unquote

_IDLE_SECONDS = 60
_STATUS_PHRASES = {308: "Resume Incomplete", 499: "Client Closed Request"}

Resource: TypeAlias = dict[str, Any]
"""JSON of an object or a bucket."""


class Refused(Exception):
    """A request that Google would refuse."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        """`status` is the HTTP status, `code` the error code of the XML API, such as `EntityTooLarge`."""
        super().__init__(f"{status} {code} {message}".rstrip())
        self.status, self.code, self.message = status, code, message or code


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str
    """As sent: percent-encoded, without the query."""
    query: str
    """As sent, without the question mark."""
    headers: Message
    body: bytes = b""
    is_cut: bool = False
    """True if the client went away before it had sent the whole body."""

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The decoded query parameters in the order in which they came; a plus stays a plus."""
        parts = (part.partition("=") for part in self.query.split("&") if part)
        return [(unquote(name), unquote(value)) for name, _, value in parts]

    @cached_property
    def parameters(self) -> dict[str, str]:
        return dict(self.pairs)

    def json(self) -> Resource:
        value: Resource = json.loads(self.body or b"{}")
        return value


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def json_response(value: Resource, *, status: int = 200) -> Response:
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    return Response(status=status, headers=headers, body=json.dumps(value).encode())


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    serve_request: Callable[[Request], Response]
    """Set by the starter once the port is known."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """A client that hangs up is no error of the server."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS

    def log_message(self, format: str, *args: object) -> None:
        """Be silent."""

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        is_cut = len(body) < length
        self.close_connection |= is_cut
        response = cast("Listener", self.server).serve_request(
            Request(method=self.command, path=path, query=query, headers=self.headers, body=body, is_cut=is_cut)
        )
        self.send_response(response.status, _STATUS_PHRASES.get(response.status))
        for name, value in response.headers.items():
            self.send_header(name, value.encode().decode("latin-1"))
        if response.status != 204:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815  http.server's names
