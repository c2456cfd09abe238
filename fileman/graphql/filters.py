"""Filters and orderings of lists. Few fields, listed by hand, so that each is known to be cheap and safe."""

from datetime import UTC, datetime

import strawberry
from django.db.models import Q

from fileman import models
from fileman.errors import InvalidInput
from fileman.graphql.enums import FileOrdering
from fileman.graphql.fields import field, optional
from fileman.graphql.ids import to_group_key, to_uuid
from fileman.validation import content_types, filenames

_MAX_LENGTH = 255


@strawberry.input(description="A range of time.")
class FileDateTimeRange:
    gte: datetime | None = optional("Start of the range, included.")
    lt: datetime | None = optional("End of the range, excluded.")


@strawberry.input(description="A condition on a string.")
class FileTextLookup:
    contains: str = field("A part of the string. Case is ignored; on SQLite, for the letters A to Z only.")


@strawberry.input(description="Conditions on files. A file must meet all of them.")
class FileFilter:
    upload_status: models.File.Status | None = optional("Files in this state.")
    upload_status_in: list[models.File.Status] | None = optional(
        "Files in one of these states. Without a condition on the state, lists show all."
    )
    content_type: str | None = optional("Files of this content type, such as image/png, or of this family: image/*.")
    created: FileDateTimeRange | None = optional("Files created in this range of time.")
    original_filename: FileTextLookup | None = optional("Files whose original filename matches.")
    file_manager: strawberry.ID | None = optional("Files of this file manager.")
    is_public: bool | None = optional("Only public, or only private files.")
    group_id: strawberry.ID | None = optional("Files of this group, in place of the viewer's own.")
    all: bool | None = optional(
        "True: files of all users, in place of the viewer's own. Empty without the view_file permission."
    )

    def to_q(self) -> Q:
        """Return the condition on rows, without groupId and all, which choose the rows themselves."""
        content_type = content_types.canonical((_check_text(self.content_type, "contentType") or "").strip().lower())
        is_family = content_type.endswith("/*")
        return _combine(
            upload_status=self.upload_status,
            upload_status__in=self.upload_status_in,
            content_type=None if is_family or self.content_type is None else content_type,
            content_type__startswith=content_type[:-1] if is_family else None,
            created__gte=self.created and _to_aware(self.created.gte),
            created__lt=self.created and _to_aware(self.created.lt),
            original_filename__icontains=self.original_filename
            and filenames.search_term(_check_text(self.original_filename.contains, "originalFilename") or ""),
            file_manager=None if self.file_manager is None else to_uuid("FileManager", self.file_manager),
            is_public=self.is_public,
        )


@strawberry.input(description="Conditions on file managers. A file manager must meet all of them.")
class FileManagerFilter:
    backend_type: str | None = optional("File managers of this backend type.")
    is_default: bool | None = optional("Only defaults, or only others.")
    name: FileTextLookup | None = optional("File managers whose name matches.")
    group_id: strawberry.ID | None = optional("File managers of this group.")

    def to_q(self) -> Q:
        """Return the condition on rows."""
        return _combine(
            backend_type=_check_text(self.backend_type, "backendType"),
            is_default=self.is_default,
            name__icontains=self.name and _check_text(self.name.contains, "name"),
            group=None if self.group_id is None else to_group_key(self.group_id),
        )


def _combine(**lookups: object) -> Q:
    return Q(**{name: value for name, value in lookups.items() if value is not None})


def _to_aware(moment: datetime | None) -> datetime | None:
    """Return the moment. The DateTime of a host's schema may let one without an offset pass: it is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _check_text(value: str | None, name: str) -> str | None:
    """Return the value. Raises InvalidInput for strings that databases refuse: too long, with NUL or surrogates."""
    if value is not None and (len(value) > _MAX_LENGTH or any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)):
        raise InvalidInput(f"{name} must be a string of at most {_MAX_LENGTH} characters.", field=("filters", name))
    return value


@strawberry.input(
    one_of=True, description="Exactly one field to sort by. Strings are sorted by the database's collation."
)
class FileOrder:
    created: strawberry.Maybe[FileOrdering] = field("By time of creation.")
    original_filename: strawberry.Maybe[FileOrdering] = field("By original filename.")
    file_size: strawberry.Maybe[FileOrdering] = field("By size.")
    completed_at: strawberry.Maybe[FileOrdering] = field("By time of completion. Only completed files are listed.")

    def to_column(self) -> str:
        """Return the column, as `order_by` takes it."""
        return next(f"{some.value.value}{name}" for name, some in vars(self).items() if some is not None)


def to_columns(ordering: list[FileOrder]) -> list[str]:
    """Return columns for `order_by`, newest first by default. The primary key, in the last direction, breaks ties.

    Raises InvalidInput if a field is named twice.
    """
    columns = [order.to_column() for order in ordering] or ["-created"]
    if len({column.lstrip("-") for column in columns}) < len(columns):
        raise InvalidInput("Pass each field of ordering only once.", field=("ordering",))
    return [*columns, "-id" if columns[-1].startswith("-") else "id"]
