"""The contract of all backends, on Azurite."""

import pytest

from fileman.backends.base import Backend
from fileman.testing.contract import BackendContract, Reduction
from tests.backends.azure.stores import Store

REDUCED = frozenset({Reduction.EXACT_LENGTH})
"""Azure signs no length: finalize looks at the size."""


class TestAzureByAccountKey(BackendContract):
    reduced = REDUCED

    @pytest.fixture
    def backend(self, store: Store) -> Backend:
        return store.backend(backend_url=f"azure://{store.name}/a folder/50% + ü/")
