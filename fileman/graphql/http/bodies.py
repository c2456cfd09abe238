"""Read request bodies: one GraphQL operation as strict JSON, within limits."""

import json
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from fileman.graphql.errors import RequestErrorCode
from fileman.validation.json_metadata import is_deeper_than

MAX_BODY_BYTES: Final = 256 * 1024
MAX_JSON_DEPTH: Final = 32
MAX_JSON_CONTAINERS: Final = 10_000  # objects and lists; 50 files may have metadata of half as many
MAX_DOCUMENT_CHARACTERS: Final = 32 * 1024


class Refusal(Exception):
    """The request is not an acceptable GraphQL request."""

    def __init__(self, status: int, code: RequestErrorCode, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(message)


def read_operation(request: HttpRequest) -> dict[str, Any]:
    """Return the operation of a request, as arguments of `Schema.execute_sync`. Raises Refusal for anything else."""
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    if request.content_type != "application/json" or charset not in ("utf-8", "utf8"):
        message = "Send POST requests with Content-Type: application/json, in UTF-8."
        raise Refusal(415, RequestErrorCode.UNSUPPORTED_MEDIA_TYPE, message)
    return _to_operation(_parse(_read(request)))


def _read(request: HttpRequest) -> bytes:
    # Django raises RequestDataTooBig by its own, configurable limit; a lying Content-Length must not matter either.
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if not declared.isdecimal() or int(declared[:20]) <= MAX_BODY_BYTES:
        try:
            body = request.body
        except RequestDataTooBig:
            body = None
        if body is not None and len(body) <= MAX_BODY_BYTES:
            return body
    message = f"The body is too large. The limit is {MAX_BODY_BYTES} bytes."
    raise Refusal(413, RequestErrorCode.PAYLOAD_TOO_LARGE, message)


def _parse(body: bytes) -> object:
    if body.count(b"[") + body.count(b"{") > MAX_JSON_CONTAINERS:
        raise _bad_request(f"The body has more than {MAX_JSON_CONTAINERS} objects and lists.")
    try:
        value: object = json.loads(body.decode("utf-8"), parse_constant=int)  # which refuses NaN and Infinity
    except (ValueError, RecursionError):  # bad UTF-8 or JSON, integers of thousands of digits, deep nesting
        raise _bad_request("The body is not valid JSON in UTF-8.") from None
    if is_deeper_than(MAX_JSON_DEPTH, value):
        raise _bad_request(f"The body is nested deeper than {MAX_JSON_DEPTH} levels.")
    return value


def _to_operation(value: object) -> dict[str, Any]:
    if isinstance(value, list):
        raise _bad_request("The body is a list. Send one operation at a time.")
    if not isinstance(value, dict):
        raise _bad_request('The body must be an object such as {"query": "...", "variables": {...}}.')
    query, variables, name = value.get("query"), value.get("variables"), value.get("operationName")
    if not isinstance(query, str) or not query.strip():
        raise _bad_request("query must be a GraphQL document.")
    if len(query) > MAX_DOCUMENT_CHARACTERS:
        message = f"query has more than {MAX_DOCUMENT_CHARACTERS} characters. Pass long values as variables."
        raise Refusal(413, RequestErrorCode.PAYLOAD_TOO_LARGE, message)
    kinds = {"variables": (dict, "an object"), "operationName": (str, "a string"), "extensions": (dict, "an object")}
    for key, (kind, noun) in kinds.items():
        if not isinstance(value.get(key), kind | None):
            raise _bad_request(f"{key} must be {noun}.")
    return {"query": query, "variable_values": variables, "operation_name": name or None}


def _bad_request(message: str) -> Refusal:
    return Refusal(400, RequestErrorCode.BAD_REQUEST, message)
