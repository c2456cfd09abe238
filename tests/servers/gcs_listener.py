"""The socket side of the front: HTTP/1.1 on loopback, one thread a connection."""

import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

from tests.servers.gcs_front import Front, refused
from tests.servers.gcs_http import Body, Disconnected, Refused, Request, Response, Spool

_IDLE_SECONDS = 60
_STATUS_PHRASES = {308: "Resume Incomplete", 499: "Client Closed Request"}


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    front: Front
    """Set by the starter once the port is known."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """A client that hangs up is no error of the front's."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a test tells what it saw."""

    def _serve(self) -> None:
        front = cast("Listener", self.server).front
        path, _, query = self.path.partition("?")
        fault = front.faults.take(self.command, self.path)
        body = self._body(fault.cut_after_bytes)
        request = Request(method=self.command, path=path, query=query, headers=self.headers, body=body)
        response: Response | None
        try:
            try:
                self._check_length(body)
                response = fault.apply(lambda: front.respond(request))
            except Refused as refusal:
                response = refused(request, refusal)
            body.drain()
        except (Disconnected, ConnectionError, TimeoutError):
            response = None
        if response is None:
            self.close_connection = True
        else:
            self._send(response)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815  http.server's names

    def _body(self, cut_after_bytes: int | None) -> Body:
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "").lower()
        length = None if chunked else int(self.headers.get("Content-Length", "0"))
        return Body(self.rfile, length=length, cut_after_bytes=cut_after_bytes)

    def _check_length(self, body: Body) -> None:
        if self.command == "PUT" and body.length == 0 and "Content-Length" not in self.headers:
            raise Refused(411, "MissingContentLength", "You must provide the Content-Length HTTP header")

    def _send(self, response: Response) -> None:
        self.send_response(response.status, _STATUS_PHRASES.get(response.status))
        for name, value in response.headers.items():
            self.send_header(name, value.encode().decode("latin-1"))
        if response.status != 204:
            self.send_header("Content-Length", str(response.content_length))
        self.end_headers()
        spool = response.body if isinstance(response.body, Spool) else Spool()
        with spool:
            if isinstance(response.body, bytes):
                spool.append(response.body)
            if self.command != "HEAD":
                for piece in spool.pieces():
                    self.wfile.write(piece)
