"""What initiate refuses, through the mutation: each code with its place, and nothing is written.

tests/validation has the values on both sides of each rule; here is one refusal for each code and field.
"""

import pytest

from fileman.models import File, FileManager, StorageUsage
from tests.api import Api
from tests.flows.http_client import Json

GOOD: Json = {"filename": "notes.txt", "size": 5, "contentType": "text/plain"}
REFUSALS: list[tuple[str, str, Json, Json]] = [
    # code, field, what the file manager allows, what is declared
    ("INVALID_FILENAME", "filename", {}, {"filename": "../../etc/passwd"}),
    ("INVALID_FILENAME", "filename", {}, {"filename": "a\0.txt"}),
    ("EMPTY_FILE", "size", {}, {"size": 0}),
    ("FILE_TOO_LARGE", "size", {"max_file_size": 1000}, {"size": 1001}),
    ("FILE_TOO_LARGE", "size", {"max_file_size": 0}, {"size": 5 * 1024**3 + 1}),
    ("INVALID_INPUT", "contentType", {}, {"contentType": "text"}),
    ("EXTENSION_NOT_ALLOWED", "filename", {"allowed_extensions": ["png"]}, {"filename": "shell.php.png"}),
    ("MIME_TYPE_NOT_ALLOWED", "contentType", {"allowed_mime_types": ["image/png", "video/*"]}, {}),
    ("CONTENT_TYPE_MISMATCH", "contentType", {}, {"filename": "page.html", "contentType": "image/png"}),
    ("INVALID_CHECKSUM", "checksum", {}, {"checksum": "md5:123"}),
    ("INVALID_METADATA", "metadata", {}, {"metadata": {"k": "a\0"}}),
    ("PERMISSION_DENIED", "isPublic", {}, {"isPublic": True}),
]


@pytest.mark.parametrize(("code", "field", "allowed", "declared"), REFUSALS)
def test_a_refusal_has_its_code_and_place_and_writes_nothing(
    code: str, field: str, allowed: Json, declared: Json, api: Api, manager: FileManager
) -> None:
    for name, value in allowed.items():
        setattr(manager, name, value)
    manager.save()

    payload = api.initiate({**GOOD, **declared})

    (ticket,) = payload["files"]
    assert [(error["code"], error["field"]) for error in ticket["errors"]] == [(code, ["files", "0", field])]
    assert (payload["success"], payload["errors"]) == (False, [])
    assert (ticket["file"], ticket["uploadToken"], ticket["instructions"]) == (None, None, None)
    assert not File.objects.exists()
    assert not StorageUsage.objects.exclude(bytes=0).exists()


def test_a_peculiar_name_is_mended_and_the_stored_name_is_plain(api: Api, manager: FileManager) -> None:
    """The storage's path contains only letters, digits and hyphens of it."""
    file = api.start(b"x", "u\u0308ber:日本語.txt", contentType="TEXT/Plain; charset=utf-8")["file"]

    assert (file["originalFilename"], file["contentType"]) == ("über_日本語.txt", "text/plain")
    assert set(file["filename"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")


def test_bad_metadata_of_the_batch_refuses_the_request(api: Api, manager: FileManager) -> None:
    payload = api.initiate(GOOD, metadata=[1])

    assert (payload["success"], payload["files"]) == (False, [])
    assert [(e["code"], e["field"]) for e in payload["errors"]] == [("INVALID_METADATA", ["metadata"])]
    assert not File.objects.exists()
