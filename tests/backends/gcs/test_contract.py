"""The suite of every backend, direct and through us."""

from typing import Any
from uuid import uuid4

import pytest

from fileman.backends.base import Backend
from fileman.backends.gcs.backend import GCSBackend
from fileman.backends.values import BackendConfig
from fileman.testing.contract import BackendContract
from tests.backends.gcs.stores import Store
from tests.servers.gcs import GcsServer


@pytest.fixture(scope="module")
def shared_store(gcs_server: GcsServer, sdk_client: Any) -> Store:
    """One bucket for all cases; each has a prefix of its own."""
    bucket = sdk_client.create_bucket(f"bucket-{uuid4().hex}")
    bucket.cors = [
        {
            "origin": ["https://app.example.com"],
            "method": ["PUT", "GET"],
            "responseHeader": ["Content-Type", "x-goog-content-length-range", "x-goog-hash"],
        }
    ]
    bucket.patch()
    return Store(server=gcs_server, bucket=bucket)


def backend_of(store: Store, *, direct: bool) -> Backend:
    return GCSBackend(
        BackendConfig(
            manager_id=uuid4(),
            backend_url=f"gs://{store.bucket.name}/{uuid4()}/",
            settings=store.settings(),
            supports_direct_upload=direct,
        )
    )


class TestDirect(BackendContract):
    @pytest.fixture
    def backend(self, shared_store: Store) -> Backend:
        return backend_of(shared_store, direct=True)


class TestThroughUs(BackendContract):
    @pytest.fixture
    def backend(self, shared_store: Store) -> Backend:
        return backend_of(shared_store, direct=False)
