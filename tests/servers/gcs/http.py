"""HTTP/1.1 on loopback, one thread a connection: requests, responses, and bodies that need little memory."""

import json
import socket
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any, TypeAlias, cast
from urllib.parse import unquote

import google_crc32c

CHUNK_BYTES = 1024 * 1024
_MEMORY_BYTES = 1024 * 1024  # a larger spool goes to disk
_IDLE_SECONDS = 60
_STATUS_PHRASES = {308: "Resume Incomplete", 499: "Client Closed Request"}
_Crc32c: Any = google_crc32c.Checksum  # ships no types

Resource: TypeAlias = dict[str, Any]
"""JSON of an object or a bucket."""


class Disconnected(Exception):
    """The client went away before it had sent the whole body."""


class Refused(Exception):
    """A request that Google would refuse."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        """`status` is the HTTP status, `code` the error code of the XML API, such as `EntityTooLarge`."""
        super().__init__(f"{status} {code} {message}".rstrip())
        self.status = status
        self.code = code
        self.message = message or code


class Body:
    """The body of one request, read once and in pieces; a closed connection raises Disconnected."""

    def __init__(self, stream: BufferedIOBase, *, length: int) -> None:
        self.length = length
        self.cut_after_bytes: int | None = None
        """Treat the client as gone after this many bytes."""
        self._stream = stream
        self._left = length

    def pieces(self) -> Iterator[bytes]:
        """Yield the rest of the body."""
        while self._left:
            sent = self.length - self._left
            wanted = min(CHUNK_BYTES, self._left, max(0, (self.cut_after_bytes or self.length) - sent))
            data = self._stream.read(wanted)
            if not data:
                raise Disconnected
            self._left -= len(data)
            yield data

    def drain(self) -> None:
        """Read and forget the rest, so that the connection can carry the next request."""
        for _ in self.pieces():
            pass


class Spool(AbstractContextManager["Spool", None]):
    """Bytes on their way: in memory while few, in a temporary file when many."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115  close() ends it
        self.size = 0

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, data: bytes) -> None:
        self._file.seek(self.size)
        self._file.write(data)
        self.size += len(data)

    def truncate(self, size: int) -> None:
        self._file.truncate(size)
        self.size = size

    def pieces(self, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield `length` bytes (default: all) from `start`."""
        left = self.size - start if length is None else length
        self._file.seek(start)
        while left and (piece := self._file.read(min(CHUNK_BYTES, left))):
            left -= len(piece)
            yield piece

    def digests(self) -> dict[str, str]:
        """Return "md5" and "crc32c" in base64, as Google does."""
        md5_hash, crc = md5(usedforsecurity=False), _Crc32c()
        for piece in self.pieces():
            md5_hash.update(piece)
            crc.update(piece)
        return {"md5": b64encode(md5_hash.digest()).decode(), "crc32c": b64encode(crc.digest()).decode()}

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str
    """As sent: percent-encoded, without the query."""
    query: str
    """As sent, without the question mark."""
    headers: Message
    body: Body

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The decoded query parameters in the order in which they came; a plus stays a plus."""
        parts = (part.partition("=") for part in self.query.split("&") if part)
        return [(unquote(name), unquote(value)) for name, _, value in parts]

    @cached_property
    def parameters(self) -> dict[str, str]:
        return dict(self.pairs)

    def read(self) -> bytes:
        """Return the whole body of a request that carries metadata only."""
        return b"".join(self.body.pieces())

    def json(self) -> Resource:
        body = self.read()
        value: Resource = json.loads(body) if body else {}
        return value


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Spool = b""


def json_response(value: Resource, *, status: int = 200) -> Response:
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    return Response(status=status, headers=headers, body=json.dumps(value).encode())


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    serve_request: Callable[[Request], Response | None]
    """None closes the connection without a response. Set by the starter once the port is known."""

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
        body = Body(self.rfile, length=int(self.headers.get("Content-Length", "0")))
        request = Request(method=self.command, path=path, query=query, headers=self.headers, body=body)
        response = cast("Listener", self.server).serve_request(request)
        if response is None:
            self.close_connection = True
        else:
            self._send(response)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815  http.server's names

    def _send(self, response: Response) -> None:
        self.send_response(response.status, _STATUS_PHRASES.get(response.status))
        for name, value in response.headers.items():
            self.send_header(name, value.encode().decode("latin-1"))
        spool = response.body if isinstance(response.body, Spool) else Spool()
        with spool:
            if isinstance(response.body, bytes):
                spool.append(response.body)
            if response.status != 204:
                self.send_header("Content-Length", str(spool.size))
            self.end_headers()
            for piece in spool.pieces():
                self.wfile.write(piece)
