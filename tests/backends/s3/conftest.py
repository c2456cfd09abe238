"""A test that asks for `store` runs once for each server named by `on(...)`, with a new bucket each time."""

from collections.abc import Iterator

import pytest

from fileman.backends.s3.backend import S3Backend
from tests.backends.s3.stores import Store, new_store
from tests.servers.proxy import Proxy, proxy_to
from tests.servers.radosgw import RadosGateway


@pytest.fixture
def store(request: pytest.FixtureRequest, server_name: str) -> Store:
    return new_store(request.getfixturevalue(f"{server_name}_server"))


@pytest.fixture
def open_store(radosgw_server: RadosGateway) -> Store:
    """A bucket of the strict server."""
    return new_store(radosgw_server)


@pytest.fixture
def proxy(store: Store) -> Iterator[Proxy]:
    with proxy_to(store.server.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def backend(store: Store, proxy: Proxy) -> S3Backend:
    """A backend that reaches its store through the proxy."""
    return store.backend(endpoint_url=proxy.url)
