"""A filesystem backend over a folder, uploads for it, and operating system calls that fail."""

import errno
import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.utils import timezone

from fileman.backends.filesystem.backend import FilesystemBackend
from fileman.backends.values import BackendConfig, PartPlan, StoredObject, Strategy, Upload

DATA = b"abcdefgh"


def make(base_path: Path, *, backend_url: str = "", **settings: Any) -> FilesystemBackend:
    config = BackendConfig(
        manager_id=uuid4(),
        backend_url=backend_url,
        settings={"base_path": str(base_path), **settings},
        supports_direct_upload=False,
    )
    return FilesystemBackend(config)


def next_try(upload: Upload) -> Upload:
    """Return the upload with the file path of its second publishing request."""
    return replace(upload, file_path=f"{upload.folder}2/picture.png", progress={})


def upload_of(backend: FilesystemBackend, size: int, *, part_size: int | None = None, **changes: Any) -> Upload:
    file_id, part_size = uuid4(), part_size or size
    strategy = Strategy.PARTS if part_size < size else Strategy.SINGLE
    values: dict[str, Any] = {
        "file_id": file_id,
        "upload_path": f".uploads/{backend.config.manager_id}/{file_id}",
        "file_path": f"uploads/{file_id}/1/picture.png",
        "parts_path": f"uploads/{file_id}/0/picture.png",
        "folder": f"uploads/{file_id}/",
        "filename": "picture.png",
        "size": size,
        "content_type": "image/png",
        "checksum": None,
        "plan": PartPlan(strategy=strategy, part_size=part_size, total_parts=-(-size // part_size)),
        "begun": {},
        "now": timezone.now(),
        "expires_in": 600,
    }
    return Upload(**{**values, **changes})


def put(backend: FilesystemBackend, upload: Upload, data: bytes, *, part_number: int = 1) -> None:
    backend.write(upload, upload.slice(part_number), io.BytesIO(data))


def sent(backend: FilesystemBackend) -> tuple[Upload, StoredObject]:
    """Return an upload after its bytes have arrived, and its facts with their checksum."""
    upload = upload_of(backend, len(DATA))
    verified = backend.write(upload, upload.slice(1), io.BytesIO(DATA))
    assert verified is not None
    return upload, verified


def files_below(folder: Path) -> list[str]:
    return sorted(str(entry.relative_to(folder)) for entry in folder.rglob("*") if not entry.is_dir())


def entries_below(folder: Path) -> list[str]:
    """Folders too."""
    return sorted(str(entry.relative_to(folder)) for entry in folder.rglob("*"))


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
