"""Lists, deletion and facts of files on the local disk."""

import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from fileman.backends.base import Backend
from fileman.errors import FileMissing
from tests.backends.filesystem.folder import entries_below, files_below, put, sent, upload_of
from tests.backends.uploads import next_try

NAMES = ("0123.tmp", "table", "whole.tmp")


class TestObjects:
    def test_files_made_within_one_tick_of_the_clock_have_different_times(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file may get the inode of a deleted one; its time keeps their etags apart."""
        uploads = [upload_of(backend, 3) for _ in range(50)]
        with monkeypatch.context() as fast:
            fast.setattr(os, "fsync", lambda descriptor: None)
            for upload in uploads:
                put(backend, upload, b"abc")

        times = {backend.stat(upload.upload_path).etag.split("-")[2] for upload in uploads}
        assert len(times) == 50

    def test_deleting_an_upload_path_deletes_everything_of_that_upload(self, backend: Backend, root: Path) -> None:
        """Parts, temporary files and lock, which a list has too, but nothing of another upload."""
        gone, kept = upload_of(backend, 5, part_size=3), upload_of(backend, 5, part_size=3)
        for upload in (gone, kept):
            put(backend, upload, b"abc")
            (root / f"{upload.upload_path}.parts" / "0123.tmp").write_bytes(b"d")
        names = {f"{upload.upload_path}.parts/{name}" for upload in (gone, kept) for name in NAMES}
        assert {stored.path for stored in backend.list_objects(".uploads/")} == names

        assert backend.delete([gone.upload_path]) == []

        assert files_below(root) == [f"{kept.upload_path}.parts/{name}" for name in NAMES]

    def test_folders_and_foreign_names_are_no_objects(self, backend: Backend, root: Path) -> None:
        (root / "uploads" / "folder").mkdir(parents=True)
        (root / "uploads" / "wild*card").write_bytes(b"x")

        assert list(backend.list_objects("")) == []
        with pytest.raises(FileMissing):
            backend.stat("uploads/folder")


class TestFolders:
    def test_the_file_of_another_try_stays(self, backend: Backend, root: Path) -> None:
        upload, verified = sent(backend)
        other = next_try(upload)
        for one in (upload, other):
            backend.publish(one, verified)

        assert backend.delete([f"{upload.folder}0/picture.png", upload.file_path, upload.upload_path]) == []

        assert files_below(root) == [other.file_path]
        assert entries_below(root / "uploads" / f"{upload.file_id}") == ["2", "2/probe.txt"]

    def test_the_empty_folders_of_a_try_that_failed_are_deleted_with_it(self, backend: Backend, root: Path) -> None:
        (root / "uploads" / "file" / "1").mkdir(parents=True)

        assert backend.delete(["uploads/file/1/picture.png"]) == []

        assert entries_below(root) == [".uploads", "uploads"]

    def test_a_file_of_an_old_release_is_read_served_and_deleted_in_place(self, backend: Backend, root: Path) -> None:
        """It has no folder of its own."""
        (root / "uploads").mkdir(parents=True, exist_ok=True)
        for name in ("old_20250102.png", "other_20250102.png"):
            (root / "uploads" / name).write_bytes(b"abc")

        assert backend.stat("uploads/old_20250102.png").size == 3
        assert b"".join(backend.read("uploads/old_20250102.png")) == b"abc"
        assert [stored.path for stored in backend.list_objects("uploads/old")] == ["uploads/old_20250102.png"]
        assert backend.get_url("uploads/old_20250102.png").startswith("/fileman/content/")
        assert backend.delete(["uploads/old_20250102.png"]) == []

        assert entries_below(root / "uploads") == ["other_20250102.png"]
        assert backend.delete(["uploads/other_20250102.png"]) == []
        assert (root / "uploads").is_dir()

    def test_a_folder_that_is_a_mount_or_not_ours_to_remove_is_named(self, backend: Backend, root: Path) -> None:
        """A link in place of a folder: nothing behind it is removed."""
        outside = root.parent / "outside"
        (outside / "1").mkdir(parents=True)
        (root / "uploads").mkdir(parents=True, exist_ok=True)
        (root / "uploads" / "file").symlink_to(outside)

        assert [failure.path for failure in backend.delete(["uploads/file/1/name"])] == ["uploads/file/1/name"]

        assert entries_below(outside) == ["1"]

    def test_a_list_opens_no_folder_outside_its_prefix(
        self, backend: Backend, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Cleanup lists the files of one sixteenth of all ids after the other."""
        for name in ("a1", "a2", "b1"):
            (root / "uploads" / name / "1").mkdir(parents=True, exist_ok=True)
            (root / "uploads" / name / "1" / "picture.png").write_bytes(b"abc")
        opened = Mock(wraps=os.open)
        monkeypatch.setattr(os, "open", opened)

        listed = [stored.path for stored in backend.list_objects("uploads/a")]

        assert sorted(listed) == ["uploads/a1/1/picture.png", "uploads/a2/1/picture.png"]
        assert "b1" not in [call.args[0] for call in opened.mock_calls]
