"""The exported SDL: up to date, and without a place where secrets could come out."""

from pathlib import Path

from graphql import GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, build_schema
from strawberry.printer import print_schema

from schema import schema

SDL = Path(__file__).resolve().parents[2] / "schema" / "schema.graphql"
NEVER = {
    "settings", "uploadState", "etag", "version", "attemptId", "leaseUntil", "location", "backendUrl", "password",
    "email", "secretAccessKey", "accessKeyId", "accountKey", "connectionString", "idempotencyDigest",
}  # fmt: skip


def fields_by_type() -> dict[str, set[str]]:
    types = build_schema(SDL.read_text()).type_map.values()
    kinds = (GraphQLObjectType, GraphQLInputObjectType, GraphQLInterfaceType)
    return {one.name: set(one.fields) for one in types if isinstance(one, kinds) and not one.name.startswith("__")}


def test_committed_sdl_is_what_the_code_exports() -> None:
    """`make schema` writes it."""
    assert f"{print_schema(schema)}\n" == SDL.read_text()


def test_no_type_has_a_field_for_secrets() -> None:
    """Settings, states and keys cannot be asked for."""
    leaks = {name: fields & NEVER for name, fields in fields_by_type().items() if fields & NEVER}

    assert leaks == {}


def test_a_file_manager_shows_nothing_beyond_the_contract() -> None:
    assert fields_by_type()["FileManager"] == {
        "id", "name", "backendType", "isActive", "isDefault", "supportsDirectUpload", "maxFileSize",
        "maxFilesPerBatch", "allowedExtensions", "allowedMimeTypes", "checksumAlgorithms", "group",
    }  # fmt: skip


def test_users_and_groups_show_a_name_and_an_id() -> None:
    assert fields_by_type()["User"] == {"id", "username"}
    assert fields_by_type()["Group"] == {"id", "name"}


def test_upload_tokens_come_out_only_where_they_are_made() -> None:
    """In a ticket and in the answer of refreshUpload."""
    outputs = {name for name, fields in fields_by_type().items() if "uploadToken" in fields and "Input" not in name}

    assert outputs == {"UploadTicket", "RefreshUploadPayload"}


def test_only_files_and_file_managers_are_nodes() -> None:
    """No other type can be reached by a global id."""
    built = build_schema(SDL.read_text())
    node = built.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)

    assert {one.name for one in built.get_possible_types(node)} == {"File", "FileManager"}
