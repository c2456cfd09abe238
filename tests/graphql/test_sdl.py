"""The exported SDL is up to date, described in plain English, and has no field for secrets."""

import re
from collections.abc import Iterator
from pathlib import Path

import graphql
from strawberry.printer import print_schema

from schema import schema

SDL = Path(__file__).resolve().parents[2] / "schema" / "schema.graphql"
NEVER = {
    "settings", "uploadState", "etag", "version", "attemptId", "leaseUntil", "location", "backendUrl", "password",
    "email", "secretAccessKey", "accessKeyId", "accountKey", "connectionString", "idempotencyDigest",
}  # fmt: skip


# Words that the descriptions of an API do not use.
ODD = re.compile(r"\b(address|addresses|anew|answers?|besides|fault|faults|told|whatever|whoever)\b", re.IGNORECASE)


def descriptions() -> Iterator[tuple[str, str | None]]:
    """Yield each type, field, argument, input field and enum value with its description."""
    for one in graphql.build_schema(SDL.read_text()).type_map.values():
        if graphql.is_introspection_type(one) or graphql.is_specified_scalar_type(one):
            continue
        yield one.name, one.description
        for name, child in getattr(one, "fields", getattr(one, "values", {})).items():
            yield f"{one.name}.{name}", child.description
            yield from ((f"{one.name}.{name}({key})", taken.description) for key, taken in _arguments(child))


def _arguments(field: object) -> list[tuple[str, graphql.GraphQLArgument]]:
    return list(getattr(field, "args", {}).items())


def fields_by_type() -> dict[str, set[str]]:
    types = graphql.build_schema(SDL.read_text()).type_map.values()
    kinds = (graphql.GraphQLObjectType, graphql.GraphQLInputObjectType, graphql.GraphQLInterfaceType)
    return {one.name: set(one.fields) for one in types if isinstance(one, kinds) and not one.name.startswith("__")}


def test_committed_sdl_is_what_the_code_exports() -> None:
    """`make schema` writes it."""
    assert f"{print_schema(schema)}\n" == SDL.read_text()


def test_everything_has_a_description() -> None:
    assert [name for name, text in descriptions() if not text] == []


def test_descriptions_are_plain_english() -> None:
    assert [(name, text) for name, text in descriptions() if text and ODD.search(text)] == []


def test_no_two_arguments_of_a_field_have_the_same_description() -> None:
    """Strawberry describes `last` as `after`."""
    files = graphql.build_schema(SDL.read_text()).query_type.fields["files"]  # type: ignore[union-attr]
    texts = [argument.description for _, argument in _arguments(files)]

    assert len(set(texts)) == len(texts) == 6


def test_no_type_has_a_field_for_secrets() -> None:
    leaks = {name: fields & NEVER for name, fields in fields_by_type().items() if fields & NEVER}

    assert leaks == {}


def test_a_file_manager_shows_nothing_beyond_the_contract() -> None:
    assert fields_by_type()["FileManager"] == {
        "id", "name", "backendType", "isActive", "isDefault", "supportsDirectUpload", "maxFileSize",
        "maxFilesPerBatch", "allowedExtensions", "allowedMimeTypes", "checksumAlgorithms", "group",
    }  # fmt: skip


def test_users_and_groups_show_only_a_name_and_an_id() -> None:
    assert fields_by_type()["User"] == {"id", "username"}
    assert fields_by_type()["Group"] == {"id", "name"}


def test_upload_tokens_are_returned_only_where_they_are_created() -> None:
    outputs = {name for name, fields in fields_by_type().items() if "uploadToken" in fields and "Input" not in name}

    assert outputs == {"UploadTicket", "RefreshUploadPayload"}


def test_only_files_and_file_managers_are_nodes() -> None:
    built = graphql.build_schema(SDL.read_text())
    node = built.type_map["Node"]
    assert isinstance(node, graphql.GraphQLInterfaceType)

    assert {one.name for one in built.get_possible_types(node)} == {"File", "FileManager"}
