"""Whole files or none after a failure of the disk, the client or the process."""

import errno
import io
import os
import stat
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fileman.backends.base import Backend
from fileman.errors import StorageMisconfigured, StorageUnavailable, UploadInProgress
from tests.backends.filesystem.folder import failing, failing_open, files_below, put, upload_of


class TestFaults:
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
    @pytest.mark.parametrize("call", ["write", "fsync", "link"])
    def test_a_full_or_broken_disk_leaves_nothing_and_may_pass(
        self, backend: Backend, root: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
    ) -> None:
        """The upload can be sent again once there is room."""
        upload = upload_of(backend, 3)
        put(backend, upload_of(backend, 1), b"x")
        before = files_below(root)
        with monkeypatch.context() as broken:
            broken.setattr(os, call, failing(number))
            with pytest.raises(StorageUnavailable):
                put(backend, upload, b"abc")

        assert files_below(root) == before
        assert backend.missing(upload) == [upload.slice(1)]
        put(backend, upload, b"abc")
        assert b"".join(backend.read(upload.upload_path)) == b"abc"

    @pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENAMETOOLONG])
    def test_an_unwritable_disk_or_path_needs_an_operator(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        """The message names no path of the server."""
        monkeypatch.setattr(os, "open", failing_open(number, when=lambda flags: bool(flags & os.O_CREAT)))

        with pytest.raises(StorageMisconfigured) as raised:
            put(backend, upload_of(backend, 3), b"abc")

        assert raised.value.message == StorageMisconfigured.message


class TestWriting:
    @pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
    def test_a_sender_that_is_overtaken_loses(
        self, backend: Backend, root: Path, monkeypatch: pytest.MonkeyPatch, links: bool
    ) -> None:
        """Nothing is replaced, however late the other sender comes."""
        if not links:
            monkeypatch.setattr(os, "link", failing(errno.EOPNOTSUPP))
        upload = upload_of(backend, 3)

        class OvertakenStream(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                put(backend, upload, b"abc")
                return super().read(size)

        with pytest.raises(UploadInProgress):
            backend.write(upload, upload.slice(1), OvertakenStream(b"XYZ"))

        assert (root / upload.upload_path).read_bytes() == b"abc"
        assert files_below(root) == [upload.upload_path]

    def test_a_file_gets_its_name_once_it_is_on_disk(self, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
        """Temporary file, fsync, link, fsync of the folder."""
        put(backend, upload_of(backend, 1), b"x")
        upload = upload_of(backend, 3, upload_path="uploads/name")
        backend.validate_configuration()
        calls = _recorded(monkeypatch, "write", "link", "fsync")

        put(backend, upload, b"abc")

        assert calls == ["fsync of a folder", "write", "fsync of a file", "link", "fsync of a folder"]

    def test_a_part_is_entered_once_it_is_on_disk(self, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
        """The whole is synced before it is linked, the folders after."""
        upload = upload_of(backend, 5, part_size=3)
        put(backend, upload, b"abc", part_number=1)
        calls = _recorded(monkeypatch, "write", "pwrite", "link", "fsync", "fdatasync")

        put(backend, upload, b"de", part_number=2)
        assert calls == ["pwrite", "write", "fdatasync", "pwrite", "fdatasync"]

        calls.clear()
        backend.assemble(upload)
        assert calls == ["fsync of a file", "link", "fsync of a folder", "fsync of a folder"]


def _recorded(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[str]:
    """Return the list of all later calls of these functions of the operating system."""
    calls: list[str] = []

    def called(name: str, real: Any, target: Any, *arguments: Any, **more: Any) -> Any:
        kind = "folder" if name == "fsync" and stat.S_ISDIR(os.fstat(target).st_mode) else "file"
        calls.append(f"fsync of a {kind}" if name == "fsync" else name)
        return real(target, *arguments, **more)

    for name in names:
        monkeypatch.setattr(os, name, partial(called, name, getattr(os, name)))
    return calls
