"""Errors as clients see them: domain errors as data in payloads, all others with a code and without secrets."""

import logging
from enum import StrEnum
from typing import Any, Self
from uuid import uuid4

import strawberry
from django.conf import settings
from graphql import GraphQLError, GraphQLSyntaxError

import fileman.graphql.enums  # noqa: F401 - gives ErrorCode its name before a field has it
from fileman.errors import ErrorCode, FilemanError

logger = logging.getLogger("fileman.graphql")
# graphql-core appends this and names that exist; only developers need them.
_SUGGESTION = " Did you mean "
# Characters. graphql-core quotes the client's input at any length.
_MAX_MESSAGE_LENGTH = 500


@strawberry.type(description="Why a mutation, or one file of it, did not succeed.")
class UploadError:
    code: ErrorCode = strawberry.field(description="Stable code, for programs.")
    message: str = strawberry.field(description="What happened and what to do, for people. The wording may change.")
    field: list[str] | None = strawberry.field(
        description='Path into the input, list positions included: ["files", "2", "size"]. Null if no single input '
        "field is the cause."
    )
    retryable: bool = strawberry.field(description="True if the same call may succeed later, unchanged.")
    retry_after_seconds: int | None = strawberry.field(
        description="Seconds to wait before the call is repeated. Null if there is no recommendation."
    )

    @classmethod
    def from_error(cls, error: FilemanError) -> Self:
        field, pause = list(error.field) or None, error.retry_after_seconds
        return cls(
            code=error.code, message=error.message, field=field, retryable=error.retryable, retry_after_seconds=pause
        )


class RequestErrorCode(StrEnum):
    """Values of `extensions.code` for errors outside payloads, in addition to the domain's codes."""

    BAD_REQUEST = "BAD_REQUEST"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    CSRF_FAILED = "CSRF_FAILED"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    QUERY_TOO_COMPLEX = "QUERY_TOO_COMPLEX"
    INTERNAL = "INTERNAL"


def format_error(error: GraphQLError) -> dict[str, Any]:
    """Return an error of an executed document as JSON with a code. Log and mask unexpected errors."""
    original = error.original_error
    if isinstance(original, FilemanError):
        return _with_code(error, original.code, original.message) | {"extensions": original.extensions}
    if isinstance(original, RecursionError) and error.path is None:
        return _with_code(error, RequestErrorCode.QUERY_TOO_COMPLEX, "The document is nested too deeply.")
    if _is_unexpected(error):
        return _mask(error)
    message = error.message if settings.DEBUG else error.message.partition(_SUGGESTION)[0]
    return _with_code(error, (error.extensions or {}).get("code") or _get_code(error), message)


def _is_unexpected(error: GraphQLError) -> bool:
    """Return True if the server, not the request, caused the error.

    Exceptions without a path that point into the document come from parsing the client's own values.
    """
    if error.original_error is None or isinstance(error.original_error, GraphQLError):
        return False
    return error.path is not None or not error.nodes


def _get_code(error: GraphQLError) -> str:
    if isinstance(error, GraphQLSyntaxError):
        return RequestErrorCode.GRAPHQL_PARSE_FAILED
    return RequestErrorCode.GRAPHQL_VALIDATION_FAILED if error.path is None else ErrorCode.INVALID_INPUT


def _with_code(error: GraphQLError, code: str, message: str) -> dict[str, Any]:
    if len(message) > _MAX_MESSAGE_LENGTH:
        message = f"{message[: _MAX_MESSAGE_LENGTH - 1]}…"
    return {**error.formatted, "message": message, "extensions": {"code": str(code)}}


def _mask(error: GraphQLError) -> dict[str, Any]:
    reference = uuid4().hex
    logger.error("unexpected error, reference %s", reference, exc_info=error.original_error)
    masked = _with_code(error, RequestErrorCode.INTERNAL, f"Something went wrong on the server. Reference: {reference}")
    masked["extensions"]["reference"] = reference
    return masked
