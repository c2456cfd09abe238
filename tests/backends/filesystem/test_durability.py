"""Whole files or none after a failure of the disk, the client or the process."""

import errno
import io
import os
import resource
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from fileman.backends.filesystem.backend import FilesystemBackend
from fileman.errors import (
    SizeMismatch,
    StorageMisconfigured,
    StorageUnavailable,
    UploadInProgress,
)
from tests.backends.filesystem.folder import failing, failing_open, files_below, make, put, upload_of

MIB = 1024**2


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def backend(root: Path) -> FilesystemBackend:
    return make(root)


class TestFaults:
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
    @pytest.mark.parametrize("call", ["write", "fsync", "link"])
    def test_a_full_or_broken_disk_leaves_nothing_and_may_pass(
        self, backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
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

    @pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
    def test_an_unwritable_disk_needs_an_operator(
        self, backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        """The message names no path of the server."""
        monkeypatch.setattr(os, "open", failing_open(number, when=lambda flags: bool(flags & os.O_CREAT)))

        with pytest.raises(StorageMisconfigured) as raised:
            put(backend, upload_of(backend, 3), b"abc")

        assert raised.value.message == StorageMisconfigured.message

    def test_a_stream_that_ends_early_leaves_nothing(self, backend: FilesystemBackend, root: Path) -> None:
        with pytest.raises(SizeMismatch, match="ended 1 bytes before its 3 bytes"):
            put(backend, upload_of(backend, 3), b"ab")

        assert files_below(root) == []

    def test_a_path_that_is_too_long_for_the_disk_needs_an_operator(self, backend: FilesystemBackend) -> None:
        upload = upload_of(backend, 3, upload_path=f"uploads/{'n' * 300}")

        with pytest.raises(StorageMisconfigured):
            put(backend, upload, b"abc")


class TestWriting:
    def test_of_fifty_senders_of_one_slice_exactly_one_wins(self, backend: FilesystemBackend, root: Path) -> None:
        upload = upload_of(backend, 100_000)
        start = Barrier(50)

        def send(sender: int) -> bool:
            stream = io.BytesIO(bytes([sender]) * upload.size)
            start.wait(timeout=30)
            try:
                backend.write(upload, upload.slice(1), stream)
            except UploadInProgress:
                return False
            return True

        with ThreadPoolExecutor(50) as pool:
            won = list(pool.map(send, range(50)))

        assert won.count(True) == 1
        assert b"".join(backend.read(upload.upload_path)) == bytes([won.index(True)]) * upload.size
        assert files_below(root) == [upload.upload_path]

    @pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
    def test_a_sender_that_is_overtaken_loses(
        self, backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch, links: bool
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

    def test_a_file_gets_its_name_only_once_it_is_on_the_disk(
        self, backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Temporary file, fsync, link, fsync of the folder."""
        put(backend, upload_of(backend, 1), b"x")
        upload = upload_of(backend, 3, upload_path="uploads/name")
        backend.validate_configuration()
        calls: list[str] = []
        for name in ("write", "link", "fsync"):
            monkeypatch.setattr(os, name, _recording(name, getattr(os, name), calls))

        put(backend, upload, b"abc")

        assert calls == ["fsync of a folder", "write", "fsync of a file", "link", "fsync of a folder"]

    def test_joined_parts_get_their_names_only_once_they_are_on_the_disk(
        self, backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each piece is synced before it counts as copied, the whole before it is linked, the folder after."""
        upload = upload_of(backend, 5, part_size=3, file_path=".uploads/published")
        put(backend, upload, b"abc", part_number=1)
        put(backend, upload, b"de", part_number=2)
        calls: list[str] = []
        for name in ("link", "fsync"):
            monkeypatch.setattr(os, name, _recording(name, getattr(os, name), calls))

        assembled = backend.assemble(upload)
        removed_parts = calls.pop()
        backend.publish(upload, assembled)

        named = ["link", "fsync of a folder"]
        assert calls == ["fsync of a file", "fsync of a file", "fsync of a file", *named, *named]
        assert removed_parts == "fsync of a folder"

    def test_a_killed_process_leaves_only_files_that_cleanup_finds(
        self, backend: FilesystemBackend, root: Path
    ) -> None:
        """Kill -9 in the middle of 200 MB."""
        upload = upload_of(backend, 200 * MIB)
        child = subprocess.Popen(
            [sys.executable, "-c", _HALF_AN_UPLOAD, str(root), upload.upload_path],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
            stdout=subprocess.PIPE,
        )
        with child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"half\n"
            child.send_signal(signal.SIGKILL)

        assert not (root / upload.upload_path).exists()
        assert backend.missing(upload) == [upload.slice(1)]
        leftovers = list(backend.list_objects(".uploads/"))
        assert [stored.size for stored in leftovers] == [100 * MIB]
        assert backend.delete([upload.upload_path]) == []
        assert files_below(root) == []

    def test_a_file_larger_than_the_system_allows_leaves_nothing(self, backend: FilesystemBackend, root: Path) -> None:
        """A real refusal in the middle of the bytes."""
        upload = upload_of(backend, 3 * MIB)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, limits[1]))
        try:
            with pytest.raises(StorageUnavailable, match="storage is full"):
                put(backend, upload, bytes(upload.size))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

        assert files_below(root) == []


_HALF_AN_UPLOAD = """
import sys, time
from dataclasses import replace
from pathlib import Path
from fileman.backends.filesystem.backend import FilesystemBackend
from tests.backends.filesystem.folder import make, upload_of

class HalfStream:
    left = 100 * 1024**2

    def read(self, size):
        if not self.left:
            print("half", flush=True)
            time.sleep(60)
        chunk = bytes(min(size, self.left))
        self.left -= len(chunk)
        return chunk

backend = make(Path(sys.argv[1]))
upload = upload_of(backend, 200 * 1024**2, upload_path=sys.argv[2])
backend.write(upload, upload.slice(1), HalfStream())
"""


def _recording(name: str, real: Any, calls: list[str]) -> Any:
    def called(target: Any, *arguments: Any, **more: Any) -> Any:
        kind = ""
        if name == "fsync":
            kind = " of a folder" if stat.S_ISDIR(os.fstat(target).st_mode) else " of a file"
        calls.append(f"{name}{kind}")
        return real(target, *arguments, **more)

    return called
