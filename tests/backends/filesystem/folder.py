"""A filesystem backend over a folder, uploads for it, and operating system calls that fail."""

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fileman.backends.base import Backend
from fileman.backends.filesystem.backend import FilesystemBackend
from fileman.backends.filesystem.entries import MARKER
from fileman.backends.values import StoredObject, Upload
from tests.backends import uploads
from tests.backends.uploads import make_backend

DATA = b"abcdefgh"


def make(base_path: Path, *, backend_url: str = "", **settings: Any) -> FilesystemBackend:
    return make_backend(FilesystemBackend, {"base_path": str(base_path), **settings}, backend_url, direct=False)


def upload_of(backend: Backend, size: int, *, part_size: int = 0, **changes: Any) -> Upload:
    return uploads.upload_of(size, part_size=part_size, prefix="", owner=str(backend.config.manager_id), **changes)


def marked(backend: FilesystemBackend) -> FilesystemBackend:
    backend.mark_place([])
    return backend


def put(backend: Backend, upload: Upload, data: bytes, *, part_number: int = 1) -> None:
    backend.write(upload, upload.slice(part_number), io.BytesIO(data))


def sent(backend: Backend) -> tuple[Upload, StoredObject]:
    """Return an upload after its bytes have arrived, and its facts with their checksum."""
    upload = upload_of(backend, len(DATA))
    verified = backend.write(upload, upload.slice(1), io.BytesIO(DATA))
    assert verified is not None
    return upload, verified


def files_below(folder: Path) -> list[str]:
    """Return the paths of all files but markers."""
    return [path for path in entries_below(folder) if not (folder / path).is_dir()]


def entries_below(folder: Path) -> list[str]:
    """Folders too."""
    return sorted(str(entry.relative_to(folder)) for entry in folder.rglob("*") if entry.name != MARKER)


def failing_open(number: int, *, when: Callable[[int], bool]) -> Any:
    """`os.open` that fails like the operating system for some flags."""

    real = os.open

    def opened(name: Any, flags: int, *arguments: Any, **more: Any) -> int:
        if when(flags):
            raise OSError(number, os.strerror(number), name)
        descriptor: int = real(name, flags, *arguments, **more)
        return descriptor

    return opened


def other_device(number: int = errno.EXDEV) -> Any:
    """`os.link` that fails as if uploads/ were on another device than .uploads/; with temporary files it works."""
    real = os.link

    def link(source: str, target: str, **folders: Any) -> None:
        if not source.endswith(".tmp"):
            raise OSError(number, os.strerror(number), source)
        real(source, target, **folders)

    return link


def failing(number: int) -> Any:
    def broken(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return broken
