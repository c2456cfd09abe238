"""`store` is a new container of Azurite, with the CORS rules of the documentation."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from azure.storage.blob import BlobServiceClient

from fileman.backends.azure.backend import AzureBackend
from tests.backends.azure.stores import Store
from tests.servers import AzureServer
from tests.servers.buckets import DOCUMENTED_ORIGIN, set_azure_rules
from tests.servers.proxy import Proxy, proxy_to


@pytest.fixture(scope="session")
def azure_service(azurite_server: AzureServer) -> Iterator[BlobServiceClient]:
    with BlobServiceClient.from_connection_string(azurite_server.connection_string) as service:
        yield service


@pytest.fixture
def store(azurite_server: AzureServer, azure_service: BlobServiceClient) -> Store:
    set_azure_rules(azure_service, DOCUMENTED_ORIGIN)
    return Store(server=azurite_server, container=azure_service.create_container(uuid4().hex))


@pytest.fixture
def proxy(azurite_server: AzureServer) -> Iterator[Proxy]:
    """A proxy before Azurite: `store.backend(endpoint=proxy.url)`."""
    with proxy_to(azurite_server.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def backend(store: Store, proxy: Proxy) -> AzureBackend:
    """A backend whose requests pass the proxy."""
    return store.backend(endpoint=proxy.url)
