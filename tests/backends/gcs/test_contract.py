"""The suite of every backend."""

from typing import Any
from uuid import uuid4

import pytest

from fileman.backends.base import Backend
from fileman.testing.contract import BackendContract
from tests.backends.gcs.stores import Store
from tests.servers.gcs import GcsServer


@pytest.fixture(scope="module")
def shared_store(gcs_server: GcsServer, sdk_client: Any) -> Store:
    """One bucket for all cases; each has a prefix of its own."""
    bucket = sdk_client.create_bucket(f"bucket-{uuid4().hex}")
    return Store(server=gcs_server, bucket=bucket)


class TestDirect(BackendContract):
    @pytest.fixture
    def backend(self, shared_store: Store) -> Backend:
        return shared_store.backend(prefix=f"{uuid4()}/a folder/50% + ü&/")
