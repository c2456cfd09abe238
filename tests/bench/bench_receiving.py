"""Bytes through our own view onto the disk: FilesystemBackend.write against a plain copy that hashes and syncs."""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from fileman.backends import BackendConfig
from fileman.backends.filesystem.backend import FilesystemBackend
from fileman.backends.values import PartPlan, Strategy, Upload

SIZE = 64 * 1024**2
CHUNK = 1024**2


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.write_bytes(os.urandom(SIZE))
        plain = _fastest(lambda: _copy(source, Path(folder) / uuid4().hex))
        settings = {"base_path": f"{folder}/files"}
        config = BackendConfig(manager_id=uuid4(), backend_url="", settings=settings, supports_direct_upload=False)
        backend = FilesystemBackend(config)
        ours = _fastest(lambda: _write(backend, source))
    print(f"64 MiB to disk: write() {ours:.2f} s, plain hashing copy {plain:.2f} s, ratio {ours / plain:.2f}")


def _copy(source: Path, target: Path) -> None:
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())


def _write(backend: FilesystemBackend, source: Path) -> None:
    file_id = uuid4()
    upload = Upload(
        file_id=file_id,
        upload_path=f".uploads/bench/{file_id}",
        file_path=f"uploads/{file_id}/1/source",
        parts_path=f"uploads/{file_id}/0/source",
        folder=f"uploads/{file_id}/",
        filename="source",
        size=SIZE,
        content_type="application/octet-stream",
        checksum=None,
        plan=PartPlan(strategy=Strategy.SINGLE, part_size=SIZE, total_parts=1),
        begun={},
        now=datetime.now(UTC),
        expires_in=3600,
    )
    with source.open("rb") as stream:
        backend.write(upload, upload.slice(1), stream)


def _fastest(call: Callable[[], object]) -> float:
    runs = []
    for _ in range(3):
        started = time.perf_counter()
        call()
        runs.append(time.perf_counter() - started)
    return min(runs)
