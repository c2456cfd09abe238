"""The contract of the backends that need no server."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from fileman.backends.base import Backend
from fileman.backends.values import BackendConfig
from fileman.testing.contract import BackendContract, Reduction
from fileman.testing.memory import MemoryBackend
from tests.backends.filesystem.devices import mounted
from tests.backends.filesystem.folder import make


class TestFilesystem(BackendContract):
    reduced = frozenset({Reduction.CONTENT_TYPE})

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        return make(tmp_path / "stored")


class TestFilesystemOnTwoDevices(TestFilesystem):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[Backend]:
        with mounted(tmp_path / "stored" / "uploads"):
            yield make(tmp_path / "stored")


class TestMemory(BackendContract):
    @pytest.fixture
    def backend(self) -> Backend:
        config = BackendConfig(manager_id=uuid4(), backend_url="", settings={}, supports_direct_upload=False)
        return MemoryBackend(config)
