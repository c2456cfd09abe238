"""A filesystem backend over a folder, uploads for it, and operating system calls that fail."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.utils import timezone

from fileman.backends.filesystem.backend import FilesystemBackend
from fileman.backends.values import BackendConfig, PartPlan, Strategy, Upload


def make(base_path: Path, *, backend_url: str = "", **settings: Any) -> FilesystemBackend:
    return FilesystemBackend(config(base_path, backend_url=backend_url, **settings))


def config(base_path: Path | str, *, backend_url: str = "", **settings: Any) -> BackendConfig:
    return BackendConfig(
        manager_id=uuid4(),
        backend_url=backend_url,
        settings={"base_path": str(base_path), **settings},
        supports_direct_upload=False,
    )


def upload_of(backend: FilesystemBackend, size: int, *, part_size: int | None = None, **changes: Any) -> Upload:
    file_id, part_size = uuid4(), part_size or size
    strategy = Strategy.PARTS if part_size < size else Strategy.SINGLE
    values: dict[str, Any] = {
        "file_id": file_id,
        "upload_path": f".uploads/{backend.config.manager_id}/{file_id}",
        "file_path": f"uploads/{file_id.hex}.png",
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


def files_below(folder: Path) -> list[str]:
    return sorted(str(entry.relative_to(folder)) for entry in folder.rglob("*") if not entry.is_dir())


def failing_open(number: int, *, when: Callable[[int], bool]) -> Any:
    """`os.open` that fails like the operating system for some flags."""

    real = os.open

    def opened(name: Any, flags: int, *arguments: Any, **more: Any) -> int:
        if when(flags):
            raise OSError(number, os.strerror(number), name)
        descriptor: int = real(name, flags, *arguments, **more)
        return descriptor

    return opened


def failing(number: int) -> Any:
    def broken(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return broken
