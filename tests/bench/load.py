"""A client with kept connections: `python -m tests.bench.load` sends what standard input describes as JSON.

    {"port": 8000, "cookies": ["..."], "seconds": 2, "method": "POST", "path": "/graphql", "body": "...",
     "marker": "\\"policy\\"", "count": 50}

Every response must have status 200 and contain the marker that often. Prints requests and seconds.
"""

import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

TOKEN = "t" * 32
"""Of CSRF, in the cookie and in the header."""


class Connection:
    """One kept connection of a signed-in user."""

    def __init__(self, port: int, cookie: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"Host: 127.0.0.1:{port}\r\nCookie: {cookie}; csrftoken={TOKEN}\r\nX-CSRFToken: {TOKEN}\r\n"

    def send(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Return the body of the response, whose status must be 200 and whose length must be declared."""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Type: application/json\r\n"
        self._socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        head, _, content = received.decode("latin-1").partition("\r\n\r\n")
        if not head.startswith("HTTP/1.1 200"):
            raise RuntimeError(f"{method} {path}: {head}\n{content}")
        length = int(head.lower().partition("\r\ncontent-length:")[2].partition("\r\n")[0])
        pieces, left = [content.encode("latin-1")], length - len(content)
        while left > 0:
            pieces.append(self._receive())
            left -= len(pieces[-1])
        return b"".join(pieces)

    def _receive(self) -> bytes:
        received = self._socket.recv(1 << 18)
        if not received:
            raise RuntimeError("The server has closed the connection.")
        return received


def main(work: dict[str, Any]) -> tuple[int, float]:
    """Return the requests of all connections together, and the seconds they took."""
    with ThreadPoolExecutor(len(work["cookies"])) as pool:
        started = time.perf_counter()
        requests = sum(pool.map(lambda cookie: _repeat(work, cookie), work["cookies"]))
        return requests, time.perf_counter() - started


def _repeat(work: dict[str, Any], cookie: str) -> int:
    connection, body, marker = Connection(work["port"], cookie), work["body"].encode(), work["marker"].encode()
    sent = 0
    deadline = time.perf_counter() + work["seconds"]
    while time.perf_counter() < deadline:
        response = connection.send(work["method"], work["path"], body)
        if response.count(marker) != work["count"]:
            raise RuntimeError(
                f"{work['path']}: {response.count(marker)} of {work['count']} times {marker!r}: {response!r}"
            )
        sent += 1
    return sent


if __name__ == "__main__":
    print(*main(json.load(sys.stdin)))
