"""Values that the input types accept, and values that refuse the request before anything happens."""

from typing import Any

import pytest

from fileman.models import File, FileManager
from tests.api import Api, error

INITIATE = """
  mutation ($input: InitiateUploadInput!) { initiateUpload(input: $input) {
    success errors { code field } files { file { fileSize metadata } errors { code field } }
  } }
"""


def declared(**over: Any) -> dict[str, Any]:
    return {"input": {"files": [{"filename": "a.txt", "size": 1, **over}]}}


@pytest.fixture(autouse=True)
def _unlimited(manager: FileManager) -> None:
    FileManager.objects.filter(pk=manager.pk).update(max_file_size=0)


SIZES = [
    -1, 0.5, 1.0, 1e3, True, "", "-1", "+1", "1.0", "0x1", " 1", "1_0", "٣", "9" * 17, 2**53, 10**400, [1], {}, None,
]  # fmt: skip
OTHERS = [{"filename": 1}, {"filename": None}, {"isPublic": "yes"}, {"checksum": ["md5"]}, {"path": "/etc/passwd"}]


@pytest.mark.parametrize("fields", [*({"size": size} for size in SIZES), *OTHERS])
def test_impossible_sizes_wrong_types_and_unknown_fields_refuse_the_request(fields: dict[str, Any], api: Api) -> None:
    body = api.post(INITIATE, declared(**fields)).json()

    assert "data" not in body
    assert body["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert File.objects.count() == 0


@pytest.mark.parametrize("literal", ["-1", "1.5", '"x"', "true", "[1]", "{}", "9" * 5000, "1e3"])
def test_an_impossible_literal_refuses_the_request(literal: str, api: Api) -> None:
    declared = f'{{filename: "a.txt", size: {literal}}}'

    body = api.post(f"mutation {{ initiateUpload(input: {{files: [{declared}]}}) {{ success }} }}").json()

    assert "data" not in body
    assert {error["extensions"]["code"] for error in body["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(("size", "stored"), [(1, 1), ("7", 7), (2**31, 2**31), (str(2**31 + 1), 2**31 + 1)])
def test_byte_counts_are_numbers_or_strings_and_are_returned_as_numbers(size: object, stored: int, api: Api) -> None:
    """Also beyond 2^31, where GraphQL's Int ends."""
    payload = api.call(INITIATE, declared(size=size))["initiateUpload"]

    assert payload["files"][0]["file"] == {"fileSize": stored, "metadata": {}}


@pytest.mark.parametrize(
    "metadata",
    [[], "text", 5, True, [{}], {"a": "\0"}, {"a": "\ud800"}, {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}},
     {"a": "x" * 9000}],
)  # fmt: skip
@pytest.mark.parametrize("key", [None, "k"])
def test_bad_metadata_is_an_error_of_its_ticket(metadata: object, key: str | None, api: Api) -> None:
    """Also with an idempotency key, whose digest covers the whole input."""
    variables = declared(metadata=metadata)
    variables["input"]["idempotencyKey"] = key

    ticket = api.call(INITIATE, variables)["initiateUpload"]["files"][0]

    assert ticket == {"file": None, "errors": [{"code": "INVALID_METADATA", "field": ["files", "0", "metadata"]}]}


def test_infinite_numbers_in_metadata_literals_are_refused(api: Api) -> None:
    """1e999 is parsed as infinity."""
    document = """mutation { initiateUpload(input: {files: [{filename: "a.txt", size: 1, metadata: {a: 1e999}}]}) {
      files { errors { code } }
    } }"""

    assert api.call(document)["initiateUpload"]["files"][0]["errors"] == [{"code": "INVALID_METADATA"}]


@pytest.mark.parametrize("fields", [{}, {"uploadToken": "x", "fileId": "x"}, {"uploadToken": None}])
def test_refresh_needs_exactly_one_of_token_and_id(fields: dict[str, Any], api: Api) -> None:
    assert [error["code"] for error in api.refresh(**fields)["errors"]] == ["INVALID_INPUT"]


@pytest.mark.parametrize("token", ["", "x", "\0", "\ud800", "x" * 100_000])
def test_an_unknown_token_is_not_found(token: str, api: Api) -> None:
    for payload in (api.refresh(uploadToken=token), api.finalize(token), api.abort(token)):
        assert (payload["success"], payload["errors"]) == (False, [error("NOT_FOUND", "Not found.", ["uploadToken"])])


class TestUpdate:
    @pytest.fixture
    def file_id(self, api: Api) -> str:
        id_: str = api.upload(b"x", metadata={"a": 1})["id"]
        return id_

    @pytest.mark.parametrize("fields", [{}, {"originalFilename": None, "isPublic": None}], ids=["absent", "null"])
    def test_absent_fields_and_null_change_nothing(self, fields: dict[str, None], file_id: str, api: Api) -> None:
        file = api.update(file_id, **fields)["file"]

        assert (file["originalFilename"], file["metadata"], file["isPublic"]) == ("notes.txt", {"a": 1}, False)

    def test_metadata_is_replaced_and_null_empties_it(self, file_id: str, api: Api) -> None:
        assert api.update(file_id, metadata={"b": 2})["file"]["metadata"] == {"b": 2}
        assert api.update(file_id, metadata=None)["file"]["metadata"] == {}
