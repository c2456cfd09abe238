"""Errors on their way out: of the domain as data in payloads, all others with a code and without a secret."""

import logging
from enum import StrEnum
from typing import Any, Self
from uuid import uuid4

import strawberry
from django.conf import settings
from graphql import GraphQLError, GraphQLSyntaxError

from fileman.errors import ErrorCode, FilemanError

logger = logging.getLogger("fileman.graphql")
_SUGGESTION = " Did you mean "
"""How the library starts to tell names that exist; only developers need them."""
_LONGEST_MESSAGE = 500
"""Characters. The library quotes what the client sent, however long that is."""


strawberry.enum(ErrorCode, name="UploadErrorCode")


@strawberry.type
class UploadError:
    code: ErrorCode
    message: str
    field: list[str] | None = strawberry.field(
        description='Path into the input, list positions included: ["files", "2", "size"]'
    )
    retryable: bool
    retry_after_seconds: int | None

    @classmethod
    def of(cls, error: FilemanError) -> Self:
        return cls(
            code=error.code,
            message=error.message,
            field=list(error.field) or None,
            retryable=error.retryable,
            retry_after_seconds=error.retry_after_seconds,
        )


class RequestErrorCode(StrEnum):
    """`extensions.code` of errors outside payloads, beside the codes of the domain."""

    BAD_REQUEST = "BAD_REQUEST"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    CSRF_FAILED = "CSRF_FAILED"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    QUERY_TOO_COMPLEX = "QUERY_TOO_COMPLEX"
    INTERNAL = "INTERNAL"


def formatted(error: GraphQLError) -> dict[str, Any]:
    """An error of the executed document as JSON, with a code. What nobody expected is logged and masked."""
    original = error.original_error
    if isinstance(original, FilemanError):
        return _coded(error, original.code, original.message)
    if isinstance(original, RecursionError) and error.path is None:
        return _coded(error, RequestErrorCode.QUERY_TOO_COMPLEX, "The document is nested too deeply.")
    if _unexpected(error):
        return _masked(error)
    message = error.message if settings.DEBUG else error.message.partition(_SUGGESTION)[0]
    return _coded(error, (error.extensions or {}).get("code") or _code_of(error), message)


def _unexpected(error: GraphQLError) -> bool:
    """Whether this is no judgement on the request but a problem of ours.

    Exceptions without a path that point into the document come from coercing the client's own values.
    """
    if error.original_error is None or isinstance(error.original_error, GraphQLError):
        return False
    return error.path is not None or not error.nodes


def _code_of(error: GraphQLError) -> str:
    if isinstance(error, GraphQLSyntaxError):
        return RequestErrorCode.GRAPHQL_PARSE_FAILED
    return RequestErrorCode.GRAPHQL_VALIDATION_FAILED if error.path is None else ErrorCode.INVALID_INPUT


def _coded(error: GraphQLError, code: str, message: str) -> dict[str, Any]:
    shown = message if len(message) <= _LONGEST_MESSAGE else f"{message[: _LONGEST_MESSAGE - 1]}…"
    return {**error.formatted, "message": shown, "extensions": {"code": str(code)}}


def _masked(error: GraphQLError) -> dict[str, Any]:
    reference = uuid4().hex
    logger.error("unexpected error, reference %s", reference, exc_info=error.original_error)
    shown = _coded(error, RequestErrorCode.INTERNAL, f"Something went wrong on the server. Reference: {reference}")
    shown["extensions"]["reference"] = reference
    return shown
