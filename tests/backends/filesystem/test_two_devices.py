"""uploads/ on another device than .uploads/: files are copied, in pieces and pinned to their source."""

import errno
import fcntl
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fileman.backends.base import Backend
from fileman.backends.filesystem import publishing
from fileman.backends.time_limit import time_limit
from fileman.backends.values import StoredObject, Upload
from fileman.errors import ObjectChanged, StorageFull, StorageUnavailable, UploadInProgress
from tests.backends.filesystem.devices import mounted, remount
from tests.backends.filesystem.folder import (
    DATA,
    entries_below,
    failing,
    files_below,
    other_device,
    put,
    sent,
    upload_of,
)
from tests.backends.uploads import next_try


@pytest.fixture(params=["uploads", ".uploads", "injected"])
def _two_devices(request: pytest.FixtureRequest, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Mount one of the two folders; "injected" needs no right to mount: `os.link` fails with EXDEV."""
    if request.param == "injected":
        monkeypatch.setattr(os, "link", other_device())
        yield
    else:
        with mounted(root / request.param):
            yield


@pytest.fixture
def _pieces_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "PIECE_BYTES", 3)


@pytest.mark.usefixtures("_two_devices")
class TestCopies:
    def test_the_file_is_copied_and_nothing_else_is_left(self, backend: Backend, root: Path) -> None:
        """The copy has another etag, and the checksums of its source, which has not changed meanwhile."""
        upload, verified = sent(backend)

        published = backend.publish(upload, verified)

        assert (root / upload.file_path).read_bytes() == DATA
        assert not (root / upload.file_path).samefile(root / upload.upload_path)
        assert entries_below(root / "uploads" / str(upload.file_id)) == ["1", "1/probe.txt"]
        assert replace(published, checksums={}) == backend.stat(upload.file_path)
        assert published.etag != verified.etag
        assert published.checksums == verified.checksums != {}

    @pytest.mark.usefixtures("_pieces_of_three")
    def test_each_call_without_time_copies_one_piece_and_none_again(self, backend: Backend, root: Path) -> None:
        """As a mark, the bytes on the other device are changed after the first call."""
        upload, verified = sent(backend)
        temporary = f"{upload.folder}.parts/{verified.etag}.tmp"

        noted = []
        for mark in (b"XYZ", b"XYZdef"):
            _publish_a_piece(backend, upload, verified)
            (root / temporary).write_bytes(mark)
            noted.append(dict(upload.progress))
        with time_limit(0):
            backend.publish(upload, verified)

        assert noted == [{temporary: 3}, {temporary: 6}]
        assert upload.progress == {}
        assert (root / upload.file_path).read_bytes() == b"XYZdefgh"

    @pytest.mark.usefixtures("_pieces_of_three")
    @pytest.mark.parametrize("keeps_notes", [True, False], ids=["old notes", "no notes"])
    def test_a_copy_is_never_continued_with_the_bytes_of_another_source(
        self, backend: Backend, root: Path, keeps_notes: bool
    ) -> None:
        upload, verified = sent(backend)
        _publish_a_piece(backend, upload, verified)
        notes = dict(upload.progress) if keeps_notes else {}
        (root / upload.upload_path).unlink()
        put(backend, upload, DATA.upper())

        with pytest.raises(ObjectChanged):
            backend.publish(upload, verified)

        assert upload.progress == {}
        assert backend.find(upload.file_path) is None
        backend.publish(replace(upload, progress=notes), backend.stat(upload.upload_path))
        assert (root / upload.file_path).read_bytes() == DATA.upper()

    def test_a_source_that_changes_during_the_copy_is_not_published(
        self, backend: Backend, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The fault: another program writes into the file, before the copied bytes are synced."""
        upload, verified = sent(backend)
        fsync = os.fsync

        def write_and_sync(descriptor: int) -> None:
            (root / upload.upload_path).write_bytes(DATA.upper())
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", write_and_sync)
        with pytest.raises(ObjectChanged):
            backend.publish(upload, verified)

        assert upload.progress == {}
        assert backend.find(upload.file_path) is None

    @pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP])
    def test_a_kernel_that_cannot_copy_is_not_needed(
        self, backend: Backend, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        monkeypatch.setattr(os, "copy_file_range", failing(number))
        upload, verified = sent(backend)

        backend.publish(upload, verified)

        assert (root / upload.file_path).read_bytes() == DATA

    def test_a_copy_that_has_its_name_is_never_written_again(
        self, backend: Backend, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The fault: the process ends between the link and the removal of the first name."""
        upload, verified = sent(backend)
        notes = {f"{upload.folder}.parts/{verified.etag}.tmp": 3}
        with monkeypatch.context() as broken:
            broken.setattr(os, "rmdir", failing(errno.EIO))
            broken.setattr(os, "unlink", failing(errno.EIO))
            with pytest.raises(StorageUnavailable):
                backend.publish(upload, verified)
        found = backend.stat(upload.file_path)

        for again in (replace(upload, progress=notes), next_try(upload)):
            with pytest.raises(ObjectChanged):
                backend.publish(again, verified)
            assert again.progress == {}

        assert backend.stat(upload.file_path) == found
        assert (root / upload.file_path).read_bytes() == DATA

    def test_a_call_during_another_copy_is_told_to_wait(self, backend: Backend, root: Path) -> None:
        """It keeps its path."""
        upload, verified = sent(backend)
        work_folder = root / f"{upload.folder}.parts"
        work_folder.mkdir(parents=True)
        with (work_folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(UploadInProgress):
                backend.publish(upload, verified)

        assert upload.progress == {f"{upload.folder}.parts/{verified.etag}.tmp": 0}
        assert backend.publish(upload, verified).size == len(DATA)

    @pytest.mark.usefixtures("_pieces_of_three")
    @pytest.mark.parametrize("end", ["abort", "delete the upload path", "delete the file path", "delete the folder"])
    def test_an_unfinished_copy_is_removed_with_its_upload(self, backend: Backend, root: Path, end: str) -> None:
        upload, verified = sent(backend)
        _publish_a_piece(backend, upload, verified)
        assert {stored.size for stored in backend.list_objects(upload.folder)} == {0, 3}

        if end == "abort":
            backend.abort(upload)
        else:
            paths = {"upload path": upload.upload_path, "file path": upload.file_path, "folder": upload.folder}
            assert backend.delete([paths[end.removeprefix("delete the ")]]) == []

        assert list(backend.list_objects(upload.folder)) == []
        backend.delete([upload.upload_path, upload.file_path])
        assert files_below(root) == []
        assert entries_below(root / "uploads") == []


class TestFaults:
    def test_a_copy_waits_for_room(self, backend: Backend, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A real device of 64 KiB."""
        monkeypatch.setattr(publishing, "PIECE_BYTES", 32 * 1024)
        monkeypatch.setattr(publishing, "SYNC_BYTES", 32 * 1024)
        size = 100 * 1024
        upload = upload_of(backend, size)
        with mounted(root / "uploads", options="size=64k") as device:
            put(backend, upload, bytes(size))
            verified = backend.stat(upload.upload_path)
            with pytest.raises(StorageFull):
                backend.publish(upload, verified)
            assert backend.find(upload.file_path) is None
            assert upload.progress == {f"{upload.folder}.parts/{verified.etag}.tmp": 64 * 1024}
            remount(device, "size=1m")

            backend.publish(upload, verified)

            assert (root / upload.file_path).read_bytes() == bytes(size)


def _publish_a_piece(backend: Backend, upload: Upload, verified: StoredObject) -> None:
    with time_limit(0), pytest.raises(UploadInProgress):
        backend.publish(upload, verified)
