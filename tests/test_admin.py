"""The admin: settings are written and never read, and the storage can be asked whether they work."""

import logging
from base64 import b64encode
from html import unescape
from typing import Any
from unittest.mock import Mock

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core import mail
from django.db import OperationalError
from django.test import Client, override_settings
from django.utils.log import AdminEmailHandler

from fileman.models import File, FileManager, StorageDeletion
from tests.conftest import CANARY, S3_SETTINGS, grant
from tests.uploads.driver import file_of, start, upload

pytestmark = pytest.mark.django_db
ADMIN = "/admin/fileman"


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def form(**changes: Any) -> dict[str, Any]:
    fields = {"name": "S3", "backend_type": "s3", "allowed_extensions": "[]", "allowed_mime_types": "[]"}
    return {**fields, "is_active": "on", "new_settings": "", **changes}


def text(response: Any) -> str:
    return str(response.content.decode())


def test_no_page_shows_the_secret(root: Client, user: User, manager: FileManager, secretive: FileManager) -> None:
    file = upload(user)
    pages = [
        f"{ADMIN}/filemanager/",
        f"{ADMIN}/filemanager/add/",
        f"{ADMIN}/filemanager/{secretive.pk}/change/",
        f"{ADMIN}/filemanager/{secretive.pk}/history/",
        f"{ADMIN}/filemanager/{secretive.pk}/delete/",
        f"{ADMIN}/file/",
        f"{ADMIN}/file/{file.pk}/change/",
        f"{ADMIN}/storagedeletion/",
    ]
    for page in pages:
        response = root.get(page)
        assert response.status_code == 200, page
        assert CANARY not in text(response), page
        assert str(file.upload_token) not in text(response), page
    assert "access_key_id, bucket_name, secret_access_key" in text(root.get(pages[2]))


def test_an_empty_field_keeps_the_settings(root: Client, secretive: FileManager) -> None:
    response = root.post(f"{ADMIN}/filemanager/{secretive.pk}/change/", form(name="Renamed"))
    assert response.status_code == 302
    kept = FileManager.objects.get(pk=secretive.pk)
    assert (kept.name, kept.settings) == ("Renamed", S3_SETTINGS)


@pytest.mark.parametrize(("chosen", "direct"), [("", True), ("True", True), ("False", False)])
def test_a_cloud_uploads_directly_unless_the_form_says_no(root: Client, chosen: str, direct: bool) -> None:
    given = form(new_settings='{"bucket_name": "my-bucket"}', supports_direct_upload=chosen)
    assert root.post(f"{ADMIN}/filemanager/add/", given).status_code == 302
    manager = FileManager.objects.get()
    assert manager.supports_direct_upload is direct
    page = text(root.get(f"{ADMIN}/filemanager/{manager.pk}/change/"))
    assert f'<option value="{direct}" selected>' in page


def test_new_settings_replace_the_old_and_leave_no_trace(root: Client, secretive: FileManager) -> None:
    new = f'{{"bucket_name": "my-bucket", "access_key_id": "b", "secret_access_key": "{CANARY}-2"}}'
    page = root.post(f"{ADMIN}/filemanager/{secretive.pk}/change/", form(new_settings=new), follow=True)
    assert FileManager.objects.get(pk=secretive.pk).settings["secret_access_key"] == f"{CANARY}-2"
    history = text(root.get(f"{ADMIN}/filemanager/{secretive.pk}/history/"))
    assert CANARY not in text(page) + history + repr(list(LogEntry.objects.values()))


def test_a_refused_form_does_not_show_again_what_was_typed(root: Client, secretive: FileManager) -> None:
    new = f'{{"bucket_name": "my-bucket", "secret_access_key": "{CANARY}", "unheard_of": 1}}'
    for typed in (new, f'{{"secret_access_key": "{CANARY}"', f'["{CANARY}"]'):
        response = root.post(f"{ADMIN}/filemanager/{secretive.pk}/change/", form(new_settings=typed))
        assert response.status_code == 200
        assert "errorlist" in text(response)
        assert CANARY not in text(response)
    assert FileManager.objects.get(pk=secretive.pk).settings == S3_SETTINGS


def test_a_wrong_configuration_is_told_with_every_fault(root: Client) -> None:
    settings = f'{{"bucket": "x", "secret_key": "{CANARY}", "region_name": 5, "upload_expires_in": "60"}}'
    page = unescape(text(root.post(f"{ADMIN}/filemanager/add/", form(new_settings=settings))))
    for fault in (
        "Unknown setting 'bucket'",
        "Unknown setting 'secret_key'",
        "Setting 'region_name' must be a string or null.",
        "Setting 'upload_expires_in' must be an integer.",
        "Setting 'bucket_name' is missing.",
    ):
        assert fault in page
    assert CANARY not in page
    assert not FileManager.objects.exists()


def test_only_who_may_manage_gets_in(user: User, secretive: FileManager) -> None:
    client = Client()
    for staff in (False, True):
        user.is_staff = staff
        user.save()
        client.force_login(user)
        for page in (f"{ADMIN}/filemanager/", f"{ADMIN}/filemanager/{secretive.pk}/change/"):
            assert client.get(page).status_code in (302, 403)


def test_the_action_asks_each_storage_whether_it_works(root: Client, manager: FileManager, tmp_path: Any) -> None:
    broken = FileManager.objects.create(
        name="Broken", backend_type="file", settings={"base_path": str(tmp_path / "no"), "create_directories": False}
    )
    chosen = {"action": "check_configuration", "_selected_action": [str(manager.pk), str(broken.pk)]}
    page = root.post(f"{ADMIN}/filemanager/", chosen, follow=True)
    told = {str(message): message.level_tag for message in page.context["messages"]}
    assert sorted(told.values()) == ["error", "success"]
    assert [message.strip() for message, level in told.items() if level == "success"] == [
        "Memory: The connection works."
    ]
    (fault,) = [message for message, level in told.items() if level == "error"]
    assert fault.startswith("Broken:")


def test_staff_who_may_only_view_cannot_have_the_storage_written_to(user: User, manager: FileManager) -> None:
    user.is_staff = True
    user.save()
    grant(user, "view_filemanager")
    client = Client()
    client.force_login(user)
    chosen = {"action": "check_configuration", "_selected_action": [str(manager.pk)]}

    page = client.post(f"{ADMIN}/filemanager/", chosen, follow=True)

    assert not [str(message) for message in page.context["messages"] if "Memory" in str(message)]


def test_the_mail_about_an_error_has_no_secret(root: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the request nor in the variables of the traceback."""
    monkeypatch.setattr(FileManager, "save", Mock(side_effect=OperationalError))
    handler = AdminEmailHandler(include_html=True)
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    root.raise_request_exception = False
    typed = f'{{"bucket_name": "abc", "access_key_id": "b", "secret_access_key": "{CANARY}"}}'
    try:
        with override_settings(ADMINS=[("root", "root@example.com")]):
            response = root.post(f"{ADMIN}/filemanager/add/", form(new_settings=typed))
    finally:
        logger.removeHandler(handler)

    reports = [f"{one.body} {getattr(one, 'alternatives', '')}" for one in mail.outbox]
    assert response.status_code == 500
    assert any("changeform_view" in report for report in reports)
    assert CANARY not in "".join(reports)


def test_a_file_is_found_by_every_form_of_its_id(root: Client, user: User, manager: FileManager) -> None:
    file = upload(user)
    for term in ("notes", str(file.pk), b64encode(f"File:{file.pk}".encode()).decode(), file.stored_path):
        page = root.get(f"{ADMIN}/file/", {"q": term})
        assert list(page.context["cl"].queryset) == [file], term
    assert "5\xa0bytes" in text(page)


def test_files_and_the_queue_can_only_be_looked_at(root: Client, user: User, manager: FileManager) -> None:
    file = file_of(start(user))
    assert root.get(f"{ADMIN}/file/add/").status_code == 403
    assert root.post(f"{ADMIN}/file/{file.pk}/delete/", {"post": "yes"}).status_code == 403
    assert root.post(f"{ADMIN}/file/{file.pk}/change/", {"upload_status": "completed"}).status_code == 403
    assert File.objects.get().upload_status == "pending"
    assert root.get(f"{ADMIN}/storagedeletion/add/").status_code == 403
    assert not StorageDeletion.objects.exists()
