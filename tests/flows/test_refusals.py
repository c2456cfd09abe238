"""What initiate refuses, through the mutation: each with its code and place, and nothing is written."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from fileman.models import File, FileManager, StorageUsage
from tests.api import Api
from tests.flows.conftest import Configure
from tests.flows.http_client import Json

GOOD: Json = {"filename": "notes.txt", "size": 5, "contentType": "text/plain"}
PNG: Json = {"filename": "photo.png", "size": 5, "contentType": "image/png"}

NAMES = {
    "path up": "../../etc/passwd",
    "windows path": "..\\..\\x.txt",
    "absolute": "/etc/passwd",
    "folder": "a/b.txt",
    "full-width solidus": "a\uff0fb.txt",
    "nul": "a\0.txt",
    "line feed": "a\n.txt",
    "c1 control": "a\x85.txt",
    "line separator": "a\u2028.txt",
    "right-to-left override": "a\u202etxt.exe",
    "zero width": "a\u200b.txt",
    "lone surrogate": "a\ud800.txt",
    "empty": "",
    "dot": ".",
    "dots": "..",
    "spaces": "   ",
    "256 bytes": "a" * 252 + ".txt",
    "256 bytes in few characters": "ä" * 126 + ".txt",
}


def refused(api: Api, declared: Json) -> list[tuple[str, list[str]]]:
    """Codes and places of the errors of one file; asserts that nothing was written."""
    payload = api.initiate(declared)
    (ticket,) = payload["files"]
    assert (payload["success"], payload["errors"]) == (False, [])
    assert (ticket["file"], ticket["uploadToken"], ticket["instructions"]) == (None, None, None)
    assert not File.objects.exists()
    assert not StorageUsage.objects.exclude(bytes=0).exists()
    return [(error["code"], error["field"]) for error in ticket["errors"]]


def limit(manager: FileManager, **values: Any) -> None:
    for name, value in values.items():
        setattr(manager, name, value)
    manager.save()


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_name_is_refused(name: str, api: Api, manager: FileManager) -> None:
    assert refused(api, {**GOOD, "filename": NAMES[name]}) == [("INVALID_FILENAME", ["files", "0", "filename"])]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("C:notes.txt", "C_notes.txt"),
        ("nul.tar.gz", "_nul.tar.gz"),
        (".htaccess", "_htaccess"),
        ("notes.txt. ", "notes.txt"),
        ("x.jpg::$DATA", "x.jpg__$DATA"),
        ("%2e%2e%2fpasswd", "%2e%2e%2fpasswd"),
        ("u\u0308ber.txt", "über.txt"),
        ("日本語.txt", "日本語.txt"),
    ],
)
def test_a_peculiar_name_is_mended_and_the_stored_name_is_plain(
    given: str, shown: str, api: Api, manager: FileManager
) -> None:
    """The storage's path has nothing of it but letters, digits and hyphens."""
    file = api.start(b"x", given, contentType="application/octet-stream")["file"]

    assert file["originalFilename"] == shown
    assert set(file["filePath"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789/._-")
    assert file["filePath"] == f"uploads/{file['filename']}"


@pytest.mark.parametrize("size", [0, "0"])
def test_an_empty_file_is_refused_by_its_own_code(size: object, api: Api, manager: FileManager) -> None:
    assert refused(api, {**GOOD, "size": size}) == [("EMPTY_FILE", ["files", "0", "size"])]


@pytest.mark.parametrize("size", [-1, 1.5, True, None, "abc", "-1", 2**53, "9" * 30, [1], {"a": 1}])
def test_what_is_no_size_refuses_the_request(size: object, api: Api, manager: FileManager) -> None:
    """A malformed request, with a code and without a row."""
    answer = api.post(
        "mutation ($input: InitiateUploadInput!) { initiateUpload(input: $input) { success } }",
        {"input": {"files": [{**GOOD, "size": size}]}},
    )

    assert answer.status_code < 500
    assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["GRAPHQL_VALIDATION_FAILED"]
    assert not File.objects.exists()


def test_one_byte_over_the_managers_limit_is_refused(api: Api, manager: FileManager) -> None:
    """The limit itself is accepted."""
    limit(manager, max_file_size=1000)

    assert refused(api, {**GOOD, "size": 1001}) == [("FILE_TOO_LARGE", ["files", "0", "size"])]
    assert api.initiate({**GOOD, "size": 1000})["success"]


def test_without_a_limit_of_its_own_a_manager_has_the_default(
    api: Api, manager: FileManager, configure: Configure
) -> None:
    configure(DEFAULT_MAX_FILE_SIZE=10)

    assert refused(api, {**GOOD, "size": 11}) == [("FILE_TOO_LARGE", ["files", "0", "size"])]
    assert api.initiate({**GOOD, "size": 10})["success"]


def test_zero_is_no_limit_but_that_of_the_storage(api: Api, manager: FileManager) -> None:
    """The ceiling is told before a byte is sent."""
    limit(manager, max_file_size=0)

    assert refused(api, {**GOOD, "size": 5 * 1024**3 + 1}) == [("FILE_TOO_LARGE", ["files", "0", "size"])]
    assert api.initiate({**GOOD, "size": 5 * 1024**3})["success"]


@pytest.mark.parametrize("content_type", ["text", "text/", "/plain", "te xt/plain", "text/plain/x", "a" * 200 + "/b"])
def test_what_is_no_type_is_refused(content_type: str, api: Api, manager: FileManager) -> None:
    assert refused(api, {**GOOD, "contentType": content_type}) == [("INVALID_INPUT", ["files", "0", "contentType"])]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("", "text/plain"), ("TEXT/Plain; charset=utf-8", "text/plain"), ("image/x-png", "image/png")],
)
def test_a_type_is_normalised_or_told_from_the_name(given: str, kept: str, api: Api, manager: FileManager) -> None:
    name = "photo.png" if kept == "image/png" else "notes.txt"

    assert api.start(b"x", name, contentType=given)["file"]["contentType"] == kept


@pytest.mark.parametrize("name", ["notes.exe", "notes", "notes.png.exe", "shell.php.png", "page.html.png", "png"])
def test_an_extension_that_is_not_allowed_or_hides_another_is_refused(
    name: str, api: Api, manager: FileManager
) -> None:
    """Before anything is signed."""
    limit(manager, allowed_extensions=["png", ".JPG"])
    declared = {**PNG, "filename": name, "contentType": "application/octet-stream"}

    assert refused(api, declared) == [("EXTENSION_NOT_ALLOWED", ["files", "0", "filename"])]


@pytest.mark.parametrize("name", ["photo.PNG", "photo.jpg", "photo.v2.png"])
def test_extensions_are_compared_without_case_and_dot(name: str, api: Api, manager: FileManager) -> None:
    limit(manager, allowed_extensions=["png", ".JPG"])

    assert api.initiate({"filename": name, "size": 5})["success"]


@pytest.mark.parametrize("content_type", ["text/plain", "image/svg+xml", "application/octet-stream", "imagepng/x"])
def test_a_type_that_is_not_allowed_is_refused(content_type: str, api: Api, manager: FileManager) -> None:
    limit(manager, allowed_mime_types=["image/png", "video/*"])

    assert refused(api, {**GOOD, "contentType": content_type}) == [
        ("MIME_TYPE_NOT_ALLOWED", ["files", "0", "contentType"])
    ]


@pytest.mark.parametrize("content_type", ["image/png", "IMAGE/PNG;x=1", "video/mp4"])
def test_types_are_compared_without_case_and_parameters(content_type: str, api: Api, manager: FileManager) -> None:
    limit(manager, allowed_mime_types=["image/png", "video/*"])

    assert api.initiate({"filename": "any", "size": 5, "contentType": content_type})["success"]


@pytest.mark.parametrize(
    ("filename", "content_type"), [("page.html", "image/png"), ("photo.png", "text/html"), ("a.pdf", "image/png")]
)
def test_a_type_that_contradicts_the_name_is_refused(
    filename: str, content_type: str, api: Api, manager: FileManager
) -> None:
    assert refused(api, {"filename": filename, "size": 5, "contentType": content_type}) == [
        ("CONTENT_TYPE_MISMATCH", ["files", "0", "contentType"])
    ]


@pytest.mark.parametrize(
    "checksum", ["", "sha256", "d41d8cd98f00b204e9800998ecf8427e", "sha1:" + "0" * 40, "md5:123", "sha256:" + "g" * 64]
)
def test_a_malformed_or_unknown_checksum_is_refused(checksum: str, api: Api, manager: FileManager) -> None:
    assert refused(api, {**GOOD, "checksum": checksum}) == [("INVALID_CHECKSUM", ["files", "0", "checksum"])]


def test_a_checksum_that_nobody_could_verify_is_refused(api: Api, manager: FileManager, configure: Configure) -> None:
    """Too large to be read, and this storage computes none over parts."""
    configure(HASH_READ_MAX_BYTES=10, SINGLE_REQUEST_MAX_BYTES=10)
    declared = {**GOOD, "size": 11, "checksum": "sha256:" + "0" * 64}

    assert refused(api, declared) == [("INVALID_CHECKSUM", ["files", "0", "checksum"])]


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


METADATA: Json = {
    "list": [1],
    "text": "text",
    "number": 5,
    "boolean": True,
    "six levels": _nested(6),
    "51 keys": {f"k{n}": n for n in range(51)},
    "over 8 KiB": {"k": "x" * 8192},
    "nul": {"k": "a\0"},
    "lone surrogate": {"k": "\ud800"},
}


@pytest.mark.parametrize("name", METADATA)
def test_metadata_that_cannot_be_kept_is_refused(name: str, api: Api, manager: FileManager) -> None:
    assert refused(api, {**GOOD, "metadata": METADATA[name]}) == [("INVALID_METADATA", ["files", "0", "metadata"])]


def test_bad_metadata_of_the_batch_refuses_the_request(api: Api, manager: FileManager) -> None:
    payload = api.initiate(GOOD, metadata=[1])

    assert (payload["success"], payload["files"]) == (False, [])
    assert [(e["code"], e["field"]) for e in payload["errors"]] == [("INVALID_METADATA", ["metadata"])]
    assert not File.objects.exists()


def refuse_temporary(request: Any, file_data: Json) -> None:
    """The validator of the documentation's example."""
    if file_data["filename"].startswith("temp_"):
        raise ValidationError("Temporary files are not allowed")


def test_the_words_of_a_custom_validator_reach_the_client(api: Api, manager: FileManager, configure: Configure) -> None:
    configure(UPLOAD_VALIDATORS=[f"{__name__}.refuse_temporary"])

    payload = api.initiate({**GOOD, "filename": "temp_notes.txt"}, GOOD)

    assert [(e["code"], e["message"], e["field"]) for e in payload["files"][0]["errors"]] == [
        ("REJECTED_BY_VALIDATOR", "Temporary files are not allowed", ["files", "0"])
    ]
    assert [file.original_filename for file in File.objects.all()] == ["notes.txt"]


def test_a_file_over_the_quota_refuses_the_request(api: Api, manager: FileManager, configure: Configure) -> None:
    """Pending reservations count, and an abort gives them back."""
    configure(USER_QUOTA_BYTES=8)
    held = api.initiate(GOOD)["files"][0]

    payload = api.initiate({**GOOD, "size": 4})

    assert ([e["code"] for e in payload["errors"]], payload["files"]) == (["QUOTA_EXCEEDED"], [])
    assert (File.objects.count(), StorageUsage.objects.get().bytes) == (1, 5)
    api.abort(held["uploadToken"])
    assert api.initiate({**GOOD, "size": 8})["success"]


def test_one_unfinished_upload_too_many_refuses_the_request(
    api: Api, manager: FileManager, configure: Configure
) -> None:
    configure(MAX_PENDING_UPLOADS=2)
    held, _ = api.initiate(GOOD, GOOD)["files"]

    payload = api.initiate(GOOD)

    assert [(e["code"], e["retryable"]) for e in payload["errors"]] == [("TOO_MANY_PENDING", True)]
    assert (payload["files"], File.objects.count()) == ([], 2)
    api.abort(held["uploadToken"])
    assert api.initiate(GOOD)["success"]
