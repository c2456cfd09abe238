"""A test that asks for `store` gets a new bucket."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from fileman.backends.gcs.backend import GCSBackend
from tests.backends.gcs.stores import Store
from tests.servers.gcs import GcsServer
from tests.servers.proxy import Proxy, proxy_to


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
    gcs_server.set_unfinished_rewrite_steps(0)


@pytest.fixture
def proxy(store: Store) -> Iterator[Proxy]:
    with proxy_to(store.server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def backend(store: Store, proxy: Proxy) -> GCSBackend:
    """A backend that reaches the stand-in through the proxy."""
    return store.backend(endpoint=proxy.url)
