"""Requests and responses, and how they come and go over HTTP."""

import json
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote

from tests.servers.proxy import Answer, Exchange

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
        """The same by name, with a plus as the space that Google's client means."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

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


def to_request(exchange: Exchange) -> Request:
    handler = exchange._handler
    path, _, query = handler.path.partition("?")
    is_cut = len(exchange.body) < int(handler.headers.get("Content-Length", "0"))
    command, headers, body = handler.command, handler.headers, exchange.body
    return Request(method=command, path=path, query=query, headers=headers, body=body, is_cut=is_cut)


def to_answer(response: Response) -> Answer:
    headers = ((name, value.encode().decode("latin-1")) for name, value in response.headers.items())
    return Answer(status=response.status, headers=tuple(headers), body=response.body)
