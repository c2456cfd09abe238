"""Parts on the local disk: one file, whatever several writers, finalize and the disk do at once."""

import errno
import fcntl
import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fileman.backends.base import Backend
from fileman.backends.filesystem import backend as module
from fileman.backends.filesystem.parts import write_part
from fileman.backends.values import Upload
from fileman.errors import PartsMissing, SizeMismatch, StorageUnavailable, UploadInProgress
from tests.backends.filesystem.folder import entries_below, failing, files_below, put, upload_of

DATA = {1: b"abc", 2: b"def", 3: b"gh"}
WHOLE = b"abcdefgh"


class SlowBody(io.BytesIO):
    """A body that arrives byte by byte. Something else happens after the first."""

    def __init__(self, data: bytes, meanwhile: Callable[[], object]) -> None:
        super().__init__(data)
        self._meanwhile = meanwhile

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() == 1:
            self._meanwhile()
        return super().read(1)


def send(backend: Backend, *numbers: int, upload: Upload | None = None) -> Upload:
    upload = upload or upload_of(backend, len(WHOLE), part_size=3)
    for number in numbers:
        put(backend, upload, DATA[number], part_number=number)
    return upload


def work_folder(root: Path, upload: Upload) -> Path:
    return root / f"{upload.upload_path}.parts"


class TestWriters:
    @pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
    @pytest.mark.parametrize("end", ["newer part", "assembly", "publishing"])
    def test_a_request_that_hung_changes_nothing_after_a_newer_one_has_sent_its_part(
        self, backend: Backend, root: Path, monkeypatch: pytest.MonkeyPatch, end: str, links: bool
    ) -> None:
        """The fault: its next bytes come when the part, or all, has arrived, and the file is open in that process."""
        if not links:
            monkeypatch.setattr(os, "link", failing(errno.EPERM))
        upload = send(backend, 2, 3)

        def overtake() -> None:
            send(backend, 1, upload=upload)
            if end != "newer part":
                stored = backend.assemble(upload)
                if end == "publishing":
                    backend.publish(upload, stored)

        with pytest.raises(UploadInProgress):
            backend.write(upload, upload.slice(1), SlowBody(b"XYZ", overtake))

        path = upload.file_path if end == "publishing" else backend.assemble(upload).path
        assert (root / path).read_bytes() == WHOLE

    def test_of_two_requests_that_write_one_part_the_newer_goes_on(self, backend: Backend) -> None:
        """The fault: both are sending. Bytes of the older are not mixed into the part, also if the newer breaks off."""
        upload = send(backend, 2, 3)

        def take_over() -> None:
            with pytest.raises(SizeMismatch):
                put(backend, upload, b"a")

        with pytest.raises(UploadInProgress):
            backend.write(upload, upload.slice(1), SlowBody(b"XYZ", take_over))

        assert backend.missing(upload) == [upload.slice(1)]
        send(backend, 1, upload=upload)
        assert b"".join(backend.read(backend.assemble(upload).path)) == WHOLE

    def test_finalize_while_a_part_is_being_written_waits_for_it(self, backend: Backend, root: Path) -> None:
        upload = send(backend, 2, 3)

        def finalize() -> None:
            with pytest.raises(PartsMissing):
                backend.assemble(upload)

        backend.write(upload, upload.slice(1), SlowBody(DATA[1], finalize))
        with (work_folder(root, upload) / "whole.tmp").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(UploadInProgress):
                backend.assemble(upload)

        assert b"".join(backend.read(backend.assemble(upload).path)) == WHOLE

    @pytest.mark.parametrize("late", [(), (2,)], ids=["alone", "with a later one"])
    def test_a_request_whose_upload_is_aborted_meanwhile_is_refused(
        self, backend: Backend, root: Path, late: tuple[int, ...]
    ) -> None:
        """A later one that passed the look at the upload's state makes new files, which the deletion queue removes."""
        upload = send(backend, 2, 3)

        def abort() -> None:
            backend.abort(upload)
            send(backend, *late, upload=upload)

        with pytest.raises(UploadInProgress):
            backend.write(upload, upload.slice(1), SlowBody(DATA[1], abort))

        assert len(files_below(root)) == 2 * len(late)

    def test_a_request_that_arrives_just_before_the_assembly_is_refused(
        self, backend: Backend, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The fault: between its look at the upload path and its opening of the files, those are linked and removed."""
        upload = send(backend, 1, 2, 3)

        def assemble_first(*arguments: Any) -> None:
            backend.assemble(upload)
            write_part(*arguments)

        monkeypatch.setattr(module, "write_part", assemble_first)
        with pytest.raises(UploadInProgress):
            put(backend, upload, b"XYZ")

        assert (root / upload.upload_path).read_bytes() == WHOLE


class TestInterruptions:
    @pytest.mark.parametrize("removed", [(), ("table",), ("whole.tmp",), ("whole.tmp", "table")], ids=str)
    @pytest.mark.parametrize("end", ["assembly", "deletion"])
    def test_a_late_request_never_changes_a_file_whose_parts_are_half_removed(
        self, backend: Backend, root: Path, monkeypatch: pytest.MonkeyPatch, removed: tuple[str, ...], end: str
    ) -> None:
        """The fault: the process is killed between the link and the end of the removal, or in a deletion."""
        upload = send(backend, 1, 2, 3)
        with monkeypatch.context() as killed:
            killed.setattr(os, "listdir", failing(errno.EIO))
            with pytest.raises(StorageUnavailable):
                backend.assemble(upload)
        published = backend.publish(upload, backend.stat(upload.upload_path))
        for name in (*(["../" + upload.upload_path.rpartition("/")[2]] if end == "deletion" else []), *removed):
            (work_folder(root, upload) / name).unlink()

        with suppress(UploadInProgress) if end == "deletion" else pytest.raises(UploadInProgress):
            put(backend, upload, b"XYZ")
        with suppress(UploadInProgress, PartsMissing):
            backend.assemble(upload)

        assert (root / upload.file_path).read_bytes() == WHOLE
        assert backend.stat(upload.file_path).etag == published.etag
        if end == "assembly":
            assert backend.assemble(upload).etag == published.etag
            assert entries_below(root / ".uploads") == [f"{upload.upload_path.split('/')[1]}", upload.upload_path[9:]]

    @pytest.mark.parametrize("call", ["write", "fdatasync"])
    def test_a_part_that_was_not_entered_is_sent_again(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        """The fault: the process ends, or the disk is full, after some or all bytes of the part."""
        upload = send(backend, 1, 3)
        with monkeypatch.context() as broken:
            broken.setattr(os, call, failing(errno.ENOSPC))
            with pytest.raises(StorageUnavailable):
                put(backend, upload, b"XYZ", part_number=2)

        assert backend.missing(upload) == [upload.slice(2)]
        with pytest.raises(PartsMissing):
            backend.assemble(upload)
        send(backend, 2, upload=upload)
        assert b"".join(backend.read(backend.assemble(upload).path)) == WHOLE

    @pytest.mark.parametrize("lost", ["whole.tmp", "table", "bytes"])
    def test_one_file_without_the_other_counts_for_nothing(self, backend: Backend, root: Path, lost: str) -> None:
        """The fault: a power cut, or a person, has left only the bytes, or only the table that says they are there.

        Or a request is killed after it made an empty file beside such a table.
        """
        upload = send(backend, 1, 2, 3)
        (work_folder(root, upload) / lost.replace("bytes", "whole.tmp")).unlink()
        if lost == "bytes":
            (work_folder(root, upload) / "whole.tmp").touch()
        assert len(backend.missing(upload)) == 3

        send(backend, 1, upload=upload)

        assert backend.missing(upload) == [upload.slice(2), upload.slice(3)]
        send(backend, 2, 3, upload=upload)
        assert b"".join(backend.read(backend.assemble(upload).path)) == WHOLE

    def test_an_upload_that_an_earlier_version_has_begun_is_sent_again(self, backend: Backend, root: Path) -> None:
        """It had a file for each part, which nobody reads any more."""
        upload = upload_of(backend, len(WHOLE), part_size=3, progress={"old": 3})
        work_folder(root, upload).mkdir(parents=True)
        for name, data in {"1": b"abc", "3": b"gh", "lock": b"", "assembled.tmp": b"XYZ"}.items():
            (work_folder(root, upload) / name).write_bytes(data)

        assert len(backend.missing(upload)) == 3
        send(backend, 1, 2, 3, upload=upload)
        backend.publish(upload, backend.assemble(upload))

        assert (root / upload.file_path).read_bytes() == WHOLE
        assert files_below(root) == sorted([upload.file_path, upload.upload_path])
