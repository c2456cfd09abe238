"""A proxy before Azurite that changes chosen responses: Azure sends them at times, Azurite never."""

import http.client
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
_OF_AZURE = {"x-ms-request-id": "1", "Date": "Fri, 02 Jan 2026 00:00:00 GMT"}
_OF_ONE_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request that a rule may match."""

    method: str
    path: str
    """With the query."""
    headers: Mapping[str, str]


@dataclass(kw_only=True)
class Rule:
    """The treatment of the first `times` requests that match."""

    matches: Callable[[Seen], bool]
    status: int | None = None
    """Respond as Azure would, and forward nothing; None forwards."""
    code: str = ""
    """Azure's error code, with a status."""
    after: bool = False
    """With a status: forward first, so that only the response is lost."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of the response, in place of those that came."""
    body: bytes = b""
    """The body, with a status."""
    hidden: Collection[str] = ()
    """Headers, in lower case, that are removed from a forwarded response."""
    times: int = 1


class Front:
    """Use its `endpoint_url` instead of the server's."""

    def __init__(self, upstream: str) -> None:
        self.rules: list[Rule] = []
        self.seen: list[Seen] = []
        """Every request, from the moment its headers have arrived."""
        self._upstream = urlsplit(upstream)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((LOOPBACK, 0), self._handler())
        self.endpoint_url = f"http://{LOOPBACK}:{self._server.server_port}{self._upstream.path}"

    @contextmanager
    def running(self) -> Iterator["Front"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def rule_for(self, seen: Seen) -> Rule | None:
        with self._lock:
            for rule in self.rules:
                if rule.times and rule.matches(seen):
                    rule.times -= 1
                    return rule
        return None

    def forward(self, seen: Seen, body: bytes) -> tuple[int, dict[str, str], bytes]:
        with closing(http.client.HTTPConnection(self._upstream.netloc, timeout=10)) as connection:
            connection.request(seen.method, seen.path, body=body, headers=dict(seen.headers))
            response = connection.getresponse()
            headers = {name: value for name, value in response.getheaders() if name.lower() not in _OF_ONE_HOP}
            if seen.method == "HEAD":
                headers["Content-Length"] = response.getheader("Content-Length", "0")
            return response.status, headers, response.read()

    def respond(self, seen: Seen, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body, changed by a rule or as they came."""
        rule = self.rule_for(seen)
        if rule is None:
            return self.forward(seen, body)
        if rule.status is None:
            status, headers, content = self.forward(seen, body)
            shown = {name: value for name, value in headers.items() if name.lower() not in rule.hidden}
            return status, {**shown, **rule.headers}, content
        if rule.after:
            self.forward(seen, body)
        code = {"x-ms-error-code": rule.code} if rule.code else {}
        return rule.status, {**_OF_AZURE, **code, **rule.headers}, rule.body

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                seen = Seen(method=self.command, path=self.path, headers=dict(self.headers.items()))
                front.seen.append(seen)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, content = front.respond(seen, body)
                self.send_response_only(status)
                for name, value in {"Content-Length": str(len(content)), **headers, "Connection": "close"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                return

        for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.handle_any)
        return Handler
