"""A folder on the local disk and its backend."""

from pathlib import Path

import pytest

from fileman.backends.filesystem.backend import FilesystemBackend
from tests.backends.filesystem.folder import make, marked


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def backend(root: Path) -> FilesystemBackend:
    return marked(make(root))
