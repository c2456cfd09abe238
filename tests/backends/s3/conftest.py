"""A test that asks for `store` runs once for each server named by `on(...)`, with a new bucket each time."""

import pytest

from tests.backends.s3.stores import Store, new_store
from tests.servers.radosgw import RadosGateway


@pytest.fixture
def store(request: pytest.FixtureRequest, server_name: str) -> Store:
    return new_store(request.getfixturevalue(f"{server_name}_server"))


@pytest.fixture
def open_store(radosgw_server: RadosGateway) -> Store:
    """A bucket of the strict server."""
    return new_store(radosgw_server)
