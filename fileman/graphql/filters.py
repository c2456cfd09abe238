"""Filters and orders of lists: a few fields by hand, so that each is known to be cheap and safe."""

from datetime import datetime
from enum import Enum

import strawberry
from django.db.models import Q

from fileman import models
from fileman.errors import InvalidInput
from fileman.graphql.ids import group_key_of, uuid_of

_LONGEST_TEXT = 255


@strawberry.input(description="Moments from gte, included, to lt, excluded")
class DateTimeRange:
    gte: datetime | None = None
    lt: datetime | None = None


@strawberry.input
class TextLookup:
    contains: str = strawberry.field(
        description="Upper and lower case count as the same; on SQLite, of the letters A to Z only"
    )


@strawberry.input(description="Fields are combined with and")
class FileFilter:
    upload_status: models.File.Status | None = None
    content_type: str | None = None
    created: DateTimeRange | None = None
    original_filename: TextLookup | None = None
    file_manager: strawberry.ID | None = None
    is_public: bool | None = None
    group_id: strawberry.ID | None = strawberry.field(
        default=None, description="That group's files instead of the viewer's own"
    )
    all: bool | None = strawberry.field(
        default=None, description="Everyone's files, with the view_file permission; nothing without"
    )

    def condition(self) -> Q:
        """What rows must fulfil; groupId and all choose the rows themselves and are not part of it."""
        return _all_of(
            upload_status=self.upload_status,
            content_type=_text(self.content_type, "contentType"),
            created__gte=self.created and self.created.gte,
            created__lt=self.created and self.created.lt,
            original_filename__icontains=self.original_filename
            and _text(self.original_filename.contains, "originalFilename"),
            file_manager=None if self.file_manager is None else uuid_of("FileManager", self.file_manager),
            is_public=self.is_public,
        )


@strawberry.input(description="Fields are combined with and")
class FileManagerFilter:
    backend_type: str | None = None
    is_default: bool | None = None
    name: TextLookup | None = None
    group_id: strawberry.ID | None = None

    def condition(self) -> Q:
        """What rows must fulfil."""
        return _all_of(
            backend_type=_text(self.backend_type, "backendType"),
            is_default=self.is_default,
            name__icontains=self.name and _text(self.name.contains, "name"),
            group=None if self.group_id is None else group_key_of(self.group_id),
        )


def _all_of(**lookups: object) -> Q:
    """The lookups that were given."""
    return Q(**{name: value for name, value in lookups.items() if value is not None})


def _text(value: str | None, name: str) -> str | None:
    """Raises InvalidInput for a text that databases do not take."""
    if value is not None and (len(value) > _LONGEST_TEXT or any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)):
        raise InvalidInput(f"{name} must be a text of at most {_LONGEST_TEXT} characters.", field=("filters", name))
    return value


@strawberry.enum
class Ordering(Enum):
    ASC = ""
    DESC = "-"


@strawberry.input(one_of=True, description="Names stand in the order of the database's collation")
class FileOrder:
    created: strawberry.Maybe[Ordering]
    original_filename: strawberry.Maybe[Ordering]
    file_size: strawberry.Maybe[Ordering]

    def column(self) -> str:
        """As `order_by` takes it."""
        given = {name: getattr(self, name) for name in ("created", "original_filename", "file_size")}
        return next(f"{some.value.value}{name}" for name, some in given.items() if some is not None)


def order_columns(ordering: list[FileOrder]) -> list[str]:
    """Columns for `order_by`, with the primary key as the tie-break in the direction of the last; newest first if none.

    Raises InvalidInput when a field is named twice.
    """
    columns = [order.column() for order in ordering] or ["-created"]
    if len({column.lstrip("-") for column in columns}) < len(columns):
        raise InvalidInput("Order by each field once.", field=("ordering",))
    return [*columns, "-id" if columns[-1].startswith("-") else "id"]
