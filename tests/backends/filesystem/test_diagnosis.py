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


class TestBaseUrl:
    def test_urls_are_signed_below_it(self, root: Path) -> None:
        """Another domain may serve the files, with the same signatures."""
        url = make(root, base_url="https://files.example.com/content/").get_url("uploads/name")

        assert url.startswith("https://files.example.com/content/")
        assert "uploads/name" not in url

    def test_a_mount_of_the_content_view_is_good(self, root: Path) -> None:
        assert make(root, base_url="/fileman/content/").validate_configuration() == (True, [])

    @override_settings(ROOT_URLCONF="tests.backends.filesystem.test_diagnosis")
    @pytest.mark.parametrize(
        ("base_url", "problem"),
        [
            ("/x/", "There is no view at base_url '/x/'. Mount fileman's content view there, or remove base_url."),
            (
                "/elsewhere/",  # a view that happens to have the same name does not check signatures
                "The view at base_url '/elsewhere/' is not fileman's content view. Mount it there, or remove base_url.",
            ),
        ],
    )
    def test_a_path_without_the_content_view_is_a_problem(self, root: Path, base_url: str, problem: str) -> None:
        assert make(root, base_url=base_url).validate_configuration() == (False, [problem])


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
            valid, found = backend.validate_configuration()

        folders = (f".uploads/{backend.config.manager_id}", "uploads")
        assert not valid
        assert found == [f"The folder {root}/{folder} is not writable: {reason}" for folder in folders]

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

    def test_ways_around_the_signed_urls_are_named(self, root: Path) -> None:
        root.mkdir()
        root.chmod(0o777)
        with override_settings(STATIC_ROOT=str(root.parent)):
            assert make(root).validate_configuration() == (
                False,
                [
                    f"The folder {root} is inside STATIC_ROOT, so the web server would serve every file to anyone.",
                    f"The folder {root} is world-writable, so any user of this machine could replace stored files.",
                ],
            )
