"""The queries, each a field to pick into a Query type. Objects that the viewer may not see are null or absent."""

from typing import Annotated

import strawberry
import strawberry_django
from django.db.models import QuerySet
from strawberry import argument, relay

from fileman import access, models
from fileman.graphql.context import Info, get_caller
from fileman.graphql.filters import FileFilter, FileManagerFilter, FileOrder, to_columns
from fileman.graphql.guard import mark_rows
from fileman.graphql.ids import get_kind, to_group_key, to_uuid
from fileman.graphql.names import prefixed
from fileman.graphql.pages import connection
from fileman.graphql.types import File, FileManager, FileUsage
from fileman.uploads import quota

_ID = Annotated[strawberry.ID, argument(description="The id of the object.")]
_Filters = Annotated[FileFilter | None, argument(description="Conditions that the files must meet.")]
_ManagerFilters = Annotated[
    FileManagerFilter | None, argument(description="Conditions that the file managers must meet.")
]
_ORDERING = "Fields to sort by, the most important first. Empty: newest first."
_Ordering = Annotated[list[FileOrder], argument(description=_ORDERING)]


def _get_file(info: Info, id: _ID) -> QuerySet[models.File]:
    return mark_rows(access.policy().visible_files(get_caller(info)).filter(pk=to_uuid("File", id)))


def _get_file_manager(info: Info, id: _ID) -> QuerySet[models.FileManager]:
    return mark_rows(access.policy().open_managers(get_caller(info)).filter(pk=to_uuid("FileManager", id)))


def _get_files(info: Info, filters: FileFilter) -> QuerySet[models.File]:
    """Return the rows of a list before filtering: the viewer's own, a group's or everyone's."""
    caller = get_caller(info)
    group = None if filters.group_id is None else to_group_key(filters.group_id)
    if filters.all:
        everyones = access.policy().all_files(caller)
        return everyones if group is None else everyones.filter(group=group)
    return access.policy().own_files(caller) if group is None else access.policy().group_files(caller, group)


@strawberry_django.field(
    graphql_type=relay.Node | None,
    description="A file or file manager by its id. Null if it does not exist or the viewer may not see it.",
)
def node(info: Info, id: _ID) -> QuerySet[models.File] | QuerySet[models.FileManager]:
    return _get_file_manager(info, id) if get_kind(id) == prefixed("FileManager") else _get_file(info, id)


file = strawberry_django.field(
    _get_file,
    graphql_type=File | None,
    description="A file by its id. Null if it does not exist or the viewer may not see it; the two look alike. "
    "Completed public files need no sign-in.",
)
file_manager = strawberry_django.field(
    _get_file_manager,
    graphql_type=FileManager | None,
    description="A file manager by its id. Null if it does not exist or the viewer may not upload to it.",
)


@connection(
    File,
    description="The viewer's own files. With filters.groupId, the files of that group. With filters.all and the "
    "view_file permission, the files of all users. Unfinished and failed uploads are listed too, unless the filters "
    "name other states.",
)
def files(
    info: Info,
    filters: _Filters = None,
    ordering: _Ordering = [],  # noqa: B006 - the default of the contract, never changed
) -> QuerySet[models.File]:
    filters = filters or FileFilter()
    columns = to_columns(ordering)
    rows = _get_files(info, filters).filter(filters.to_q()).order_by(*columns)
    # Null has no place in the order, and cursors cannot compare with it.
    is_by_completion = {"completed_at", "-completed_at"} & set(columns)
    return mark_rows(rows.filter(completed_at__isnull=False) if is_by_completion else rows)


@strawberry_django.field(
    graphql_type=FileUsage | None, description="What the viewer's files hold of the quota. Null if nobody is signed in."
)
def file_usage(info: Info) -> FileUsage | None:
    caller = get_caller(info)
    return FileUsage(**vars(quota.get_usage(caller.user)), groups=list(caller.groups)) if caller.is_signed_in else None


@connection(FileManager, description="The file managers that the viewer may upload to, by name.")
def file_managers(info: Info, filters: _ManagerFilters = None) -> QuerySet[models.FileManager]:
    return mark_rows(access.policy().open_managers(get_caller(info)).filter((filters or FileManagerFilter()).to_q()))
