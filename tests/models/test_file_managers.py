"""File managers: which configurations are refused when they are saved, and where their files lie."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError

from fileman.backends import backend_class, backend_types, get_backend
from fileman.errors import StorageMisconfigured
from fileman.models import FileManager
from fileman.testing.memory import MemoryBackend
from tests.uploads.driver import configured, start, upload

pytestmark = pytest.mark.django_db


def memory(name: str, **fields: Any) -> FileManager:
    return FileManager.objects.create(name=name, backend_type="memory", **fields)


def s3(name: str, backend_url: str = "s3://bucket/", **fields: Any) -> FileManager:
    fields.setdefault("settings", {"bucket_name": "bucket"})
    return FileManager.objects.create(name=name, backend_type="s3", backend_url=backend_url, **fields)


def test_an_unknown_backend_type_is_refused_and_the_known_ones_are_named() -> None:
    message = "Unknown backend type 'ftp'. Known types: file, memory, s3, azure, gcs"
    with pytest.raises(ValidationError, match=re.escape(message)):
        FileManager.objects.create(name="FTP", backend_type="ftp")
    assert not FileManager.objects.exists()


def test_a_project_registers_a_backend_of_its_own() -> None:
    with configured(BACKENDS={"mine": "fileman.testing.memory.MemoryBackend"}):
        assert backend_class("mine") is MemoryBackend
        assert "mine" in backend_types()


def test_a_saved_change_makes_a_new_backend_and_nothing_else_does(manager: FileManager) -> None:
    """It is made once for each saved state."""
    first = get_backend(manager)
    assert get_backend(FileManager.objects.get(pk=manager.pk)) is first
    manager.settings = {"upload_expires_in": 77}
    manager.save()
    changed = get_backend(FileManager.objects.get(pk=manager.pk))
    assert (first.settings.upload_expires_in, changed.settings.upload_expires_in) == (3600, 77)


@pytest.mark.parametrize("path", ["no.such.module.Backend", "fileman.testing.memory.NoSuchBackend"])
def test_a_registered_backend_that_is_not_there_is_told_by_its_name(path: str) -> None:
    with configured(BACKENDS={"mine": path}), pytest.raises(StorageMisconfigured, match="Backend 'mine'"):
        backend_class("mine")


@pytest.mark.parametrize(
    ("backend_type", "settings", "able"),
    [("s3", {"bucket_name": "bucket"}, True), ("memory", {}, False), ("file", {"base_path": "/srv/files"}, False)],
)
def test_direct_upload_defaults_to_a_backends_ability(backend_type: str, settings: dict[str, Any], able: bool) -> None:
    manager = FileManager.objects.create(name="M", backend_type=backend_type, settings=settings)
    assert manager.supports_direct_upload is able
    assert FileManager.objects.get().supports_direct_upload is able


@pytest.mark.parametrize(("backend_type", "settings"), [("memory", {}), ("file", {"base_path": "/srv/files"})])
def test_direct_upload_on_a_backend_that_cannot_is_refused(backend_type: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"cannot take direct uploads\. Set supports_direct_upload to False\."):
        FileManager.objects.create(name="M", backend_type=backend_type, settings=settings, supports_direct_upload=True)


@pytest.mark.parametrize("key", ["upload_expires_in", "download_expires_in"])
@pytest.mark.parametrize("seconds", [0, -1, 604_801, 315_360_000, True])
def test_an_impossible_lifetime_is_refused_when_the_manager_is_saved(key: str, seconds: int) -> None:
    with pytest.raises(ValidationError, match=key):
        memory("M", settings={key: seconds})
    assert memory("M", settings={key: 604_800}).settings == {key: 604_800}


@pytest.mark.parametrize("value", ["jpg", {"jpg": 1}, [1], [""], [None], None, ["*"], ["a,b"], ["image/"], ["*.png"]])
@pytest.mark.parametrize("name", ["allowed_extensions", "allowed_mime_types"])
def test_a_list_of_what_is_allowed_has_only_entries_that_can_match(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        memory("M", **{name: value})


def test_two_tenants_never_share_a_place(group: Group) -> None:
    s3("Everybody's", "s3://bucket/team/")
    for url in ("s3://bucket/team/", "s3://bucket/team"):
        with pytest.raises(ValidationError, match="another group stores its files in this place"):
            s3("The group's", url, group=group)
    s3("The group's", "s3://bucket/other/", group=group)
    s3("Everybody's second", "s3://bucket/team/")
    assert FileManager.objects.count() == 3


def test_a_manager_does_not_move_to_another_group_that_shares_the_place(group: Group) -> None:
    s3("A")
    twin = s3("B")
    twin.group = group
    with pytest.raises(ValidationError, match="another group"):
        twin.save()


def test_the_place_of_a_manager_with_files_cannot_change(user: User, tmp_path: Any) -> None:
    manager = FileManager.objects.create(
        name="Local", backend_type="file", settings={"base_path": str(tmp_path / "a")}, is_default=True
    )
    manager.settings = {"base_path": str(tmp_path / "b")}
    manager.save()
    upload(user, into=manager)
    manager.settings = {"base_path": str(tmp_path / "c")}
    with pytest.raises(ValidationError, match="its storage cannot change"):
        manager.save()
    assert FileManager.objects.get().settings == {"base_path": str(tmp_path / "b")}
    manager.refresh_from_db()
    manager.name = "Renamed"
    manager.settings = {**manager.settings, "download_expires_in": 60}
    manager.save()


@pytest.mark.parametrize("base_url", ["https://files.example.com/x/", "/elsewhere/"])
def test_signed_urls_of_existing_files_lead_nowhere_else(user: User, tmp_path: Any, base_url: str) -> None:
    """They can come back to this site's own view"""
    settings = {"base_path": str(tmp_path), "base_url": "https://files.example.com/"}
    manager = FileManager.objects.create(name="Local", backend_type="file", settings=settings, is_default=True)
    upload(user, into=manager)

    manager.settings = {**settings, "base_url": base_url}
    with pytest.raises(ValidationError) as refusal:
        manager.save()
    message = "This file manager has files, so base_url cannot change. Create a new file manager."
    assert refusal.value.messages == [message]
    assert FileManager.objects.get().settings == settings

    manager.settings = {"base_path": str(tmp_path)}
    manager.save()
    assert FileManager.objects.get().settings == {"base_path": str(tmp_path)}


def test_a_secret_is_not_sent_to_a_new_host_while_files_exist(user: User) -> None:
    keys = {"bucket_name": "bucket", "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "secret"}
    manager = s3("S3", "", settings=keys, is_default=True)
    start(user, into=manager)
    manager.settings = {**keys, "endpoint_url": "https://storage.example"}
    with pytest.raises(ValidationError, match="its storage cannot change"):
        manager.save()
