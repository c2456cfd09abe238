"""A client over real HTTP that knows nothing about storages and follows the instructions."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from django.core.signals import request_started
from django.test import Client

from tests.api import Api

TIMEOUT_SECONDS = 30
Json = dict[str, Any]


def content(size: int, *, head: bytes = b"") -> bytes:
    """Return bytes that depend on the size alone, except for `head` in front."""
    return head + hashlib.shake_128(b"flows").digest(size - len(head))


def codes(holder: Json) -> list[str]:
    """Return the codes of the errors of a payload or ticket."""
    return [error["code"] for error in holder["errors"]]


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def slice_of(request: Json, data: bytes) -> bytes:
    """Return the bytes that a request of the instructions asks for."""
    piece: bytes = data[request["offset"] : request["offset"] + request["length"]]
    return piece


def send(request: Json, body: bytes) -> int:
    """Send one request and return its status. The body is raw, or the last field of a form."""
    how: Json = {"headers": {header["name"]: header["value"] for header in request["headers"]}}
    if request["fields"]:
        fields = [(one["name"], (None, one["value"])) for one in request["fields"]]
        how["files"] = [*fields, (request["fileField"], ("file", body))]
    else:
        how["data"] = body
    return requests.request(request["method"], request["url"], timeout=TIMEOUT_SECONDS, **how).status_code


def send_all(instructions: Json, data: bytes) -> None:
    """Send all requests of the instructions; each must succeed."""
    for request in instructions["requests"]:
        assert send(request, slice_of(request, data)) in request["successStatus"]


def fetch(url: str, **headers: str) -> requests.Response:
    """Return the response to a plain GET without cookies. Redirects are not followed."""
    return requests.get(url, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False)


@dataclass(kw_only=True)
class Site(Api):
    """The API over real HTTP, with the cookies of one session and its CSRF token."""

    url: str
    """Of the server, without a trailing slash."""
    cookies: dict[str, str] = field(default_factory=dict)

    def post(self, document: str, variables: Json | None = None) -> Any:
        if "csrftoken" not in self.cookies:
            self.cookies["csrftoken"] = fetch(f"{self.url}/fileman/csrf/").cookies["csrftoken"]
        return requests.post(
            f"{self.url}/graphql",
            json={"query": document, "variables": variables or {}},
            cookies=self.cookies,
            headers={"X-CSRFToken": self.cookies["csrftoken"], **self.headers},
            timeout=TIMEOUT_SECONDS,
        )

    def get(self, url: str) -> requests.Response:
        """Return the response to a plain GET with the cookies of this session."""
        return requests.get(url, cookies=self.cookies, timeout=TIMEOUT_SECONDS, allow_redirects=False)


def site_of(user: Any, url: str) -> Site:
    """Return a session of that user."""
    client = Client()
    client.force_login(user)
    return Site(client=client, url=url, cookies={"sessionid": client.cookies["sessionid"].value})


@contextmanager
def counted_bodies() -> Iterator[Json]:
    """Count the bytes of request bodies that reach Django, by view: "/graphql", "/fileman/upload"."""
    seen: Json = {}

    def count(environ: Json, **_: Any) -> None:
        path = "/".join(environ["PATH_INFO"].split("/")[:3])
        seen[path] = seen.get(path, 0) + int(environ.get("CONTENT_LENGTH") or 0)

    request_started.connect(count)
    try:
        yield seen
    finally:
        request_started.disconnect(count)
