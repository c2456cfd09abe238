"""Assembly of parts, publishing by links, lists and deletion on the local disk."""

import errno
import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from fileman.backends.filesystem.backend import FilesystemBackend
from fileman.backends.values import Budget, Upload
from fileman.errors import (
    FileMissing,
    ObjectChanged,
    PartsMissing,
    UploadInProgress,
)
from tests.backends.filesystem.folder import failing, files_below, make, put, upload_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def backend(root: Path) -> FilesystemBackend:
    return make(root)


class TestAssembly:
    def test_each_call_without_time_copies_one_part_and_reports_progress(self, backend: FilesystemBackend) -> None:
        upload = _sent_in_parts(backend)

        progress = []
        for _ in range(2):
            with pytest.raises(UploadInProgress) as raised:
                backend.assemble(upload, Budget(seconds=0))
            assert raised.value.progress is not None
            upload = replace(upload, progress=raised.value.progress)
            progress.append(dict(raised.value.progress))
        assembled = backend.assemble(upload, Budget(seconds=0))

        assert progress == [{"assembled_bytes": 3}, {"assembled_bytes": 6}]
        assert b"".join(backend.read(assembled.path)) == b"abcdefgh"

    def test_progress_that_is_not_on_the_disk_is_ignored(self, backend: FilesystemBackend) -> None:
        """As after a restored database."""
        upload = replace(_sent_in_parts(backend), progress={"assembled_bytes": 6})

        assembled = backend.assemble(upload, Budget(seconds=1))

        assert b"".join(backend.read(assembled.path)) == b"abcdefgh"

    def test_bytes_beyond_the_recorded_progress_are_copied_again(self, backend: FilesystemBackend, root: Path) -> None:
        """After a power cut, a file may contain zeros."""
        upload = _sent_in_parts(backend)
        (root / f"{upload.upload_path}.parts" / "assembled.tmp").write_bytes(bytes(8))

        assembled = backend.assemble(upload, Budget(seconds=1))

        assert b"".join(backend.read(assembled.path)) == b"abcdefgh"

    def test_the_bytes_do_not_pass_through_this_process(
        self, backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = _sent_in_parts(backend)
        with monkeypatch.context() as counted:
            for name in ("read", "pread", "write", "pwrite"):
                counted.setattr(os, name, failing(errno.EIO))
            assembled = backend.assemble(upload, Budget(seconds=1))

        assert b"".join(backend.read(assembled.path)) == b"abcdefgh"

    @pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP])
    def test_assembly_works_without_copies_by_the_kernel(
        self, backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        monkeypatch.setattr(os, "copy_file_range", failing(number))

        assembled = backend.assemble(_sent_in_parts(backend), Budget(seconds=1))

        assert b"".join(backend.read(assembled.path)) == b"abcdefgh"

    def test_concurrent_assemblies_end_with_one_object(self, backend: FilesystemBackend, root: Path) -> None:
        """A second caller is told to wait."""
        upload = _sent_in_parts(backend)
        start = Barrier(10)

        def assemble(_: int) -> str:
            start.wait(timeout=30)
            while True:
                try:
                    return backend.assemble(upload, Budget(seconds=1)).etag
                except UploadInProgress:
                    continue

        with ThreadPoolExecutor(10) as pool:
            etags = set(pool.map(assemble, range(10)))

        assert etags == {backend.stat(upload.upload_path).etag}
        assert b"".join(backend.read(upload.upload_path)) == b"abcdefgh"
        assert files_below(root) == [upload.upload_path]

    def test_a_call_during_another_assembly_is_told_to_wait(self, backend: FilesystemBackend, root: Path) -> None:
        upload = _sent_in_parts(backend)
        with (root / f"{upload.upload_path}.parts" / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(UploadInProgress):
                backend.assemble(upload, Budget(seconds=1))

        assert backend.assemble(upload, Budget(seconds=1)).size == 8

    def test_a_part_file_that_is_still_open_cannot_change_what_was_assembled(
        self, backend: FilesystemBackend, root: Path
    ) -> None:
        upload = _sent_in_parts(backend)
        with (root / f"{upload.upload_path}.parts" / "1").open("r+b") as late:
            assembled = backend.assemble(upload, Budget(seconds=1))
            late.write(b"XYZ")

        assert b"".join(backend.read(assembled.path)) == b"abcdefgh"
        assert backend.stat(upload.upload_path).etag == assembled.etag

    def test_a_part_that_comes_after_assembly_is_refused(self, backend: FilesystemBackend, root: Path) -> None:
        upload = _sent_in_parts(backend)
        backend.assemble(upload, Budget(seconds=1))

        with pytest.raises(UploadInProgress):
            put(backend, upload, b"XYZ")

        assert files_below(root) == [upload.upload_path]

    @pytest.mark.parametrize("part", [b"d", b"defg"], ids=["short", "long"])
    def test_a_part_of_the_wrong_length_counts_as_missing(
        self, backend: FilesystemBackend, root: Path, part: bytes
    ) -> None:
        upload = _sent_in_parts(backend)
        (root / f"{upload.upload_path}.parts" / "2").write_bytes(part)

        assert backend.missing(upload) == [upload.slice(2)]
        with pytest.raises(PartsMissing):
            backend.assemble(upload, Budget(seconds=1))


class TestPublishing:
    def test_a_swap_in_the_last_moment_is_noticed(
        self, backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the look at the upload path and the link."""
        upload = upload_of(backend, 3)
        put(backend, upload, b"abc")
        verified = backend.stat(upload.upload_path)
        link = os.link

        def swap_and_link(*arguments: Any, **more: Any) -> None:
            swapped = root / "swapped"
            swapped.write_bytes(b"XYZ")
            swapped.replace(root / upload.upload_path)
            link(*arguments, **more)

        monkeypatch.setattr(os, "link", swap_and_link)
        with pytest.raises(ObjectChanged):
            backend.publish(upload, verified, Budget(seconds=1))

        assert not (root / upload.file_path).exists()

    def test_an_object_that_was_swapped_before_is_not_linked(
        self, backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is never at the file path."""
        upload = upload_of(backend, 3)
        put(backend, upload, b"abc")
        verified = backend.stat(upload.upload_path)
        backend.delete([upload.upload_path])
        put(backend, upload, b"XYZ")
        monkeypatch.setattr(os, "link", failing(errno.EIO))

        with pytest.raises(ObjectChanged):
            backend.publish(upload, verified, Budget(seconds=1))

    def test_concurrent_publishes_end_with_one_file(self, backend: FilesystemBackend, root: Path) -> None:
        upload = upload_of(backend, 3)
        put(backend, upload, b"abc")
        verified = backend.stat(upload.upload_path)
        start = Barrier(20)

        def publish(_: int) -> str:
            start.wait(timeout=30)
            return backend.publish(upload, verified, Budget(seconds=1)).etag

        with ThreadPoolExecutor(20) as pool:
            assert set(pool.map(publish, range(20))) == {verified.etag}


class TestObjects:
    def test_published_bytes_are_the_same_file_and_not_a_copy(self, backend: FilesystemBackend, root: Path) -> None:
        upload = upload_of(backend, 3)
        put(backend, upload, b"abc")

        published = backend.publish(upload, backend.stat(upload.upload_path), Budget(seconds=1))

        assert (root / upload.file_path).samefile(root / upload.upload_path)
        assert published.etag == backend.stat(upload.upload_path).etag

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

    @pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
    def test_without_hard_links_files_are_moved_into_place_just_as_safely(
        self, backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        monkeypatch.setattr(os, "link", failing(number))
        upload = upload_of(backend, 3)

        put(backend, upload, b"abc")
        with pytest.raises(UploadInProgress):
            put(backend, upload, b"xyz")
        verified = backend.stat(upload.upload_path)
        published = backend.publish(upload, verified, Budget(seconds=1))

        assert published == backend.publish(upload, verified, Budget(seconds=1))
        assert (root / upload.file_path).read_bytes() == b"abc"
        assert files_below(root) == [upload.file_path]


def _sent_in_parts(backend: FilesystemBackend) -> Upload:
    upload = upload_of(backend, 8, part_size=3)
    for number, data in enumerate((b"abc", b"def", b"gh"), start=1):
        put(backend, upload, data, part_number=number)
    return upload
