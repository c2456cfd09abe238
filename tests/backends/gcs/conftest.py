"""A test that asks for `store` gets a new bucket."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.backends.gcs.stores import Store
from tests.servers.gcs import GcsServer


@pytest.fixture(scope="session")
def sdk_client(gcs_server: GcsServer) -> Iterator[Any]:
    """Google's own client; reading its key costs too much to do it for each test."""
    client = gcs_server.client()
    yield client
    client.close()


@pytest.fixture
def store(gcs_server: GcsServer, sdk_client: Any) -> Iterator[Store]:
    """An empty bucket."""
    yield Store(server=gcs_server, bucket=sdk_client.create_bucket(f"bucket-{uuid4().hex}"))
    gcs_server.rewrites.unfinished_steps = 0
