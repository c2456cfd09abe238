"""The contents of payloads, and the fields that each kind of viewer sees."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from fileman.graphql.ids import to_global_id
from fileman.models import File, FileManager
from tests.api import Api
from tests.conftest import api_of, grant
from tests.graphql.rows import save_file

UNAUTHENTICATED = {
    "code": "UNAUTHENTICATED",
    "message": "You are not signed in. Sign in and try again.",
    "field": None,
    "retryable": False,
    "retryAfterSeconds": None,
}


def test_a_ticket_holds_a_pending_file_its_token_and_its_instructions(
    api: Api, user: User, manager: FileManager
) -> None:
    payload = api.initiate(
        {"filename": "a.txt", "size": 3, "clientRef": "first"}, {"filename": "b.txt", "size": 0, "clientRef": "second"}
    )

    assert (payload["success"], payload["errors"]) == (False, [])
    assert payload["fileManager"] == {
        "id": to_global_id("FileManager", manager.pk),
        "name": "Memory",
        "backendType": "memory",
    }
    good, bad = payload["files"]
    row = File.objects.get()
    assert (good["index"], good["clientRef"], good["replayed"], good["errors"]) == (0, "first", False, [])
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
    assert (bad["index"], bad["clientRef"], bad["file"], bad["uploadToken"], bad["instructions"]) == (
        1, "second", None, None, None,
    )  # fmt: skip
    assert bad["errors"] == [
        {
            "code": "EMPTY_FILE",
            "message": "The file is empty.",
            "field": ["files", "1", "size"],
            "retryable": False,
            "retryAfterSeconds": None,
        }
    ]


def test_a_refused_request_has_no_tickets(api: Api, manager: FileManager) -> None:
    payload = api.initiate()

    assert (payload["success"], payload["files"], payload["fileManager"]) == (False, [], None)
    assert [(error["code"], error["field"]) for error in payload["errors"]] == [("INVALID_INPUT", ["files"])]


def test_anonymous_mutations_are_unauthenticated(anonymous: Api, manager: FileManager) -> None:
    payloads = [
        anonymous.initiate({"filename": "a.txt", "size": 1}),
        anonymous.refresh(uploadToken="x"),
        anonymous.refresh(),
        anonymous.finalize("x"),
        anonymous.abort("x"),
        anonymous.update("x"),
        anonymous.delete("x"),
    ]

    for payload in payloads:
        assert payload["success"] is False
        assert payload["errors"] == [UNAUTHENTICATED]
        assert payload.get("file") is None
    assert File.objects.count() == 0


def test_finalize_returns_requests_for_the_missing_slices(api: Api, manager: FileManager) -> None:
    token = api.start(b"hello")["uploadToken"]

    payload = api.finalize(token)

    assert payload["success"] is False
    assert [(error["code"], error["retryable"]) for error in payload["errors"]] == [("NOT_UPLOADED", True)]
    assert payload["file"]["uploadStatus"] == "PENDING"
    assert len(payload["instructions"]["requests"]) == 1


def test_a_completed_file_shows_the_stored_facts(api: Api, manager: FileManager) -> None:
    file = api.upload(b"hello", metadata={"a": 1})

    assert file["uploadStatus"] == "COMPLETED"
    assert (file["fileSize"], file["contentType"], file["metadata"]) == (5, "text/plain", {"a": 1})
    assert file["filePath"] == File.objects.get().file_path
    assert file["expiresAt"] is None
    assert file["permalink"].startswith("http://testserver/fileman/download/")
    assert (file["viewerCanUpdate"], file["viewerCanDelete"]) == (True, True)
    assert b"".join(api.download(file["downloadUrl"]).streaming_content) == b"hello"


def test_delete_returns_the_id_of_the_deleted_file_also_when_repeated(api: Api, manager: FileManager) -> None:
    file = api.upload(b"hello")

    for _ in range(2):
        assert api.delete(file["id"]) == {"success": True, "deletedFileId": file["id"], "errors": []}
    assert api.file(file["id"]) is None


def test_refresh_by_id_returns_the_token_and_refresh_by_token_none(api: Api, manager: FileManager) -> None:
    ticket = api.start(b"hello")

    by_id = api.refresh(fileId=ticket["file"]["id"])
    by_token = api.refresh(uploadToken=by_id["uploadToken"])

    assert by_id["success"] is by_token["success"] is True
    assert by_id["uploadToken"] == ticket["uploadToken"]
    assert by_token["uploadToken"] is None
    assert len(by_token["instructions"]["requests"]) == 1


class TestVisibleFields:
    """Fields of one file for each kind of viewer."""

    @pytest.fixture
    def file(self, user: User, manager: FileManager) -> File:
        return save_file(manager, user, is_public=True, metadata={"a": 1})

    def seen(self, api: Api, file: File) -> dict[str, Any]:
        shown = api.file(to_global_id("File", file.pk))
        assert shown is not None
        return shown

    def test_anonymous_viewers_of_a_public_file(self, file: File, group: Group, anonymous: Api) -> None:
        File.objects.update(group=group)

        shown = self.seen(anonymous, file)

        hidden = ("filePath", "metadata", "uploadedBy", "group", "fileManager")
        assert {name: shown[name] for name in hidden} == dict.fromkeys(hidden)
        assert (shown["viewerCanUpdate"], shown["viewerCanDelete"]) == (False, False)
        assert shown["originalFilename"] == "notes.txt"
        assert shown["downloadUrl"].startswith("http://testserver/fileman/content/")

    def test_signed_in_strangers_of_a_public_file(self, file: File, stranger: Api) -> None:
        shown = self.seen(stranger, file)

        assert shown["filePath"] is None
        assert shown["metadata"] == {"a": 1}
        assert shown["uploadedBy"]["username"] == "ann"
        assert shown["fileManager"]["name"] == "Memory"
        assert (shown["viewerCanUpdate"], shown["viewerCanDelete"]) == (False, False)

    @pytest.mark.parametrize(("permission", "may"), [("change_file", (True, False)), ("delete_file", (False, True))])
    def test_permission_holders(self, permission: str, may: tuple[bool, bool], file: File, other_user: User) -> None:
        shown = self.seen(api_of(grant(other_user, permission)), file)

        assert (shown["viewerCanUpdate"], shown["viewerCanDelete"]) == may
        assert (shown["filePath"] is not None) is may[0]

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
    manager = FileManager.objects.create(
        name="Pictures",
        backend_type="memory",
        max_file_size=3 * 1024**3,
        allowed_extensions=["png"],
        allowed_mime_types=["image/*"],
    )
    query = """query ($id: ID!) { fileManager(id: $id) {
      name backendType isActive isDefault supportsDirectUpload maxFileSize maxFilesPerBatch allowedExtensions
      allowedMimeTypes small: checksumAlgorithms(forSize: 5) any: checksumAlgorithms group { id }
    } }"""

    shown = api.call(query, {"id": to_global_id("FileManager", manager.pk)})["fileManager"]

    assert "sha256" in shown.pop("small")
    assert isinstance(shown.pop("any"), list)
    assert shown == {
        "name": "Pictures",
        "backendType": "memory",
        "isActive": True,
        "isDefault": False,
        "supportsDirectUpload": manager.supports_direct_upload,
        "maxFileSize": 3 * 1024**3,
        "maxFilesPerBatch": 50,
        "allowedExtensions": ["png"],
        "allowedMimeTypes": ["image/*"],
        "group": None,
    }


def test_inactive_managers_are_hidden(api: Api, manager: FileManager) -> None:
    FileManager.objects.update(is_active=False)
    query = "query ($id: ID!) { fileManagers { totalCount } fileManager(id: $id) { name } node(id: $id) { id } }"

    shown = api.call(query, {"id": to_global_id("FileManager", manager.pk)})

    assert shown == {"fileManagers": {"totalCount": 0}, "fileManager": None, "node": None}


def test_responses_have_no_settings_and_no_digests(api: Api, tmp_path: Any, local_manager: FileManager) -> None:
    ticket = api.start(b"hello")
    responses = json.dumps([ticket, api.refresh(uploadToken=ticket["uploadToken"]), api.file(ticket["file"]["id"])])

    assert str(tmp_path) not in responses
    assert File.objects.get().upload_token not in responses


def test_inputs_take_the_group_ids_that_payloads_return(
    api: Api, user: User, group: Group, manager: FileManager
) -> None:
    user.groups.add(group)
    ticket = api.start(b"hello", groupId=to_global_id("Group", group.pk))

    assert ticket["file"]["group"] == {"id": to_global_id("Group", group.pk), "name": "editors"}
