"""Reading. Nothing here raises for access: what the viewer may not see is null or absent."""

import strawberry
import strawberry_django
from django.db.models import QuerySet
from strawberry import relay

from fileman import access, models
from fileman.graphql.context import Info
from fileman.graphql.filters import FileFilter, FileManagerFilter, FileOrder, order_columns
from fileman.graphql.ids import group_key_of, kind_of, uuid_of
from fileman.graphql.pages import Page
from fileman.graphql.types import File, FileManager, User


def _file(info: Info, id: str) -> QuerySet[models.File]:
    return access.visible_files(info.context.caller).filter(pk=uuid_of("File", id))


def _file_manager(info: Info, id: str) -> QuerySet[models.FileManager]:
    return access.open_managers(info.context.caller).filter(pk=uuid_of("FileManager", id))


def _listed(info: Info, filters: FileFilter) -> QuerySet[models.File]:
    """The rows that a list is about: the viewer's own, a group's, or everyone's."""
    caller = info.context.caller
    group = None if filters.group_id is None else group_key_of(filters.group_id)
    if filters.all:
        everyones = access.all_files(caller)
        return everyones if group is None else everyones.filter(group=group)
    return access.own_files(caller) if group is None else access.group_files(caller, group)


@strawberry.type
class Query:
    @strawberry_django.field(graphql_type=relay.Node | None)
    @staticmethod
    def node(info: Info, id: strawberry.ID) -> QuerySet[models.File] | QuerySet[models.FileManager]:
        return _file_manager(info, id) if kind_of(id) == "FileManager" else _file(info, id)

    @strawberry_django.field(graphql_type=User | None, description="Who is signed in; null when nobody")
    @staticmethod
    def viewer(info: Info) -> object:
        caller = info.context.caller
        return caller.user if caller.is_signed_in else None

    @strawberry_django.field(
        graphql_type=File | None,
        description="Null when it does not exist or the viewer may not see it: the two look alike. "
        "Public completed files need no sign-in.",
    )
    @staticmethod
    def file(info: Info, id: strawberry.ID) -> QuerySet[models.File]:
        return _file(info, id)

    @strawberry_django.connection(
        Page[File],
        description="The viewer's own; filters.groupId: that group's; filters.all: everyone's, with the view_file "
        "permission.",
    )
    @staticmethod
    def files(
        info: Info,
        filters: FileFilter | None = None,
        ordering: list[FileOrder] = [],  # noqa: B006 - the default of the contract, never changed
    ) -> QuerySet[models.File]:
        filters = filters or FileFilter()
        return _listed(info, filters).filter(filters.condition()).order_by(*order_columns(ordering))

    @strawberry_django.field(graphql_type=FileManager | None)
    @staticmethod
    def file_manager(info: Info, id: strawberry.ID) -> QuerySet[models.FileManager]:
        return _file_manager(info, id)

    @strawberry_django.connection(Page[FileManager], description="The managers that the viewer may upload to.")
    @staticmethod
    def file_managers(info: Info, filters: FileManagerFilter | None = None) -> QuerySet[models.FileManager]:
        rows = access.open_managers(info.context.caller)
        return rows.filter((filters or FileManagerFilter()).condition())
