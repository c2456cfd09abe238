"""The problems that the filesystem backend finds in its folder and its URLconf."""

import errno
import os
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path

from tests.backends.filesystem.folder import failing, failing_open, files_below, make, other_device

urlpatterns = [path("elsewhere/<str:signed>", lambda request, signed: HttpResponse(), name="content")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


class TestBaseUrl:
    def test_urls_are_signed_below_it(self, root: Path) -> None:
        """Another domain may serve the files, with the same signatures."""
        url = make(root, base_url="https://files.example.com/content/").get_url("uploads/name")

        assert url.startswith("https://files.example.com/content/")
        assert "uploads/name" not in url

    def test_a_mount_of_the_content_view_is_good(self, root: Path) -> None:
        assert make(root, base_url="/fileman/content/").validate_configuration() == (True, [])

    def test_a_path_without_a_view_is_a_problem(self, root: Path) -> None:
        """Nothing would serve the files."""
        assert make(root, base_url="/media/uploads/").validate_configuration() == (
            False,
            ["There is no view at base_url '/media/uploads/'. Mount fileman's content view there, or remove base_url."],
        )

    @override_settings(ROOT_URLCONF="tests.backends.filesystem.test_diagnosis")
    def test_a_path_of_another_view_is_a_problem(self, root: Path) -> None:
        """A view that happens to have the same name does not check signatures."""
        assert make(root, base_url="/elsewhere/").validate_configuration() == (
            False,
            ["The view at base_url '/elsewhere/' is not fileman's content view. Mount it there, or remove base_url."],
        )


class TestFolderProbe:
    def test_the_missing_folder_is_named(self, root: Path) -> None:
        root.mkdir()
        backend = make(root, create_directories=False)
        manager = backend.config.manager_id
        reason = "of the storage is missing and create_directories is off. Mount or create it."

        assert backend.validate_configuration() == (
            False,
            [
                f"The folder {root}/.uploads/{manager} is not writable: The folder .uploads {reason}",
                f"The folder {root}/uploads is not writable: The folder uploads {reason}",
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
        assert f"The folder {root}/uploads is not writable: {reason}" in found

    def test_a_folder_that_cannot_even_be_reached_is_named(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A folder above it is closed. The result is a problem, never an exception."""
        backend = make(root)
        with monkeypatch.context() as closed:
            closed.setattr(os, "open", failing_open(errno.EACCES, when=lambda _: True))
            closed.setattr(os, "stat", failing(errno.EACCES))
            valid, found = backend.validate_configuration()

        assert not valid
        assert found == [
            f"The folder {root}/{folder} is not writable: Permission denied."
            for folder in (f".uploads/{backend.config.manager_id}", "uploads")
        ]

    def test_links_that_fail_between_two_writable_folders_are_named(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The fault: `os.link` fails from one folder to the other, as under rules of a security module."""
        monkeypatch.setattr(os, "link", other_device(errno.EACCES))

        assert make(root).validate_configuration() == (
            False,
            [f"Files cannot be linked from {root}/.uploads to {root}/uploads: Permission denied."],
        )
        assert files_below(root) == []

    def test_a_folder_in_static_root_is_named(self, root: Path) -> None:
        with override_settings(STATIC_ROOT=str(root.parent)):
            assert make(root).validate_configuration() == (
                False,
                [f"The folder {root} is inside STATIC_ROOT, so the web server would serve every file to anyone."],
            )

    def test_a_world_writable_folder_is_named(self, root: Path) -> None:
        root.mkdir()
        root.chmod(0o777)

        assert make(root).validate_configuration() == (
            False,
            [f"The folder {root} is world-writable, so any user of this machine could replace stored files."],
        )
