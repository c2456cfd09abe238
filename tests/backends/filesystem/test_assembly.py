"""Assembly of parts on the local disk."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from fileman.backends.base import Backend
from fileman.backends.filesystem import publishing
from fileman.backends.time_limit import time_limit
from fileman.backends.values import Upload
from fileman.errors import PartsMissing, UploadInProgress
from tests.backends.filesystem.folder import failing, files_below, put, upload_of


def sent_in_parts(backend: Backend) -> Upload:
    upload = upload_of(backend, 8, part_size=3)
    for number, data in enumerate((b"abc", b"def", b"gh"), start=1):
        put(backend, upload, data, part_number=number)
    return upload


class TestAssembly:
    @pytest.mark.parametrize(("piece", "done"), [(publishing.PIECE_BYTES, [3, 6]), (2, [2, 3, 5, 6])])
    def test_each_call_without_time_copies_a_part_or_a_piece_and_notes_progress(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch, piece: int, done: list[int]
    ) -> None:
        monkeypatch.setattr(publishing, "PIECE_BYTES", piece)
        upload = sent_in_parts(backend)

        noted = []
        for _ in done:
            with time_limit(0), pytest.raises(UploadInProgress):
                backend.assemble(upload)
            noted.append(dict(upload.progress))
        with time_limit(0):
            assembled = backend.assemble(upload)

        assert noted == [{f"{upload.upload_path}.parts/assembled.tmp": count} for count in done]
        assert upload.progress == {}
        assert b"".join(backend.read(assembled.path)) == b"abcdefgh"

    @pytest.mark.parametrize(("noted", "on_disk"), [(6, b""), (0, bytes(8))], ids=["restored database", "power cut"])
    def test_only_bytes_that_are_noted_and_on_the_disk_are_not_copied_again(
        self, backend: Backend, root: Path, noted: int, on_disk: bytes
    ) -> None:
        """After a power cut, a file may contain zeros."""
        upload = sent_in_parts(backend)
        temporary = f"{upload.upload_path}.parts/assembled.tmp"
        upload.progress[temporary] = noted
        (root / temporary).write_bytes(on_disk)

        assembled = backend.assemble(upload)

        assert b"".join(backend.read(assembled.path)) == b"abcdefgh"

    def test_the_bytes_do_not_pass_through_this_process(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = sent_in_parts(backend)
        with monkeypatch.context() as counted:
            for name in ("read", "pread", "write", "pwrite"):
                counted.setattr(os, name, failing(errno.EIO))
            assembled = backend.assemble(upload)

        assert b"".join(backend.read(assembled.path)) == b"abcdefgh"

    @pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP])
    def test_assembly_works_without_copies_by_the_kernel(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        monkeypatch.setattr(os, "copy_file_range", failing(number))

        assembled = backend.assemble(sent_in_parts(backend))

        assert b"".join(backend.read(assembled.path)) == b"abcdefgh"

    def test_a_call_during_another_assembly_is_told_to_wait(self, backend: Backend, root: Path) -> None:
        upload = sent_in_parts(backend)
        with (root / f"{upload.upload_path}.parts" / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(UploadInProgress):
                backend.assemble(upload)

        assert backend.assemble(upload).size == 8

    def test_neither_an_open_part_file_nor_a_late_part_changes_what_was_assembled(
        self, backend: Backend, root: Path
    ) -> None:
        upload = sent_in_parts(backend)
        with (root / f"{upload.upload_path}.parts" / "1").open("r+b") as late:
            assembled = backend.assemble(upload)
            late.write(b"XYZ")

        assert b"".join(backend.read(assembled.path)) == b"abcdefgh"
        assert backend.stat(upload.upload_path).etag == assembled.etag
        with pytest.raises(UploadInProgress):
            put(backend, upload, b"XYZ")
        assert files_below(root) == [upload.upload_path]

    @pytest.mark.parametrize("part", [b"d", b"defg"], ids=["short", "long"])
    def test_a_part_of_the_wrong_length_counts_as_missing(self, backend: Backend, root: Path, part: bytes) -> None:
        upload = sent_in_parts(backend)
        (root / f"{upload.upload_path}.parts" / "2").write_bytes(part)

        assert backend.missing(upload) == [upload.slice(2)]
        with pytest.raises(PartsMissing):
            backend.assemble(upload)
