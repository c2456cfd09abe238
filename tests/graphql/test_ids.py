"""Ids are opaque and have one exact form. A malformed id is treated like one that does not exist."""

from base64 import b64encode
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from fileman.graphql.ids import NO_NUMBER, to_group_key, to_uuid
from fileman.models import File, FileManager
from tests.api import Api
from tests.graphql.rows import save_file, save_files

KEY = UUID("0d6ab2f0-4c88-4fb0-8d0d-bd1f2a3b4c5d")


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


WRONG = {
    "empty": "",
    "not base64": "%%%",
    "not ASCII": "é" * 10,
    "surrogate": "\ud800",
    "base64 of bad UTF-8": b64encode(b"\xff\xfe").decode(),
    "no colon": encoded("File"),
    "another type": encoded(f"User:{KEY}"),
    "integer key": encoded("File:1"),
    "upper case": encoded(f"File:{str(KEY).upper()}"),
    "without dashes": encoded(f"File:{KEY.hex}"),
    "braces": encoded(f"File:{{{KEY}}}"),
    "urn": encoded(f"File:urn:uuid:{KEY}"),
    "leading space": encoded(f"File: {KEY}"),
    "trailing line break": encoded(f"File:{KEY}") + "\n",
    "no padding": encoded(f"File:{KEY}").rstrip("="),
    "the key itself": str(KEY),
    "huge": encoded("File:" + "9" * 100_000),
}


@pytest.mark.parametrize("key", ["0", "-1", "01", "1.0", "+1", " 1", "1_0", "٣", "9" * 19, "True", ""])
def test_a_group_key_is_a_plain_positive_number(key: str) -> None:
    assert to_group_key(encoded(f"Group:{key}")) == NO_NUMBER


@pytest.mark.parametrize("name", WRONG)
def test_queries_return_null_for_any_other_spelling_of_an_id(name: str, api: Api, user: User) -> None:
    manager = FileManager.objects.create(pk=KEY, name="Memory", backend_type="memory")
    save_file(manager, user, id=KEY)
    query = "query ($id: ID!) { file(id: $id) { id } fileManager(id: $id) { id } node(id: $id) { id } }"

    assert api.call(query, {"id": WRONG[name]}) == {"file": None, "fileManager": None, "node": None}


def test_node_returns_files_and_managers_by_their_ids(api: Api, user: User, manager: FileManager) -> None:
    file = save_file(manager, user)
    shown = "__typename id ... on File { originalFilename } ... on FileManager { name }"
    query = f"query ($id: ID!) {{ node(id: $id) {{ {shown} }} }}"
    file_id, manager_id = encoded(f"File:{file.pk}"), encoded(f"FileManager:{manager.pk}")

    expected_file = {"__typename": "File", "id": file_id, "originalFilename": "notes.txt"}
    expected_manager = {"__typename": "FileManager", "id": manager_id, "name": "Memory"}
    assert api.call(query, {"id": file_id}) == {"node": expected_file}
    assert api.call(query, {"id": manager_id}) == {"node": expected_manager}


@pytest.mark.parametrize(
    ("mutation", "field"),
    [
        ("updateFile(input: {id: $id})", "id"),
        ("deleteFile(input: {id: $id})", "id"),
        ("refreshUpload(input: {fileId: $id})", "fileId"),
        ('initiateUpload(input: {files: [{filename: "a.txt", size: 1}], fileManagerId: $id})', "fileManagerId"),
        ('initiateUpload(input: {files: [{filename: "a.txt", size: 1}], groupId: $id})', "groupId"),
    ],
)
@pytest.mark.parametrize(
    "id_",
    ["", "nonsense", encoded("File:1"), encoded("File:7b1f4a52-0c1e-4f7a-9d39-8f0c2b6e5a11"), encoded("Group:999999")],
)
def test_mutations_do_not_find_a_wrong_id(mutation: str, field: str, id_: str, api: Api, manager: FileManager) -> None:
    """A malformed fileManagerId does not fall back to the default manager."""
    document = f"mutation ($id: ID!) {{ {mutation} {{ success errors {{ code message field }} }} }}"

    (payload,) = api.call(document, {"id": id_}).values()

    assert payload == {"success": False, "errors": [{"code": "NOT_FOUND", "message": "Not found.", "field": [field]}]}
    assert File.objects.count() == 0


def test_ids_of_files_reveal_no_order(api: Api, user: User, manager: FileManager) -> None:
    """They are random UUIDs, so that nobody can tell how much is uploaded."""
    rows = save_files(manager, user, 100)
    page = api.call("{ files(first: 100) { edges { node { id } } } }")["files"]["edges"]
    keys = [to_uuid("File", edge["node"]["id"]) for edge in page]

    assert keys == [row.pk for row in rows]
    assert {key.version for key in keys} == {4}
    assert sorted(keys) != keys
    assert sorted(keys, reverse=True) != keys
