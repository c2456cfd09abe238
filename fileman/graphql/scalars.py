"""Custom scalars, which refuse impossible values."""

import re
from datetime import UTC, datetime
from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from fileman.graphql.names import prefixed
from fileman.models.file_manager import LARGEST_SAFE_INTEGER

_DIGITS = re.compile(r"[0-9]{1,16}", re.ASCII)

BigInt = NewType("BigInt", int)


def _parse_big_int(value: object) -> BigInt:
    number = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
    # bool is a subclass of int.
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= LARGEST_SAFE_INTEGER:
        raise GraphQLError("BigInt must be a whole number from 0 to 2^53-1.")
    return BigInt(number)


def _parse_datetime(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise GraphQLError("DateTime must be in ISO 8601 format, such as 2026-01-31T12:00:00Z.")


# As strawberry.federation.types does, so that any schema knows the scalar without a scalar_map.
BigInt._scalar_definition = strawberry.scalar(  # type: ignore[attr-defined]  # noqa: SLF001
    name=prefixed("BigInt"),
    description="A number of bytes from 0 to 2^53-1, as a JSON number or a decimal string. Other values are "
    "refused. GraphQL's Int ends at 2 GiB.",
    serialize=int,
    parse_value=_parse_big_int,
)
# Not for a host's schema: its own DateTime stays as it is.
SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A date and time in ISO 8601 format with a UTC offset. Without an offset it is taken as UTC.",
        serialize=datetime.isoformat,
        parse_value=_parse_datetime,
    )
}
