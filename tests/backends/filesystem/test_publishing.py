"""Publishing on the local disk: one link, pinned to the verified file."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from fileman.backends.base import Backend
from fileman.errors import FileMissing, ObjectChanged, StorageError
from tests.backends.filesystem.folder import DATA, entries_below, failing, files_below, sent
from tests.backends.uploads import next_try


class TestLinks:
    def test_published_bytes_are_the_same_file_and_not_a_copy(self, backend: Backend, root: Path) -> None:
        """So what was computed over the verified file holds for the published one."""
        upload, verified = sent(backend)

        published = backend.publish(upload, verified)

        assert (root / upload.file_path).samefile(root / upload.upload_path)
        assert published.etag == verified.etag
        assert published.checksums == verified.checksums != {}

    def test_a_swap_just_before_is_noticed(self, backend: Backend, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between the look at the upload path and the link."""
        upload, verified = sent(backend)
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

    @pytest.mark.parametrize("taken_by", ["a file", "a link"])
    def test_what_is_in_the_way_is_neither_taken_nor_removed(self, backend: Backend, root: Path, taken_by: str) -> None:
        """No request of ours has put it there. The next call has another path."""
        upload, verified = sent(backend)
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

    @pytest.mark.parametrize("number", [errno.EIO, errno.EROFS])
    def test_a_failed_link_leaves_no_note(self, backend: Backend, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        """So the next call has another path, whatever became of this link."""
        upload, verified = sent(backend)
        upload.progress["note"] = 1
        with monkeypatch.context() as broken:
            broken.setattr(os, "link", failing(number))
            with pytest.raises(StorageError):
                backend.publish(upload, verified)

        assert upload.progress == {}
        assert backend.find(upload.file_path) is None
        assert backend.publish(next_try(upload), verified).etag == verified.etag

    @pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
    def test_without_hard_links_the_verified_file_is_moved_and_is_nowhere_else(
        self, backend: Backend, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        """The upload path is empty then, so finalize must look at the earlier tries before it asks for slices."""
        monkeypatch.setattr(os, "link", failing(number))
        upload, verified = sent(backend)

        published = backend.publish(upload, verified)

        assert (published.etag, published.checksums) == (verified.etag, verified.checksums)
        assert (root / upload.file_path).read_bytes() == DATA
        with pytest.raises(FileMissing):
            backend.publish(next_try(upload), verified)

        assert backend.find(upload.upload_path) is None
        assert backend.missing(upload) == [upload.slice(1)]
        assert backend.stat(upload.file_path).etag == verified.etag
        assert files_below(root) == [upload.file_path]
