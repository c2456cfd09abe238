"""A client with kept connections: `python -m tests.bench.load` sends what standard input describes as JSON.

    {"port": 8000, "cookies": ["..."], "seconds": 2, "method": "POST", "path": "/graphql", "body": "...",
     "marker": "\\"policy\\"", "count": 50}

Every response must have status 200 and contain the marker that often. Prints requests and seconds.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

TOKEN = "t" * 32
"""Of CSRF, in the cookie and in the header."""


class Connection:
    """One kept connection of a signed-in user."""

    def __init__(self, port: int, cookie: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Cookie": f"{cookie}; csrftoken={TOKEN}", "X-CSRFToken": TOKEN}
        self._headers["Content-Type"] = "application/json"

    def send(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Return the body of the response, whose status must be 200."""
        self._connection.request(method, path, body, self._headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{method} {path}: {response.status}\n{content!r}")
        return content


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
