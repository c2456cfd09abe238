"""Forms of file managers: settings are fields, secrets are written and never read, and problems are told in words."""

import logging
import sys
from dataclasses import dataclass, field
from html import unescape
from typing import Any, Literal
from unittest.mock import Mock

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core import mail
from django.db import OperationalError
from django.test import override_settings
from django.utils.log import AdminEmailHandler

from fileman.backends.settings import BackendSettings
from fileman.diagnosis.subjects import describe_success
from fileman.encryption import encrypt
from fileman.models import File, FileManager, StorageDeletion
from fileman.testing.memory import MemoryBackend
from tests.admin.staff import ADMIN, Controls, Staff
from tests.conftest import CANARY, S3_SETTINGS
from tests.uploads.driver import configured, start, upload

pytestmark = pytest.mark.django_db
LIST, ADD_S3, ADD_AZURE = "filemanager/", *(f"filemanager/add/?backend_type={kind}" for kind in ("s3", "azure"))
LIST_PROBLEM = "allowed_mime_types must be a list of strings such as image/png or image/*, not '{}'."
RETYPE = "Enter this again: a form with errors keeps no secret."


@dataclass(frozen=True, kw_only=True)
class VaultSettings(BackendSettings):
    vault_name: str
    """Name of the <vault>."""
    is_cold: bool = False
    depth: int | None = None
    labels: dict[str, Any] | None = None
    kind: Literal["old", "new"] = "new"
    pin: str | None = field(default=None, repr=False)


class VaultBackend(MemoryBackend):
    """A backend of the host project."""

    settings_class = VaultSettings


@pytest.fixture
def root(other_user: User) -> Staff:
    return Staff(other_user)


def change(manager: FileManager) -> str:
    return f"filemanager/{manager.pk}/change/"


def read_errors(response: Any) -> dict[str, list[str]]:
    """Return the problems by field; "" has those on top. A saved form has none."""
    if response.status_code == 302:
        return {}
    errors = response.context["adminform"].form.errors
    shown = unescape(response.content.decode())
    assert all(text in shown for texts in errors.values() for text in texts)
    assert CANARY not in shown
    return {name.replace("__all__", ""): list(texts) for name, texts in errors.items()}


def test_no_page_shows_the_secret(root: Staff, user: User, manager: FileManager, secretive: FileManager) -> None:
    file = upload(user)
    pages = [f"{change(secretive)[:-7]}{name}/" for name in ("change", "history", "delete")]
    for page in (LIST, *pages, "file/", f"file/{file.pk}/change/", f"file/{file.pk}/delete/", "storagedeletion/"):
        shown = root.read(page)
        assert CANARY not in shown, page
        assert S3_SETTINGS["access_key_id"] not in shown, page
        assert str(file.upload_token) not in shown, page


def test_a_file_manager_is_added_by_the_form_of_its_type(root: Staff) -> None:
    assert "?backend_type=s3" in root.read("filemanager/add/")
    assert "?backend_type=azure" in root.read("filemanager/add/?backend_type=unheard-of")
    form = root.read_form(ADD_S3)
    assert form.options["setting_upload_method"] == ["", "post", "put"]
    words = "Requested for every object.", "Bucket in URLs:", "Access key ID:", "KMS key ID:"
    assert [text in root.read(ADD_S3) for text in words] == [True] * 4
    typed = {"setting_bucket_name": "my-bucket", "setting_upload_method": "put", "setting_upload_expires_in": "60"}
    limits = {"max_file_size": "5 GiB", "allowed_extensions": "jpg,\r\npng, ", "allowed_mime_types": "image/*"}
    assert read_errors(root.save(ADD_S3, name="S3", **typed, **limits)) == {}
    made = FileManager.objects.get()
    assert made.settings == {"bucket_name": "my-bucket", "upload_method": "put", "upload_expires_in": 60}
    assert (made.backend_type, made.is_active, made.supports_direct_upload) == ("s3", True, True)
    assert (made.max_file_size, made.allowed_extensions) == (5 * 1024**3, ["jpg", "png"])
    assert made.allowed_mime_types == ["image/*"]
    shown = root.read_form(change(made)).values
    assert (shown["max_file_size"], shown["allowed_extensions"]) == ("5 GiB", "jpg, png")
    assert (shown["setting_bucket_name"], shown["setting_upload_method"]) == ("my-bucket", "put")


def test_sizes_have_units(root: Staff, manager: FileManager) -> None:
    sizes = {"": None, "0": 0, "1000001": 1_000_001, "500 MB": 500_000_000, "16 MB": 16_000_000, "7 TiB": 7 * 1024**4}
    for typed, size in sizes.items():
        assert read_errors(root.save(change(manager), max_file_size=typed)) == {}
        assert FileManager.objects.get().max_file_size == size
        assert root.read_form(change(manager)).values["max_file_size"] == typed
    assert read_errors(root.save(change(manager), max_file_size="1.5gib")) == {}
    for typed in ("-5", "5 elephants", "1.5", "0.3 KiB", "9007199254740992", "9 PiB", "1e9"):
        (problem,) = read_errors(root.save(change(manager), max_file_size=typed)).pop("max_file_size")
        assert problem.startswith(("Enter a size such as", "max_file_size must be from 0"))
    assert FileManager.objects.get().max_file_size == 1536 * 1024**2


@pytest.mark.parametrize(("chosen", "direct"), [("", True), ("True", True), ("False", False)])
def test_a_cloud_uploads_directly_unless_the_form_says_no(root: Staff, chosen: str, direct: bool) -> None:
    root.save(ADD_S3, name="S3", setting_bucket_name="my-bucket", supports_direct_upload=chosen)
    manager = FileManager.objects.get()
    assert manager.supports_direct_upload is direct
    assert root.read_form(change(manager)).values["supports_direct_upload"] == str(direct)


def test_saving_an_opened_form_changes_no_setting(root: Staff, secretive: FileManager, tmp_path: Any) -> None:
    given = {"base_path": str(tmp_path / "files"), "permissions": 0o640, "create_directories": True}
    local = FileManager.objects.create(name="Local", backend_type="file", settings=given)
    for manager, settings in ((secretive, S3_SETTINGS), (local, given)):
        assert read_errors(root.save(change(manager), description="New")) == {}
        saved = FileManager.objects.get(pk=manager.pk)
        assert (saved.settings, saved.description) == (settings, "New")
    assert root.read_form(change(local)).values["setting_permissions"] == "0o640"


def test_each_secret_is_changed_alone_and_leaves_no_trace(root: Staff, secretive: FileManager) -> None:
    assert read_errors(root.save(change(secretive), setting_secret_access_key=f" {CANARY}-2")) == {}
    assert FileManager.objects.get().settings == {**S3_SETTINGS, "secret_access_key": f"{CANARY}-2"}
    history = root.read(f"filemanager/{secretive.pk}/history/")
    assert "Changed Secret access key." in history
    assert CANARY not in root.read(LIST) + history + repr(list(LogEntry.objects.values()))


def test_secrets_are_removed_by_a_checkbox(root: Staff, secretive: FileManager) -> None:
    both = {"remove_access_key_id": "on", "remove_secret_access_key": "on"}
    alone = "secret_access_key is set without access_key_id: set both or neither."
    contradiction = "Enter a new value or remove the stored one, not both."
    refused = read_errors(root.save(change(secretive), remove_access_key_id="on"))
    assert refused == {"setting_secret_access_key": [alone]}
    refused = read_errors(root.save(change(secretive), setting_access_key_id="b", **both))
    assert contradiction in refused["setting_access_key_id"]
    assert FileManager.objects.get().settings == S3_SETTINGS
    assert read_errors(root.save(change(secretive), **both)) == {}
    assert FileManager.objects.get().settings == {"bucket_name": "my-bucket"}


def test_stored_secrets_go_to_no_other_host(root: Staff, secretive: FileManager) -> None:
    """Staff who cannot read them could learn them there."""
    elsewhere = {"setting_endpoint_url": "https://files.example.com"}
    again = ["Enter this again, because the endpoint is another one."]
    both = {"setting_access_key_id": again, "setting_secret_access_key": again}
    assert read_errors(root.save(change(secretive), **elsewhere)) == both
    one = read_errors(root.save(change(secretive), **elsewhere, setting_secret_access_key="new"))
    assert one == {"setting_access_key_id": again, "setting_secret_access_key": [RETYPE]}
    assert FileManager.objects.get().settings == S3_SETTINGS
    keys = {"setting_access_key_id": "b", "setting_secret_access_key": CANARY}
    assert read_errors(root.save(change(secretive), **elsewhere, **keys)) == {}
    new = {"access_key_id": "b", "endpoint_url": "https://files.example.com"}
    assert FileManager.objects.get().settings == {**S3_SETTINGS, **new}


def test_problems_are_at_their_fields_and_what_was_typed_survives_but_for_secrets(root: Staff) -> None:
    FileManager.objects.create(name="Taken", backend_type="memory")
    typed = {"name": "Taken", "setting_region_name": "a b", "setting_upload_expires_in": "soon"}
    typed |= {
        "setting_secret_access_key": CANARY,
        "allowed_mime_types": "jpeg, a/b, a b/c",
        "backend_url": "s3://other/",
    }
    page = root.save(ADD_S3, **typed)
    assert read_errors(page) == {
        "setting_secret_access_key": [RETYPE],
        "setting_bucket_name": ["This field is required."],
        "setting_upload_expires_in": ["Enter a whole number."],
        "allowed_mime_types": [LIST_PROBLEM.format("jpeg"), LIST_PROBLEM.format("a b/c")],
    }
    shown = Controls("filemanager_form")
    shown.feed(page.content.decode())
    assert {**typed, "setting_secret_access_key": ""}.items() <= shown.values.items()
    typed |= {"setting_upload_expires_in": "0", "setting_bucket_name": "my-bucket", "allowed_mime_types": ""}
    assert read_errors(root.save(ADD_S3, **typed)) == {
        "backend_url": ["backend_url names the bucket 'other', but bucket_name is 'my-bucket'."],
        "setting_secret_access_key": ["secret_access_key is set without access_key_id: set both or neither.", RETYPE],
        "setting_region_name": ["region_name must be letters, digits and hyphens."],
        "setting_upload_expires_in": ["upload_expires_in must be from 1 to 604800 seconds."],
    }
    refused = read_errors(root.save(ADD_S3, name="Taken", setting_bucket_name="my-bucket"))
    assert refused == {"name": ["Another file manager of this group, or without a group, has this name."]}
    assert not FileManager.objects.filter(backend_type="s3").exists()


def test_a_problem_is_at_the_field_that_it_names(root: Staff) -> None:
    named = {"name": "A", "setting_container_name": "docs", "setting_account_name": "abc"}
    typed = {
        "account_key": "a b",
        "connection_string": "AccountName=abc;AccountKey=a",
        "backend_url": "azure://docs/..",
    }
    for name, text in typed.items():
        field = name if name == "backend_url" else f"setting_{name}"
        told = read_errors(root.save(ADD_AZURE, **{**named, field: text}))
        assert list(told) == [field]
        assert told[field][0].startswith((f"The key in {name} is not", f"The prefix in {name} must be"))


def test_a_missing_sdk_is_named_on_the_form(root: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fileman.backends.azure.backend", None)
    shown = unescape(root.read(ADD_AZURE))
    assert "pip install 'django-fileman-graphql[azure]'" in shown


def test_the_message_names_the_default_that_is_replaced(root: Staff, manager: FileManager) -> None:
    other = FileManager.objects.create(name="Other", backend_type="memory")
    FileManager.objects.filter(pk=manager.pk).update(is_default=True)
    for told in (["Other is the default now, instead of Memory."], []):
        page = root.client.get(root.save(change(other), is_default="on").url)
        assert [str(one) for one in page.context["messages"]][:-1] == told


def test_unknown_settings_stay_until_they_are_removed(root: Staff, secretive: FileManager) -> None:
    later = {**S3_SETTINGS, "of_a_later_version": CANARY}
    FileManager.objects.filter(pk=secretive.pk).update(settings=encrypt(later, row=secretive.pk))
    (problem,) = read_errors(root.save(change(secretive), name="New"))[""]
    assert problem.startswith("Unknown setting 'of_a_later_version'.")
    assert root.save(change(secretive), setting_endpoint_url="https://files.example.com").status_code == 200
    assert FileManager.objects.get().settings == later
    assert CANARY not in root.read(change(secretive))
    assert read_errors(root.save(change(secretive), remove_of_a_later_version="on")) == {}
    assert FileManager.objects.get().settings == S3_SETTINGS


@configured(BACKENDS={"vault": f"{__name__}.VaultBackend"})
def test_a_backend_of_the_host_project_has_its_form(root: Staff) -> None:
    add = "filemanager/add/?backend_type=vault"
    shown = root.read(add)
    assert "Name of the &lt;vault&gt;." in shown
    assert root.read_form(add).options["setting_is_cold"] == ["", "True", "False"]
    assert "Default: No" in shown
    typed = {"name": "Vault", "setting_vault_name": "a", "setting_is_cold": "True", "setting_depth": "3"}
    wrong = read_errors(root.save(add, **typed, setting_labels="{", setting_pin=CANARY))
    assert wrong == {"setting_labels": ["Enter a valid JSON."], "setting_pin": [RETYPE]}
    assert read_errors(root.save(add, **typed, setting_labels='{"a": [1]}', setting_pin=CANARY)) == {}
    made = FileManager.objects.get()
    assert made.settings == {"vault_name": "a", "is_cold": True, "depth": 3, "labels": {"a": [1]}, "pin": CANARY}
    assert CANARY not in root.read(change(made))
    assert read_errors(root.save(change(made), setting_is_cold="", setting_depth="", setting_labels="")) == {}
    assert FileManager.objects.get().settings == {"vault_name": "a", "pin": CANARY}


def test_unreadable_settings_are_told_and_kept(root: Staff, secretive: FileManager) -> None:
    with configured(ENCRYPTION_KEYS=["T3pjZ2xkY0VqM1JmS0pQd0xxWm5YdHVWYmFzZDEyMzU="]):
        (problem,) = read_errors(root.save(change(secretive), name="New"))["backend_type"]
        assert problem.startswith("No encryption key with id ")
    assert (FileManager.objects.get().settings, FileManager.objects.get().name) == (S3_SETTINGS, "S3")
    FileManager.objects.update(backend_type="gone")
    (problem,) = read_errors(root.save(change(secretive), name="New")).pop("backend_type")
    assert problem.startswith("Unknown backend type 'gone'.")


def test_staff_without_permissions_change_nothing(user: User, secretive: FileManager) -> None:
    assert Staff(user, "view_file").client.get(f"{ADMIN}/{change(secretive)}").status_code == 403
    staff = Staff(user, "view_filemanager")
    page = staff.client.get(f"{ADMIN}/{change(secretive)}")
    assert "check_configuration" not in page.content.decode()
    assert "setting_" not in page.content.decode()
    for path in ("filemanager/add/", ADD_S3, change(secretive)):
        assert staff.client.post(f"{ADMIN}/{path}", {"name": "New"}).status_code == 403
    for action in ("turn_off", "check_configuration", "delete_selected"):
        assert staff.act("filemanager", action, secretive, post="yes") == {}
    kept = FileManager.objects.get()
    assert (kept.name, kept.is_active, kept.settings) == ("S3", True, S3_SETTINGS)


def test_the_action_asks_each_storage_and_returns_to_its_page(root: Staff, manager: FileManager, tmp_path: Any) -> None:
    settings = {"base_path": str(tmp_path / "no"), "create_directories": False}
    broken = FileManager.objects.create(name="Broken", backend_type="file", settings=settings)
    told = root.act("filemanager", "check_configuration", manager, broken)
    assert told.pop("Memory: The connection works.") == "success"
    ((fault, level),) = told.items()
    assert (fault.startswith("Broken:"), level) == (True, "error")
    s3 = FileManager(backend_type="s3", settings={"bucket_name": "abc"}, supports_direct_upload=True)
    assert describe_success(s3).endswith("CORS was not checked: ALLOWED_ORIGINS and PUBLIC_URL are empty.")
    with configured(ALLOWED_ORIGINS=["https://a.example"]):
        assert describe_success(s3).endswith("deleted. CORS was checked for https://a.example.")
    assert 'value="check_configuration"' in root.read(change(manager))
    action = {"action": "check_configuration", "_selected_action": manager.pk, "page": manager.pk}
    response = root.client.post(f"{ADMIN}/filemanager/", action)
    assert response.headers["Location"] == f"{ADMIN}/{change(manager)}"


def test_a_file_manager_with_files_is_turned_off_instead(root: Staff, user: User, manager: FileManager) -> None:
    upload(user)
    start(user)
    page = f"filemanager/{manager.pk}/delete/"
    assert "1 completed, 5\xa0bytes" in root.read(change(manager))
    shown = root.read(page)
    assert "Memory: files 2, queued deletions 1" in shown
    assert 'value="turn_off"' in shown
    root.client.post(f"{ADMIN}/{page}", {"post": "yes"})
    assert root.act("filemanager", "delete_selected", manager, post="yes") == {}
    assert FileManager.objects.get().is_active
    assert root.act("filemanager", "turn_off", manager) == {"Memory: Turned off. Its files stay available.": "success"}
    assert not FileManager.objects.get().is_active
    assert "Turned off." in root.read(f"filemanager/{manager.pk}/history/")
    File.objects.all().delete()
    StorageDeletion.objects.all().delete()
    root.client.post(f"{ADMIN}/{page}", {"post": "yes"})
    assert not FileManager.objects.exists()


@pytest.mark.parametrize("broken", ["save", "clean"])
def test_the_mail_about_an_error_has_no_secret(root: Staff, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """Neither in the request nor in the variables of the traceback."""
    values = {**root.read_form(ADD_S3).values, "name": "S3", "setting_bucket_name": "abc"}
    keys = {"setting_access_key_id": "b", "setting_secret_access_key": CANARY}
    monkeypatch.setattr(FileManager, broken, Mock(side_effect=OperationalError))
    handler = AdminEmailHandler(include_html=True)
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    root.client.raise_request_exception = False
    try:
        with override_settings(ADMINS=[("root", "root@example.com")]):
            response = root.client.post(f"{ADMIN}/{ADD_S3}", {**values, **keys})
    finally:
        logger.removeHandler(handler)
    reports = [f"{one.body} {getattr(one, 'alternatives', '')}" for one in mail.outbox]
    assert response.status_code == 500
    assert any("changeform_view" in report for report in reports)
    assert CANARY not in "".join(reports)
