"""Every path from the schema's roots to a file or file manager, tried by a user who may see none."""

from collections.abc import Iterator
from typing import Any

import graphql
import pytest
from django.contrib.auth.models import Group, User

from fileman.graphql.ids import to_global_id
from fileman.models import File, FileManager
from tests.api import Api
from tests.graphql.test_sdl import SDL

SCHEMA: graphql.GraphQLSchema = graphql.build_schema(SDL.read_text())
SECRET_TYPES = {"File", "FileManager"}


def leads_to_secrets(field: graphql.GraphQLField) -> bool:
    """Return True if a selection below this field can reach a file or a file manager."""
    waiting, seen = [graphql.get_named_type(field.type)], set()
    while waiting:
        one = waiting.pop()
        if one.name in SECRET_TYPES or isinstance(one, graphql.GraphQLInterfaceType):
            return True
        if one.name not in seen and isinstance(one, graphql.GraphQLObjectType):
            seen.add(one.name)
            waiting += [graphql.get_named_type(inner.type) for inner in one.fields.values()]
    return False


def roots(kind: graphql.GraphQLObjectType | None) -> dict[str, graphql.GraphQLField]:
    assert kind is not None
    return {name: field for name, field in kind.fields.items() if leads_to_secrets(field)}


def handles(fields: Any) -> list[str]:
    """Return the arguments or input fields that name an existing object."""
    kinds = {name: graphql.get_named_type(one.type).name for name, one in fields.items()}
    return [name for name, kind in kinds.items() if kind == "ID" or name == "uploadToken"]


def by_id() -> list[str]:
    return [name for name, field in roots(SCHEMA.query_type).items() if "id" in field.args]


def lists() -> Iterator[tuple[str, str | None]]:
    """Yield each list, without a filter and with each filter that names an object."""
    for name, field in roots(SCHEMA.query_type).items():
        if "id" not in field.args:
            filters = graphql.get_named_type(field.args["filters"].type)
            assert isinstance(filters, graphql.GraphQLInputObjectType)
            yield from ((name, handle) for handle in (None, *handles(filters.fields)))


def mutations() -> Iterator[tuple[str, str]]:
    """Yield each mutation, with each input field that names an object."""
    assert SCHEMA.mutation_type is not None
    for name, field in SCHEMA.mutation_type.fields.items():
        taken = graphql.get_named_type(field.args["input"].type)
        assert isinstance(taken, graphql.GraphQLInputObjectType)
        yield from ((name, handle) for handle in handles(taken.fields))


@pytest.fixture
def foreign(api: Api, user: User, group: Group) -> dict[str, str]:
    """Return handles of ann's objects, which bob knows, by the input fields that take them."""
    user.groups.add(group)
    manager = FileManager.objects.create(name="Editors", backend_type="memory", group=group)
    ids = {"fileManagerId": to_global_id("FileManager", manager.pk), "groupId": to_global_id("Group", group.pk)}
    ticket = api.start(b"hello", **ids)
    file_id = ticket["file"]["id"]
    handles = {**ids, "fileManager": ids["fileManagerId"], "id": file_id, "fileId": file_id}
    return {**handles, "ids": file_id, "uploadToken": ticket["uploadToken"]}


def test_the_walk_misses_no_root() -> None:
    assert by_id() == ["node", "file", "fileManager"]
    assert {name for name, _ in lists()} == {"files", "fileManagers"}
    assert {name for name, _ in mutations()} == set(SCHEMA.mutation_type.fields)  # type: ignore[union-attr]


@pytest.mark.parametrize("root", by_id())
@pytest.mark.parametrize("handle", ["id", "fileManagerId"])
def test_objects_by_their_id_are_null(root: str, handle: str, stranger: Api, foreign: dict[str, str]) -> None:
    assert stranger.call(f'{{ {root}(id: "{foreign[handle]}") {{ id }} }}') == {root: None}


@pytest.mark.parametrize(("root", "handle"), list(lists()))
def test_lists_are_empty(root: str, handle: str | None, stranger: Api, foreign: dict[str, str]) -> None:
    filters = f'(filters: {{ {handle}: "{foreign[handle]}" }})' if handle else ""

    assert stranger.call(f"{{ {root}{filters} {{ totalCount edges {{ node {{ id }} }} }} }}") == {
        root: {"totalCount": 0, "edges": []}
    }


@pytest.mark.parametrize(("root", "handle"), list(mutations()))
def test_mutations_find_and_change_nothing(root: str, handle: str, stranger: Api, foreign: dict[str, str]) -> None:
    before = list(File.objects.values())
    files = {"files": [{"filename": "a.txt", "size": 1}]} if root == "initiateUpload" else {}
    given = {handle: foreign[handle], **files}
    taken = f"{root[0].upper()}{root[1:]}Input"

    document = f"mutation ($input: {taken}!) {{ {root}(input: $input) {{ success errors {{ code message field }} }} }}"
    (payload,) = stranger.call(document, {"input": given}).values()

    field = ["ids", "0"] if handle == "ids" else [handle]  # GraphQL takes one value for a list
    assert payload == {"success": False, "errors": [{"code": "NOT_FOUND", "message": "Not found.", "field": field}]}
    assert list(File.objects.values()) == before
