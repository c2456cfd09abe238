"""Bytes through our own view onto the disk: FilesystemBackend.write against a plain copy that hashes and syncs."""

import hashlib
import os
import tempfile
from pathlib import Path
from uuid import uuid4

from fileman.backends import BackendConfig
from fileman.backends.filesystem.backend import FilesystemBackend
from tests.bench.parts import build_upload, fastest

SIZE = 64 * 1024**2
CHUNK = 1024**2


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.write_bytes(os.urandom(SIZE))
        plain = fastest(lambda: _copy(source, Path(folder) / uuid4().hex))
        settings = {"base_path": f"{folder}/files"}
        config = BackendConfig(manager_id=uuid4(), backend_url="", settings=settings, supports_direct_upload=False)
        backend = FilesystemBackend(config)
        ours = fastest(lambda: _write(backend, source))
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
    upload = build_upload(SIZE)
    with source.open("rb") as stream:
        backend.write(upload, upload.slice(1), stream)
