"""Publishing on the local disk: one link, pinned to the verified file."""

import errno
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from fileman.backends.filesystem.backend import FilesystemBackend
from fileman.backends.values import StoredObject, Upload
from fileman.errors import FileMissing, ObjectChanged, StorageMisconfigured, StorageUnavailable, UploadInProgress
from tests.backends.filesystem.folder import entries_below, failing, files_below, make, next_try, put, upload_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def backend(root: Path) -> FilesystemBackend:
    return make(root)


class TestLinks:
    def test_published_bytes_are_the_same_file_and_not_a_copy(self, backend: FilesystemBackend, root: Path) -> None:
        """So what was computed over the verified file holds for the published one."""
        upload = upload_of(backend, 3)
        verified = _sent(backend, upload)

        published = backend.publish(upload, verified)

        assert (root / upload.file_path).samefile(root / upload.upload_path)
        assert published.etag == verified.etag
        assert published.checksums == verified.checksums != {}

    def test_a_swap_in_the_last_moment_is_noticed(
        self, backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the look at the upload path and the link."""
        upload = upload_of(backend, 3)
        verified = _sent(backend, upload)
        link = os.link

        def swap_and_link(*arguments: Any, **more: Any) -> None:
            swapped = root / "swapped"
            swapped.write_bytes(b"XYZ")
            swapped.replace(root / upload.upload_path)
            link(*arguments, **more)

        monkeypatch.setattr(os, "link", swap_and_link)
        with pytest.raises(ObjectChanged):
            backend.publish(upload, verified)

        assert entries_below(root / "uploads") == []

    def test_an_object_that_was_swapped_before_is_not_linked(
        self, backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is never at the file path."""
        upload = upload_of(backend, 3)
        verified = _sent(backend, upload)
        backend.delete([upload.upload_path])
        put(backend, upload, b"XYZ")
        monkeypatch.setattr(os, "link", failing(errno.EIO))

        with pytest.raises(ObjectChanged):
            backend.publish(upload, verified)

    @pytest.mark.parametrize("taken_by", ["a file", "a link"])
    def test_whatever_is_at_the_file_path_is_neither_taken_nor_removed(
        self, backend: FilesystemBackend, root: Path, taken_by: str
    ) -> None:
        """No request of ours has put it there. The next call has another path."""
        upload = upload_of(backend, 3)
        verified = _sent(backend, upload)
        target, taken = root / "target", root / upload.file_path
        target.write_bytes(b"untouched")
        taken.parent.mkdir(parents=True)
        taken.symlink_to(target) if taken_by == "a link" else taken.write_bytes(b"untouched")
        upload.progress["note"] = 1

        with pytest.raises(ObjectChanged):
            backend.publish(upload, verified)

        assert upload.progress == {}
        assert (taken.is_symlink(), taken.read_bytes()) == (taken_by == "a link", b"untouched")
        assert backend.publish(next_try(upload), verified).etag == verified.etag

    @pytest.mark.parametrize(
        ("number", "raised"), [(errno.EIO, StorageUnavailable), (errno.EROFS, StorageMisconfigured)]
    )
    def test_a_link_that_fails_leaves_no_notes(
        self,
        backend: FilesystemBackend,
        monkeypatch: pytest.MonkeyPatch,
        number: int,
        raised: type[Exception],
    ) -> None:
        """So the next call has another path, whatever became of this link."""
        upload = upload_of(backend, 3)
        verified = _sent(backend, upload)
        upload.progress["note"] = 1
        with monkeypatch.context() as broken:
            broken.setattr(os, "link", failing(number))
            with pytest.raises(raised):
                backend.publish(upload, verified)

        assert upload.progress == {}
        assert backend.find(upload.file_path) is None
        assert backend.publish(next_try(upload), verified).etag == verified.etag

    def test_of_many_publishes_to_one_path_exactly_one_succeeds(self, backend: FilesystemBackend, root: Path) -> None:
        """No finalize sends two; if it did, none would take the file of another."""
        upload = upload_of(backend, 3)
        verified = _sent(backend, upload)
        start = Barrier(20)

        def publish(_: int) -> bool:
            start.wait(timeout=30)
            try:
                return backend.publish(upload, verified).etag == verified.etag
            except ObjectChanged:
                return False

        with ThreadPoolExecutor(20) as pool:
            succeeded = list(pool.map(publish, range(20)))

        assert succeeded.count(True) == 1
        assert (root / upload.file_path).samefile(root / upload.upload_path)


class TestWithoutHardLinks:
    """The fault: `os.link` fails as on a file system that has no hard links, so that files are moved."""

    @pytest.fixture(params=[errno.EPERM, errno.EOPNOTSUPP])
    def moves(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "link", failing(request.param))

    @pytest.mark.usefixtures("moves")
    def test_a_slice_is_written_just_as_safely(self, backend: FilesystemBackend, root: Path) -> None:
        upload = upload_of(backend, 3)

        put(backend, upload, b"abc")
        with pytest.raises(UploadInProgress):
            put(backend, upload, b"xyz")

        assert files_below(root) == [upload.upload_path]
        assert (root / upload.upload_path).read_bytes() == b"abc"

    @pytest.mark.usefixtures("moves")
    def test_a_published_file_is_the_verified_one(self, backend: FilesystemBackend, root: Path) -> None:
        """It keeps its etag on the way."""
        upload = upload_of(backend, 3)
        verified = _sent(backend, upload)

        published = backend.publish(upload, verified)

        assert (published.etag, published.checksums) == (verified.etag, verified.checksums)
        assert (root / upload.file_path).read_bytes() == b"abc"
        assert files_below(root) == [upload.file_path]

    @pytest.mark.usefixtures("moves")
    def test_after_a_crash_the_file_is_found_at_the_earlier_try_and_nowhere_else(
        self, backend: FilesystemBackend, root: Path
    ) -> None:
        """The upload path is empty then, so finalize must look at the earlier tries before it asks for slices."""
        upload = upload_of(backend, 3)
        verified = _sent(backend, upload)
        backend.publish(upload, verified)

        with pytest.raises(FileMissing):
            backend.publish(next_try(upload), verified)

        assert backend.find(upload.upload_path) is None
        assert backend.missing(upload) == [upload.slice(1)]
        found = backend.find(upload.file_path)
        assert found is not None
        assert found.etag == verified.etag
        assert files_below(root) == [upload.file_path]


def _sent(backend: FilesystemBackend, upload: Upload) -> StoredObject:
    """Return the facts of an upload after its bytes have arrived, with their checksum."""
    verified = backend.write(upload, upload.slice(1), io.BytesIO(b"abc"))
    assert verified is not None
    return verified
