"""Lists, deletion and facts of files on the local disk."""

import os
from pathlib import Path
from typing import Any

import pytest

from fileman.backends.filesystem.backend import FilesystemBackend
from fileman.errors import FileMissing
from tests.backends.filesystem.folder import entries_below, files_below, make, next_try, put, upload_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def backend(root: Path) -> FilesystemBackend:
    return make(root)


class TestObjects:
    def test_files_made_within_one_tick_of_the_clock_have_different_times(
        self, backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file may get the inode of a deleted one; its time keeps their etags apart."""
        uploads = [upload_of(backend, 3) for _ in range(50)]
        with monkeypatch.context() as fast:
            fast.setattr(os, "fsync", lambda descriptor: None)
            for upload in uploads:
                put(backend, upload, b"abc")

        times = {backend.stat(upload.upload_path).etag.split("-")[2] for upload in uploads}
        assert len(times) == 50

    def test_deleting_an_upload_path_deletes_everything_of_that_upload(
        self, backend: FilesystemBackend, root: Path
    ) -> None:
        """Parts, temporary files and lock, but nothing of another upload."""
        gone, kept = upload_of(backend, 5, part_size=3), upload_of(backend, 5, part_size=3)
        for upload in (gone, kept):
            put(backend, upload, b"abc")
            (root / f"{upload.upload_path}.parts" / "2.0123.tmp").write_bytes(b"d")

        assert backend.delete([gone.upload_path]) == []

        assert files_below(root) == [f"{kept.upload_path}.parts/{name}" for name in ("1", "2.0123.tmp")]

    def test_temporary_files_are_listed_for_reconciliation(self, backend: FilesystemBackend, root: Path) -> None:
        upload = upload_of(backend, 5, part_size=3)
        put(backend, upload, b"abc")
        (root / f"{upload.upload_path}.parts" / "2.0123.tmp").write_bytes(b"d")

        listed = {stored.path for stored in backend.list_objects(".uploads/")}

        assert listed == {f"{upload.upload_path}.parts/{name}" for name in ("1", "2.0123.tmp")}

    def test_foreign_names_are_left_alone(self, backend: FilesystemBackend, root: Path) -> None:
        (root / "uploads").mkdir(parents=True)
        (root / "uploads" / "wild*card").write_bytes(b"x")

        assert list(backend.list_objects("")) == []

    def test_a_folder_is_no_object(self, backend: FilesystemBackend, root: Path) -> None:
        (root / "uploads" / "folder").mkdir(parents=True)

        with pytest.raises(FileMissing):
            backend.stat("uploads/folder")


class TestFolders:
    def test_a_deleted_file_takes_its_folders_along(self, backend: FilesystemBackend, root: Path) -> None:
        """But not the folder of all files, which may be a mount."""
        upload = upload_of(backend, 3)
        put(backend, upload, b"abc")
        backend.publish(upload, backend.stat(upload.upload_path))
        assert entries_below(root / "uploads") == [
            f"{upload.file_id}",
            f"{upload.file_id}/1",
            f"{upload.file_id}/1/picture.png",
        ]

        assert backend.delete([upload.file_path]) == []

        assert entries_below(root / "uploads") == []
        assert (root / "uploads").is_dir()

    def test_the_file_of_another_try_stays(self, backend: FilesystemBackend, root: Path) -> None:
        upload = upload_of(backend, 3)
        other = next_try(upload)
        put(backend, upload, b"abc")
        verified = backend.stat(upload.upload_path)
        for one in (upload, other):
            backend.publish(one, verified)

        assert backend.delete([f"{upload.folder}0/picture.png", upload.file_path, upload.upload_path]) == []

        assert files_below(root) == [other.file_path]
        assert entries_below(root / "uploads" / f"{upload.file_id}") == ["2", "2/picture.png"]

    def test_the_empty_folders_of_a_try_that_failed_are_deleted_with_it(
        self, backend: FilesystemBackend, root: Path
    ) -> None:
        (root / "uploads" / "file" / "1").mkdir(parents=True)

        assert backend.delete(["uploads/file/1/picture.png"]) == []

        assert entries_below(root) == ["uploads"]

    def test_a_file_of_an_earlier_version_is_read_served_and_deleted_where_it_is(
        self, backend: FilesystemBackend, root: Path
    ) -> None:
        """It has no folder of its own."""
        (root / "uploads").mkdir(parents=True)
        for name in ("old_20250102.png", "other_20250102.png"):
            (root / "uploads" / name).write_bytes(b"abc")

        assert backend.stat("uploads/old_20250102.png").size == 3
        assert b"".join(backend.read("uploads/old_20250102.png")) == b"abc"
        assert backend.get_url("uploads/old_20250102.png").startswith("/fileman/content/")
        assert backend.delete(["uploads/old_20250102.png"]) == []

        assert entries_below(root / "uploads") == ["other_20250102.png"]
        assert backend.delete(["uploads/other_20250102.png"]) == []
        assert (root / "uploads").is_dir()

    def test_a_folder_that_is_a_mount_or_not_ours_to_remove_is_named(
        self, backend: FilesystemBackend, root: Path
    ) -> None:
        """A link in place of a folder: nothing behind it is removed."""
        outside = root.parent / "outside"
        (outside / "1").mkdir(parents=True)
        (root / "uploads").mkdir(parents=True)
        (root / "uploads" / "file").symlink_to(outside)

        assert [failure.path for failure in backend.delete(["uploads/file/1/name"])] == ["uploads/file/1/name"]

        assert entries_below(outside) == ["1"]

    def test_a_list_has_the_files_of_every_layout(self, backend: FilesystemBackend, root: Path) -> None:
        upload = upload_of(backend, 3)
        put(backend, upload, b"abc")
        backend.publish(upload, backend.stat(upload.upload_path))
        (root / "uploads" / "old_20250102.png").write_bytes(b"abc")

        listed = {stored.path for stored in backend.list_objects("uploads/")}

        assert listed == {upload.file_path, "uploads/old_20250102.png"}
        assert [stored.path for stored in backend.list_objects(upload.folder)] == [upload.file_path]

    def test_a_list_opens_no_folder_outside_its_prefix(
        self, backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Cleanup lists the files of one sixteenth of all ids after the other."""
        for name in ("a1", "a2", "b1"):
            (root / "uploads" / name / "1").mkdir(parents=True)
            (root / "uploads" / name / "1" / "picture.png").write_bytes(b"abc")
        opened: list[object] = []
        real = os.open

        def recording_open(name: Any, *arguments: Any, **more: Any) -> int:
            opened.append(name)
            return real(name, *arguments, **more)

        monkeypatch.setattr(os, "open", recording_open)

        listed = [stored.path for stored in backend.list_objects("uploads/a")]

        assert sorted(listed) == ["uploads/a1/1/picture.png", "uploads/a2/1/picture.png"]
        assert "b1" not in opened
