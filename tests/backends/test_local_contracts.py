"""The contract of the backends that need no server."""

from pathlib import Path
from uuid import uuid4

import pytest

from fileman.backends.base import Backend
from fileman.backends.filesystem.backend import FilesystemBackend
from fileman.backends.values import BackendConfig
from fileman.testing.contract import BackendContract, Reduction
from fileman.testing.memory import MemoryBackend


class TestFilesystem(BackendContract):
    reduced = frozenset({Reduction.CONTENT_TYPE})

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        settings = {"base_path": f"{tmp_path}/stored"}
        config = BackendConfig(manager_id=uuid4(), backend_url="", settings=settings, supports_direct_upload=False)
        return FilesystemBackend(config)


class TestMemory(BackendContract):
    @pytest.fixture
    def backend(self) -> Backend:
        config = BackendConfig(manager_id=uuid4(), backend_url="", settings={}, supports_direct_upload=False)
        return MemoryBackend(config)
