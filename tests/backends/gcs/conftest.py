"""A test that asks for `store` gets a new bucket; plain http is allowed, as the stand-in speaks it."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.backends.gcs.stores import Store, changed
from tests.servers.gcs import GcsServer


@pytest.fixture(autouse=True)
def _no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/nonexistent")


@pytest.fixture(autouse=True)
def _plain_http() -> Iterator[None]:
    with changed(ALLOW_INSECURE_ENDPOINTS=True):
        yield


@pytest.fixture(scope="session")
def sdk_client(gcs_server: GcsServer) -> Iterator[Any]:
    """Google's own client; reading its key costs too much to do it for each test."""
    client = gcs_server.client()
    yield client
    client.close()


@pytest.fixture
def store(gcs_server: GcsServer, sdk_client: Any) -> Iterator[Store]:
    """An empty bucket, and a stand-in without faults."""
    yield Store(server=gcs_server, bucket=sdk_client.create_bucket(f"bucket-{uuid4().hex}"))
    gcs_server.clear_faults()
    gcs_server.set_unfinished_rewrite_steps(0)
