"""Access at the types: whatever field of a host's schema brings a row, only viewers who may see it get it.

Rows that our own queries or mutations brought have been checked, so they are marked and pay nothing here.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable
from strawberry.types.cast import get_strawberry_type_cast
from strawberry_django.queryset import get_queryset_config
from strawberry_django.resolvers import django_resolver
from strawberry_django.utils.typing import get_django_definition

from fileman.caller import Caller
from fileman.graphql.context import Info, get_caller

Row = TypeVar("Row", bound=Model)
_MARK = "_fileman_checked"


def mark_row(row: Row) -> Row:
    """Mark a row that the viewer may see."""
    vars(row)[_MARK] = True
    return row


def mark_rows(rows: QuerySet[Row]) -> QuerySet[Row]:
    """Return a queryset whose rows are marked: it has only rows that the viewer may see."""
    rows = rows.all()
    rows._iterable_class = _MarkedRows  # noqa: SLF001 - Django has no other hook for rows
    get_queryset_config(rows).type_get_queryset_did_run = True
    return rows


class _MarkedRows(ModelIterable):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[Any]:
        return map(mark_row, super().__iter__())


def _is_visible(cls: type["Guarded"], value: object, info: Any) -> Any:
    """Return True for a row that the viewer may see; under an asynchronous view, an awaitable of it."""
    cast = get_strawberry_type_cast(value)
    if cast is not None and cast is not cls:
        return False
    if not isinstance(value, get_django_definition(cls, strict=True).model):
        return isinstance(value, cls)
    return _MARK in vars(value) or django_resolver(cls.may_see)(get_caller(info), value)


class Guarded:
    """Base of the types of models that have an access rule."""

    find_visible: "ClassVar[staticmethod[[Caller], QuerySet[Any]]]"
    """Return the rows that the caller may see."""
    may_see: "ClassVar[staticmethod[[Caller, Any], bool]]"
    """Apply the rule of `find_visible` to one row."""

    @classmethod
    def get_queryset(cls, queryset: QuerySet[Any], info: Info) -> QuerySet[Any]:
        """Leave out rows that the viewer may not see. strawberry-django calls this for nodes, lists and relations."""
        return mark_rows(queryset.filter(pk__in=cls.find_visible(get_caller(info)).values("pk")))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Set `is_type_of` on each class: strawberry-django would otherwise add one to a host's subclass."""
        super().__init_subclass__(**kwargs)
        cls.is_type_of = classmethod(_is_visible)  # type: ignore[attr-defined]
