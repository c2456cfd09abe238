"""Every test of the domain begins with empty storages and leaves none behind."""

from collections.abc import Iterator

import hypothesis
import pytest

from fileman.testing.memory import MemoryBackend

hypothesis.settings.register_profile("steady", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _empty_storages() -> Iterator[None]:
    MemoryBackend.forget_all()
    yield
    MemoryBackend.forget_all()
