"""What the filesystem backend says of its configuration, and of the folder itself."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path

from fileman.backends.filesystem.backend import FilesystemBackend
from tests.backends.filesystem.folder import config, failing, failing_open, faults, make

urlpatterns = [path("elsewhere/<str:signed>", lambda request, signed: HttpResponse(), name="content")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


class TestConfiguration:
    @pytest.mark.parametrize("url", ["", "file:///srv/files", "file:///srv/files/", "file://localhost/srv/files"])
    def test_a_backend_url_may_name_the_same_folder(self, url: str) -> None:
        assert faults("/srv/files/", backend_url=url) == []

    def test_a_backend_url_may_be_percent_encoded(self) -> None:
        assert faults("/srv/my files", backend_url="file:///srv/my%20files") == []

    @pytest.mark.parametrize(
        "url", ["file:///srv/other", "file:///srv/filesx", "file:///srv", "file:///srv/files/../x"]
    )
    def test_a_backend_url_of_another_folder_is_refused(self, url: str) -> None:
        assert faults("/srv/files", backend_url=url) == ["backend_url and base_path name different folders."]

    @pytest.mark.parametrize(
        "url", ["s3://bucket/", "file://host/srv/files", "file://[", "/srv/files", "file:///srv/files?a=b"]
    )
    def test_a_malformed_backend_url_is_refused(self, url: str) -> None:
        assert faults("/srv/files", backend_url=url) == [
            "backend_url must be empty or look like file:///absolute/path/."
        ]

    @pytest.mark.parametrize("base_path", ["", "relative/folder", "/", "/srv/../etc", "/srv/na\0me"])
    def test_a_base_path_must_be_an_absolute_folder(self, base_path: str) -> None:
        assert faults(base_path) == ["base_path must be an absolute path of a folder, without '..'."]

    def test_the_documented_example_is_accepted(self) -> None:
        assert (
            faults(
                "/app/media/uploads",
                backend_url="file:///app/media/uploads/",
                base_url="/media/uploads/",
                create_directories=True,
                permissions=0o644,
                directory_permissions=0o755,
            )
            == []
        )

    def test_a_base_path_is_required(self) -> None:
        bare = replace(config("/srv"), settings={})

        assert FilesystemBackend.configuration_problems(bare) == ["Setting 'base_path' is missing."]


class TestBaseUrl:
    def test_addresses_are_signed_below_it(self, root: Path) -> None:
        """Another domain may serve what is stored, signed all the same."""
        url = make(root, base_url="https://files.example.com/content/").get_url("uploads/name")

        assert url.startswith("https://files.example.com/content/")
        assert "uploads/name" not in url

    def test_a_mount_of_the_content_view_is_good(self, root: Path) -> None:
        assert make(root, base_url="/fileman/content/").validate_configuration() == (True, [])

    def test_a_path_that_leads_nowhere_is_a_fault(self, root: Path) -> None:
        """Nothing would serve what is stored."""
        assert make(root, base_url="/media/uploads/").validate_configuration() == (
            False,
            ["base_url '/media/uploads/' leads nowhere. Mount fileman's content view there, or leave it out."],
        )

    @override_settings(ROOT_URLCONF="tests.backends.filesystem.test_settings")
    def test_a_path_that_leads_to_another_view_is_a_fault(self, root: Path) -> None:
        """A view that happens to bear the name does not check signatures."""
        assert make(root, base_url="/elsewhere/").validate_configuration() == (
            False,
            ["base_url '/elsewhere/' does not lead to fileman's content view. Mount it there, or leave it out."],
        )

    def test_anything_else_is_refused_at_once(self, root: Path) -> None:
        assert faults(root, base_url="media/uploads") == [
            "base_url must be a path such as '/fileman/content/', or begin with https://."
        ]


class TestFolderProbe:
    def test_the_missing_folder_is_named(self, root: Path) -> None:
        root.mkdir()
        backend = make(root, create_directories=False)
        manager = backend.config.manager_id
        reason = "A folder of the storage is missing, and create_directories is off."

        assert backend.validate_configuration() == (
            False,
            [
                f"The folder {root}/.uploads/{manager} cannot be written: {reason}",
                f"The folder {root}/uploads cannot be written: {reason}",
            ],
        )

    @pytest.mark.parametrize(
        ("number", "reason"), [(errno.EACCES, "Permission denied."), (errno.EROFS, "Read-only file system.")]
    )
    def test_a_folder_that_cannot_be_written_is_named(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
    ) -> None:
        backend = make(root)
        backend.validate_configuration()
        monkeypatch.setattr(os, "open", failing_open(number, when=lambda flags: bool(flags & os.O_CREAT)))

        valid, found = backend.validate_configuration()

        assert not valid
        assert f"The folder {root}/uploads cannot be written: {reason}" in found

    def test_a_folder_that_cannot_even_be_reached_is_named(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A folder above it lets nobody in. The answer is a fault, never an exception."""
        backend = make(root)
        with monkeypatch.context() as closed:
            closed.setattr(os, "open", failing_open(errno.EACCES, when=lambda _: True))
            closed.setattr(os, "stat", failing(errno.EACCES))
            valid, found = backend.validate_configuration()

        assert not valid
        assert found == [
            f"The folder {root}/{folder} cannot be written: Permission denied."
            for folder in (f".uploads/{backend.config.manager_id}", "uploads")
        ]

    def test_a_folder_in_static_root_is_named(self, root: Path) -> None:
        with override_settings(STATIC_ROOT=str(root.parent)):
            assert make(root).validate_configuration() == (
                False,
                [f"The folder {root} lies in STATIC_ROOT: the web server would serve every upload to anybody."],
            )

    def test_a_world_writable_folder_is_named(self, root: Path) -> None:
        root.mkdir()
        root.chmod(0o777)

        assert make(root).validate_configuration() == (
            False,
            [f"The folder {root} is world-writable: any user of this machine could replace stored files."],
        )
