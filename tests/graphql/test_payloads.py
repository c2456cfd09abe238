"""The contents of payloads, and the fields that each kind of viewer sees."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fileman.graphql.ids import to_global_id
from fileman.models import File, FileManager
from tests.api import Api
from tests.graphql.rows import save_file


def test_a_ticket_holds_a_pending_file_its_token_and_instructions(api: Api, user: User, manager: FileManager) -> None:
    """tests/flows/test_batches.py has those of refused files."""
    payload = api.initiate({"filename": "a.txt", "size": 3})

    assert (payload["success"], payload["errors"]) == (True, [])
    manager_id = to_global_id("FileManager", manager.pk)
    assert payload["fileManager"] == {"id": manager_id, "name": "Memory", "backendType": "memory"}
    (good,) = payload["files"]
    row = File.objects.get()
    assert (good["index"], good["clientRef"], good["replayed"], good["errors"]) == (0, None, False, [])
    assert good["file"]["id"] == to_global_id("File", row.pk)
    assert good["file"]["uploadStatus"] == "PENDING"
    assert good["file"]["filename"] == row.filename
    assert good["file"]["uploadedBy"] == {"id": to_global_id("User", user.pk), "username": "ann"}
    assert good["file"]["expiresAt"] == row.expires_at.isoformat()
    assert (good["file"]["downloadUrl"], good["file"]["permalink"], good["file"]["completedAt"]) == (None, None, None)
    (request,) = good["instructions"]["requests"]
    assert (request["partNumber"], request["offset"], request["length"]) == (1, 0, 3)
    assert request["method"] == "PUT"
    assert request["url"].startswith("http://testserver/fileman/upload/")
    assert (request["fields"], request["fileField"]) == ([], None)
    assert all(set(header) == {"name", "value"} for header in request["headers"])
    assert (good["instructions"]["totalParts"], good["instructions"]["hasMore"]) == (1, False)


def test_refresh_by_id_returns_the_token_and_refresh_by_token_none(api: Api, manager: FileManager) -> None:
    """And they write nothing."""
    ticket = api.start(b"hello")
    before = File.objects.values().get()

    with CaptureQueriesContext(connection) as captured:
        by_id = api.refresh(fileId=ticket["file"]["id"])
        by_token = api.refresh(uploadToken=by_id["uploadToken"])

    assert by_id["success"] is by_token["success"] is True
    assert by_id["uploadToken"] == ticket["uploadToken"]
    assert by_token["uploadToken"] is None
    assert {query["sql"].split()[0] for query in captured} == {"SELECT"}
    assert File.objects.values().get() == before
    assert len(by_token["instructions"]["requests"]) == 1


class TestVisibleFields:
    @pytest.fixture
    def file(self, user: User, manager: FileManager) -> File:
        return save_file(manager, user, is_public=True, metadata={"a": 1})

    def seen(self, api: Api, file: File) -> dict[str, Any]:
        shown = api.file(to_global_id("File", file.pk))
        assert shown is not None
        return shown

    def test_the_manager_is_null_when_the_viewer_may_not_use_it(self, user: User, group: Group, stranger: Api) -> None:
        foreign = FileManager.objects.create(name="Editors", backend_type="memory", group=group)
        file = save_file(foreign, user, is_public=True)

        shown = self.seen(stranger, file)

        assert shown["fileManager"] is None
        assert shown["downloadUrl"] is not None

    def test_an_inactive_manager_is_null_and_its_files_stay_readable(self, file: File, api: Api) -> None:
        FileManager.objects.update(is_active=False)

        shown = self.seen(api, file)

        assert shown["fileManager"] is None
        assert shown["downloadUrl"] is not None

    @pytest.mark.parametrize("status", [File.PENDING, File.FAILED, File.EXPIRED, File.ABORTED])
    def test_only_completed_files_have_urls(self, status: str, api: Api, user: User, manager: FileManager) -> None:
        reason = "It failed." if status == File.FAILED else ""
        file = save_file(manager, user, upload_status=status, completed_at=None, failure_reason=reason)

        shown = self.seen(api, file)

        assert (shown["downloadUrl"], shown["permalink"]) == (None, None)
        assert shown["failureReason"] == (reason or None)
        assert (shown["expiresAt"] is not None) is (status == File.PENDING)


def test_a_file_manager_shows_its_limits(api: Api, db: None) -> None:
    limits = {"max_file_size": 3 * 1024**3, "allowed_extensions": ["png"], "allowed_mime_types": ["image/*"]}
    manager = FileManager.objects.create(name="Pictures", backend_type="memory", **limits)
    query = """query ($id: ID!) { fileManager(id: $id) {
      name backendType isActive isDefault supportsDirectUpload maxFileSize maxFilesPerBatch allowedExtensions
      allowedMimeTypes small: checksumAlgorithms(forSize: 5) any: checksumAlgorithms group { id }
    } }"""

    shown = api.call(query, {"id": to_global_id("FileManager", manager.pk)})["fileManager"]

    assert "sha256" in shown.pop("small")
    assert isinstance(shown.pop("any"), list)
    states = {"isActive": True, "isDefault": False, "supportsDirectUpload": False, "group": None}
    sizes = {"maxFileSize": 3 * 1024**3, "maxFilesPerBatch": 50}
    lists = {"allowedExtensions": ["png"], "allowedMimeTypes": ["image/*"]}
    assert shown == {"name": "Pictures", "backendType": "memory", **states, **sizes, **lists}


def test_responses_have_no_settings_and_no_digests(api: Api, tmp_path: Any, local_manager: FileManager) -> None:
    ticket = api.start(b"hello")
    responses = json.dumps([ticket, api.refresh(uploadToken=ticket["uploadToken"]), api.file(ticket["file"]["id"])])

    assert str(tmp_path) not in responses
    assert File.objects.get().upload_token not in responses
