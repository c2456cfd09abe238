"""Pages of lists: Relay connections with key-set cursors."""

from typing import Any, Final, Self, cast

import strawberry
from django.core.signing import BadSignature, Signer
from django.db.models import QuerySet
from strawberry import relay
from strawberry.relay.types import NodeIterableType
from strawberry_django.relay import DjangoCursorConnection

from fileman.errors import InvalidInput

DEFAULT_SIZE: Final = 50
MAX_SIZE: Final = 100


@strawberry.type(name="Connection", description="A page of a list.")
class Page(DjangoCursorConnection[relay.NodeType]):
    """Cursors are signed for one order: they hold values of its columns, which go into a WHERE clause."""

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
    ) -> Self:
        """The page that the arguments ask for. Raises InvalidInput for sizes out of range and foreign cursors."""
        first = _checked_size(first, last)
        signer = _signer_of(cast("QuerySet[Any]", nodes))
        found = super().resolve_connection(
            nodes,
            info=info,
            before=_opened(signer, before),
            after=_opened(signer, after),
            first=first,
            last=last,
            **kwargs,
        )
        page = cast("Self", found)  # awaitable only under an asynchronous view
        for edge in page.edges:
            edge.cursor = signer.sign(edge.cursor)
        if page.edges:
            page.page_info.start_cursor = page.edges[0].cursor
            page.page_info.end_cursor = page.edges[-1].cursor
        return page


def _signer_of(rows: QuerySet[Any]) -> Signer:
    return Signer(salt=f"fileman.cursor {rows.query.order_by}")


def _opened(signer: Signer, cursor: str | None) -> str | None:
    try:
        return None if cursor is None else signer.unsign(cursor)
    except (BadSignature, ValueError):
        raise InvalidInput("A cursor must be one that this list handed out in this order.") from None


def _checked_size(first: int | None, last: int | None) -> int | None:
    """`first`, with its default."""
    if first is not None and last is not None:
        raise InvalidInput("Give first or last, not both.")
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 0 <= size <= MAX_SIZE:
            raise InvalidInput(f"{name} must be from 0 to {MAX_SIZE}.")
    return DEFAULT_SIZE if first is None and last is None else first
