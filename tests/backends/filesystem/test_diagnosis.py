"""The problems that the filesystem backend finds in its folder and its URLconf."""

import errno
import os
from pathlib import Path
from sysconfig import get_path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path

from fileman.backends import get_backend
from fileman.models import FileManager
from fileman.views import ContentView
from project.urls import urlpatterns as project_urls
from tests.api import Api
from tests.backends.filesystem.folder import failing, failing_open, files_below, make, other_device
from tests.backends.uploads import find_problems
from tests.servers.availability import REPOSITORY

urlpatterns = [
    path("elsewhere/<str:signed>", lambda request, signed: HttpResponse(), name="content"),
    path("media/uploads/<str:signed>", ContentView.as_view()),
    *project_urls,
]


KEYS = {"ENCRYPTION_KEYS": [Fernet.generate_key().decode()]}
OF_SYSTEM = ["/", "/etc", "/etc/fileman", "/home", "/root/.ssh", "/usr/share/nginx"]
OF_CODE = [f"{REPOSITORY}{below}" for below in ("", "/fileman", "/project/media")] + [f"{get_path('purelib')}/files"]
DJANGO_TEMPLATES = "django.template.backends.django.DjangoTemplates"


class TestBaseUrl:
    def test_urls_are_signed_below_it(self, root: Path) -> None:
        """Another domain may serve the files, with the same signatures."""
        url = make(root, base_url="https://files.example.com/content/").get_url("uploads/name")

        assert url.startswith("https://files.example.com/content/")
        assert "uploads/name" not in url

    @override_settings(ROOT_URLCONF="tests.backends.filesystem.test_diagnosis")
    @pytest.mark.parametrize("base_url", ["/x/", "/elsewhere/"])
    def test_a_path_without_the_content_view_is_a_problem(self, root: Path, base_url: str) -> None:
        """Also one with a view that happens to have the same name: it checks no signatures."""
        mount = f"path('{base_url[1:]}<str:signed>', fileman.views.ContentView.as_view())"
        problem = f"base_url {base_url!r} leads to no content view of fileman. Add {mount} to your URLs, or remove "
        assert make(root, base_url=base_url).validate_configuration() == (False, [f"{problem}base_url."])

    @override_settings(ROOT_URLCONF="tests.backends.filesystem.test_diagnosis")
    def test_the_documented_sample_works_from_saving_to_the_download(self, root: Path, api: Api) -> None:
        sample = {"base_path": str(root / "uploads"), "base_url": "/media/uploads/", "create_directories": True}
        sample |= {"permissions": 0o644, "directory_permissions": 0o755}
        fields: dict[str, Any] = {"backend_type": "file", "backend_url": f"file://{root}/uploads/", "is_default": True}
        with pytest.raises(ValidationError, match=r"Add path\('media/x/<str:signed>', fileman.views.ContentView"):
            FileManager.objects.create(name="Wrong", **fields, settings={**sample, "base_url": "/media/x/"})

        manager = FileManager.objects.create(name="Local", supports_direct_upload=False, **fields, settings=sample)
        file = api.upload(b"hello", "Grüße 100%.txt")

        assert get_backend(manager).validate_configuration() == (True, [])
        assert urlsplit(file["downloadUrl"]).path.startswith("/media/uploads/")
        assert b"".join(api.download(file["downloadUrl"])) == b"hello"


class TestFolderProbe:
    def test_the_missing_folder_is_named(self, root: Path) -> None:
        root.mkdir()
        backend = make(root, create_directories=False)
        sentence = "The folder {} of the storage is missing and create_directories is off. Mount or create it."

        assert find_problems(backend) == [("folder", f"{root}: {sentence.format('.uploads')}")]
        (root / ".uploads").mkdir()
        assert find_problems(backend)[0] == ("folder", f"{root}: {sentence.format('uploads')}")
        assert files_below(root) == []

    @pytest.mark.parametrize(
        ("number", "flags", "reason"),
        [(errno.EACCES, -1, "Permission denied."), (errno.EROFS, os.O_CREAT, "Read-only file system.")],
        ids=["unreachable", "unwritable"],
    )
    def test_folders_that_cannot_be_reached_or_written_are_named(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, number: int, flags: int, reason: str
    ) -> None:
        """The result is a problem, never an exception, even if a folder above is closed."""
        backend = make(root)
        backend.validate_configuration()
        with monkeypatch.context() as closed:
            closed.setattr(os, "open", failing_open(number, when=lambda given: bool(given & flags)))
            closed.setattr(os, "stat", failing(number))
            found = find_problems(backend)

        assert found == [("folder", f"The folder {root}/.uploads is not writable: {reason}")]

    def test_failing_links_between_writable_folders_are_told(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The fault: `os.link` fails from one folder to the other, as under rules of a security module."""
        monkeypatch.setattr(os, "link", other_device(errno.EACCES))

        sentence = f"Files cannot be linked from {root}/.uploads to {root}/uploads: Permission denied."
        assert find_problems(make(root)) == [("folder.link", sentence)]
        assert files_below(root) == []

    def test_ways_around_the_signed_urls_are_named(self, root: Path) -> None:
        root.mkdir()
        root.chmod(0o777)
        problems = [
            f"The folder {root} is in or around static files. Use a folder of its own.",
            f"The folder {root} is world-writable, so any user of this machine can replace files.",
        ]
        with override_settings(STATIC_ROOT=str(root.parent)):
            assert make(root).validate_configuration() == (False, problems)


@pytest.mark.django_db
class TestPlaces:
    """Folders that a file manager is not created in, and not moved to."""

    @pytest.mark.parametrize("folder", [*OF_SYSTEM, *OF_CODE])
    def test_a_folder_of_the_system_or_of_code_is_refused(self, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(apps.get_app_config("shop"), "path", "/home/site/shop")

        with pytest.raises(ValidationError, match=r"Use a folder of its own|absolute path of a folder"):
            FileManager.objects.create(name="Files", backend_type="file", settings={"base_path": folder})

        assert not FileManager.objects.exists()

    @pytest.mark.parametrize(
        ("place", "setting"),
        [
            ("static files", lambda folder: {"STATIC_ROOT": folder}),
            ("static files", lambda folder: {"STATICFILES_DIRS": [folder]}),
            ("static files", lambda folder: {"STATICFILES_DIRS": [("a", folder)]}),
            ("MEDIA_ROOT, which is served", lambda folder: {"MEDIA_ROOT": folder, "MEDIA_URL": "/media/"}),
            ("templates", lambda folder: {"TEMPLATES": [{"BACKEND": DJANGO_TEMPLATES, "DIRS": [folder]}]}),
            ("keys", lambda folder: {"FILEMAN_SETTINGS": {**KEYS, "CREDENTIALS_FOLDERS": [str(folder)]}}),
        ],
    )
    def test_a_folder_that_is_served_or_trusted_is_refused(self, place: str, setting: Any, tmp_path: Path) -> None:
        """A file in it would be public, or run, or be taken for the operator's"""
        taken = tmp_path / "base" / "taken"
        (tmp_path / "link").symlink_to(taken)

        with override_settings(**setting(taken)):
            for folder in (taken, taken / "files", tmp_path / "link", tmp_path / "base"):
                problem = f"The folder {folder} is in or around {place}. Use a folder of its own."
                with pytest.raises(ValidationError) as refusal:
                    create(folder)
                assert refusal.value.messages == [problem]
            assert not FileManager.objects.exists()
            create(tmp_path / "base" / "media")

    def test_the_folder_of_the_database_is_refused_and_one_beside_it_is_not(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connection, "vendor", "sqlite")
        monkeypatch.setitem(connection.settings_dict, "NAME", str(tmp_path / "db.sqlite3"))

        problem = f"The folder {tmp_path} is in or around the database. Use a folder of its own."
        assert make(tmp_path).place_problems() == [problem]
        assert make(tmp_path / "media").place_problems() == []

    def test_media_root_is_taken_if_it_is_not_served(self, tmp_path: Path) -> None:
        with override_settings(MEDIA_ROOT=tmp_path):
            create(tmp_path)

    def test_a_file_manager_that_is_there_already_can_be_changed(self, tmp_path: Path) -> None:
        manager = create(tmp_path / "served")

        with override_settings(STATIC_ROOT=tmp_path):
            manager.is_active = False
            manager.save()

        assert not FileManager.objects.get().is_active


def create(folder: Path) -> FileManager:
    return FileManager.objects.create(name="Files", backend_type="file", settings={"base_path": str(folder)})
