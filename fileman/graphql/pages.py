"""Pages of lists: Relay connections with key-set cursors."""

import json
from functools import partial
from inspect import isawaitable
from typing import Any, Final, Self, cast

import strawberry
import strawberry_django
from django.core.signing import BadSignature, Signer
from django.db.models import QuerySet
from strawberry import relay
from strawberry.extensions import FieldExtension
from strawberry.relay.types import NodeIterableType
from strawberry.relay.utils import from_base64
from strawberry.types.field import StrawberryField
from strawberry.utils.aio import resolve_awaitable
from strawberry.utils.await_maybe import AwaitableOrValue
from strawberry_django.relay import DjangoCursorConnection

from fileman.errors import InvalidInput

DEFAULT_SIZE: Final = 50
MAX_SIZE: Final = 100
_ARGUMENTS: Final = {
    "first": f"Return the first n items, at most {MAX_SIZE}. Without first and last: {DEFAULT_SIZE}.",
    "after": "Return only items after this cursor, such as pageInfo.endCursor of the previous page.",
    "last": f"Return the last n items, at most {MAX_SIZE}.",
    "before": "Return only items before this cursor, such as pageInfo.startCursor of the following page.",
}


@strawberry.type(name="Connection", description="One page of a list.")
class Page(DjangoCursorConnection[relay.NodeType]):
    """Sign cursors for one ordering, because their column values go into a WHERE clause."""

    @classmethod
    def resolve_connection(
        cls,
        nodes: NodeIterableType[relay.NodeType],
        *,
        info: strawberry.Info,
        before: str | None = None,
        after: str | None = None,
        first: int | None = None,
        last: int | None = None,
        **kwargs: Any,
    ) -> AwaitableOrValue[Self]:
        """Return the requested page. Raises InvalidInput for sizes out of range and unknown cursors."""
        first = _check_size(first, last)
        rows = cast("QuerySet[Any]", nodes)
        signer = Signer(salt=f"fileman.cursor {rows.query.order_by}")
        before, after = _unsign(signer, before), _unsign(signer, after)
        near = _bound(_bound(rows, after, is_before=False), before, is_before=True)
        page = super().resolve_connection(near, info=info, before=before, after=after, first=first, last=last, **kwargs)
        finish = partial(_finish, signer, rows)
        return resolve_awaitable(page, finish) if isawaitable(page) else finish(page)


class _PageArguments(FieldExtension):
    """Describe the page arguments. Strawberry's own text for `last` is that of `after`."""

    def apply(self, field: StrawberryField) -> None:
        for argument in field.arguments:
            argument.description = _ARGUMENTS.get(argument.python_name, argument.description)


def connection(node: type[relay.Node], *, description: str) -> Any:
    """Return a field, to decorate a resolver that returns a queryset."""
    field = strawberry_django.connection(Page[node], max_results=MAX_SIZE, description=description)  # type: ignore[valid-type]
    field.extensions.append(_PageArguments())
    return field


def _bound(rows: QuerySet[Any], cursor: str | None, *, is_before: bool) -> QuerySet[Any]:
    """Bound the first column at the cursor, so that a database begins to read its index there and not at its end."""
    if cursor is None or not rows.query.order_by:
        return rows
    column = str(rows.query.order_by[0])
    lookup = "lte" if column.startswith("-") != is_before else "gte"
    return rows.filter(**{f"{column.removeprefix('-')}__{lookup}": json.loads(from_base64(cursor)[1])[0]})


def _finish(signer: Signer, rows: QuerySet[Any], page: Any) -> Any:
    """Sign the cursors, and count all rows for `totalCount`."""
    page.total_count_qs = rows
    for edge in page.edges:
        edge.cursor = signer.sign(edge.cursor)
    if page.edges:
        page.page_info.start_cursor = page.edges[0].cursor
        page.page_info.end_cursor = page.edges[-1].cursor
    return page


def _unsign(signer: Signer, cursor: str | None) -> str | None:
    try:
        return None if cursor is None else signer.unsign(cursor)
    except (BadSignature, ValueError):
        raise InvalidInput("Unknown cursor. Pass a cursor of this list, with the same ordering.") from None


def _check_size(first: int | None, last: int | None) -> int | None:
    """Return `first`, or its default."""
    if first is not None and last is not None:
        raise InvalidInput("Pass either first or last, not both.")
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 0 <= size <= MAX_SIZE:
            raise InvalidInput(f"{name} must be from 0 to {MAX_SIZE}.")
    return DEFAULT_SIZE if first is None and last is None else first
