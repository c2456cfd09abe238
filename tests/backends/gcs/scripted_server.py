"""A small HTTP server that returns what a test says: for hosts of Google's that the stand-in is not."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Asked:
    method: str
    path: str
    headers: Any
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    missing_bytes: int = 0
    """Bytes that are announced and not sent."""


def json_answer(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    described = {"Content-Type": "application/json", **(headers or {})}
    return Answer(status=status, body=json.dumps(value).encode(), headers=described)


@contextmanager
def answering(respond: Callable[[Asked], Answer]) -> Iterator[str]:
    """The URL of the server, `http://127.0.0.1:<port>`, while it runs."""

    class _Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = respond(Asked(method=self.command, path=self.path, headers=self.headers, body=body))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body) + answer.missing_bytes))
            with suppress(ConnectionError):  # the client has given up
                self.end_headers()
                self.wfile.write(answer.body)

        do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815  http.server's names

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = Thread(target=server.serve_forever, args=[0.01], daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
