"""The contract of the backends that need no server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fileman.backends.base import Backend
from fileman.testing.contract import BackendContract, Reduction
from fileman.testing.memory import MemoryBackend
from tests.backends.filesystem.devices import mounted
from tests.backends.filesystem.folder import make, marked
from tests.backends.uploads import make_backend


class TestFilesystem(BackendContract):
    reduced = frozenset({Reduction.CONTENT_TYPE})

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        return marked(make(tmp_path / "stored"))


class TestFilesystemOnTwoDevices(TestFilesystem):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[Backend]:
        with mounted(tmp_path / "stored" / "uploads"):
            yield marked(make(tmp_path / "stored"))


class TestMemory(BackendContract):
    @pytest.fixture
    def backend(self) -> Backend:
        return make_backend(MemoryBackend, {}, direct=False)
