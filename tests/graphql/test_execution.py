"""Responses do not depend on the plans of our executor: each is compared with that of strawberry's own."""

import json
from enum import Enum
from typing import Annotated, Any
from unittest.mock import Mock

import pytest
import strawberry
import strawberry_django
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from graphql.execution.executor import Executor
from strawberry import relay
from strawberry.extensions import ParserCache, SchemaExtension
from strawberry.scalars import JSON
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry_django.optimizer import DjangoOptimizerExtension

from fileman.graphql.execution import PlannedExecution
from fileman.models import FileManager
from schema import schema
from tests.api import Api


class Shout(SchemaExtension):
    def resolve(self, _next: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        value = _next(root, info, *args, **kwargs)
        return f"{value}!" if isinstance(value, str) else value


@strawberry.enum
class Color(Enum):
    RED = "red"


@strawberry.interface
class Animal:
    name: str


@strawberry.type
class Dog(Animal):
    barks: bool = True


@strawberry.type
class Cat(Animal):
    @classmethod
    def is_type_of(cls, value: object, info: object) -> bool:
        return isinstance(value, Cat) and value.name != "stray"


@strawberry_django.type(Group)
class Team:
    name: strawberry.auto


@strawberry.type
class Odd:
    """Values that are not what the type of the field says, among others that are."""

    text: str = "a"
    number: int = 1
    maybe: int | None = None
    absent: int = strawberry.field(default=None)
    wrong: int | None = strawberry.field(default="x")
    error: int | None = strawberry.field(default_factory=lambda: ValueError("kept"))
    color: Color = Color.RED
    colors: list[Color | None] = strawberry.field(default_factory=lambda: [Color.RED, "blue"])
    numbers: list[int | None] = strawberry.field(default_factory=lambda: [1, "2", None])
    some: set[str] | None = strawberry.field(graphql_type=list[str] | None, default_factory=lambda: {"a"})
    listless: int | None = strawberry.field(graphql_type=list[int] | None, default=5)
    grid: list[list[int]] = strawberry.field(default_factory=lambda: [[1], [2, 3]])
    animals: list[Animal] = strawberry.field(default_factory=lambda: [Dog(name="Rex"), Cat(name="Tom")])
    pet: Annotated[Dog | Cat, strawberry.union("Pet")] = strawberry.field(default_factory=lambda: Cat(name="Tom"))
    cats: list[Cat | None] = strawberry.field(
        default_factory=lambda: [Cat(name="Tom"), Cat(name="stray"), Cat(name=None)]  # type: ignore[arg-type]
    )
    cat: Cat | None = strawberry.field(default_factory=lambda: Dog(name="Rex"))
    teams: QuerySet[Group] = strawberry.field(graphql_type=list[Team], default_factory=Group.objects.all)

    @strawberry.field
    def inner(self) -> "Odd":
        return Odd(number=self.number + 1)

    @strawberry.field
    @staticmethod
    def rows(root: strawberry.Parent["Odd"]) -> list["Odd | None"]:
        return [Odd(number=root.number + 1), Odd(number="x")]  # type: ignore[arg-type]

    @strawberry_django.field(graphql_type=Team | None)  # type: ignore[untyped-decorator]
    @staticmethod
    def team(root: strawberry.Parent["Odd"]) -> object:
        return Group.objects.all()

    @strawberry.field
    @classmethod
    def path(cls, info: strawberry.Info) -> str:
        return f"{cls.__name__} {info.path.as_list()} {info.variable_values}"

    @strawberry.field
    def failing(self) -> int | None:
        raise LookupError("failed")

    @strawberry.field
    def times(self, by: int = 2) -> int:
        return self.number * by

    @strawberry.field
    @staticmethod
    def told(
        root: strawberry.Parent["Odd"],
        info: strawberry.Info,
        color: Color = Color.RED,
        note: strawberry.Maybe[str | None] = None,
        id: relay.GlobalID | None = None,
    ) -> str:
        return f"{root.number} {info.field_name} {info.path.as_list()} {color!r} {note!r} {id!r}"

    @strawberry.field
    def grown(self, numbers: list[int] = [1], other: JSON | None = None) -> str:  # noqa: B006 - as schemas have it
        numbers.append(self.number)
        return f"{numbers} {other}"


@strawberry.type
class Query:
    @strawberry.field
    def odd(self) -> Odd | None:
        return Odd()


NAMES = [field.name for field in Odd.__strawberry_definition__.fields]  # type: ignore[attr-defined]
BELOW = dict.fromkeys(("animals", "cats", "cat", "team", "teams"), "{ name __typename }") | {
    "pet": "{ __typename ... on Animal { name } ... on Dog { barks } }",
    "inner": "{ number }",
    "rows": "{ number maybe }",
}
DOCUMENTS = [
    *(f"{{ odd {{ text {name} {BELOW.get(name, '')} number }} }}" for name in map(str, NAMES)),
    "{ odd { inner { inner { absent text } failing } rows { failing inner { absent } } number } }",
    "{ odd { a: number ...F inner { m: maybe } again: inner { ...F } } } fragment F on Odd { inner { text ...G } }"
    " fragment G on Odd { number path rows { number path } }",
    "query ($yes: Boolean!) { odd { text @skip(if: $yes) inner { number @include(if: $yes) text } } }",
    "query ($by: Int!) { odd { times(by: $by) other: times inner { times(by: 5) path } } }",
    '{ odd { rows { told(color: RED, note: null) } inner { told(id: "bad") } told(note: "a", id: "VXNlcjox") } }',
    "query ($by: JSON) { odd { grown inner { grown(numbers: [7], other: {a: [$by]}) } again: grown(other: $by) } }",
]


def respond(executor: type, document: str, *, is_async: bool, extension: type[SchemaExtension]) -> str:
    """Return two responses of one schema, which differ by their variables, while the document is the same."""
    extensions = [extension, ParserCache]
    schema = strawberry.Schema(Query, types=[Dog, Cat], extensions=extensions, execution_context_class=executor)
    schema.process_errors = lambda *_: None  # type: ignore[method-assign]
    execute = async_to_sync(schema.execute) if is_async else schema.execute_sync
    results = [execute(document, {"by": number, "yes": number == 3}) for number in (3, 4)]
    return json.dumps([[one.data, [error.formatted for error in one.errors or []]] for one in results])


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("extension", [DjangoOptimizerExtension, Shout])
def test_the_response_is_strawberrys(document: str, is_async: bool, extension: type[SchemaExtension], db: None) -> None:
    Group.objects.create(name="editors")

    ours, theirs = (
        respond(executor, document, is_async=is_async, extension=extension)
        for executor in (PlannedExecution, StrawberryGraphQLCoreExecutionContext)
    )

    assert ours == theirs


@pytest.mark.parametrize("value", [None, 1, [1, None], QuerySet(Group), iter("ab"), LookupError("returned"), print])
def test_no_resolver_is_called_twice(value: object, db: None) -> None:
    """Whatever it returns, and whether or not a plan is enough for that. It may count, or query the database."""
    called: list[str] = []

    def note(name: str) -> object:
        called.append(name)
        return value

    @strawberry.type
    class Noted:
        numbers: list[int] | None = strawberry.field(resolver=lambda: note("numbers"))  # type: ignore[assignment]

        @strawberry_django.field(graphql_type=list[Team] | None)  # type: ignore[untyped-decorator]
        @staticmethod
        def teams(root: strawberry.Parent[Any]) -> object:
            return note("teams")

        @strawberry_django.field(graphql_type=int | None)  # type: ignore[untyped-decorator]
        @staticmethod
        def number(root: strawberry.Parent[Any]) -> object:
            return note("number")

    @strawberry.type
    class Root:
        noted: Noted = strawberry.field(resolver=Noted)

    schema = strawberry.Schema(Root, extensions=[DjangoOptimizerExtension], execution_context_class=PlannedExecution)
    schema.execute_sync("{ noted { numbers teams { name } number } }")

    assert called == ["numbers", "teams", "number"]


def test_the_library_executes_few_fields(api: Api, manager: FileManager, monkeypatch: pytest.MonkeyPatch) -> None:
    executed = Mock(side_effect=Executor.execute_field)
    monkeypatch.setattr(schema, "execution_context_class", PlannedExecution)
    monkeypatch.setattr(Executor, "execute_field", lambda *arguments: executed(*arguments))

    api.initiate(*[{"filename": "a.txt", "size": 5}] * 2)

    # The field of a variable.
    assert {call.args[4].key for call in executed.mock_calls} == {"initiateUpload"}
