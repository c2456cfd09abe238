"""What initiate refuses, through the mutation: each code with its place, and nothing is written.

tests/validation has the values on both sides of each rule; here is one refusal for each code and field.
"""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from fileman.models import File, FileManager, StorageUsage
from tests.api import Api
from tests.flows.conftest import Configure
from tests.flows.http_client import Json

GOOD: Json = {"filename": "notes.txt", "size": 5, "contentType": "text/plain"}
REFUSALS: list[tuple[str, str, Json, Json]] = [
    # code, field, what the file manager allows, what is declared
    ("INVALID_FILENAME", "filename", {}, {"filename": "../../etc/passwd"}),
    ("INVALID_FILENAME", "filename", {}, {"filename": "a\0.txt"}),
    ("INVALID_FILENAME", "filename", {}, {"filename": "a\ud800.txt"}),
    ("EMPTY_FILE", "size", {}, {"size": 0}),
    ("EMPTY_FILE", "size", {}, {"size": "0"}),
    ("FILE_TOO_LARGE", "size", {"max_file_size": 1000}, {"size": 1001}),
    ("FILE_TOO_LARGE", "size", {"max_file_size": 0}, {"size": 5 * 1024**3 + 1}),
    ("INVALID_INPUT", "contentType", {}, {"contentType": "text"}),
    ("EXTENSION_NOT_ALLOWED", "filename", {"allowed_extensions": ["png"]}, {"filename": "shell.php.png"}),
    ("MIME_TYPE_NOT_ALLOWED", "contentType", {"allowed_mime_types": ["image/png", "video/*"]}, {}),
    ("CONTENT_TYPE_MISMATCH", "contentType", {}, {"filename": "page.html", "contentType": "image/png"}),
    ("INVALID_CHECKSUM", "checksum", {}, {"checksum": "md5:123"}),
    ("INVALID_METADATA", "metadata", {}, {"metadata": {"k": "a\0"}}),
    ("INVALID_METADATA", "metadata", {}, {"metadata": True}),
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
