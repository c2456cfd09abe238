"""`store` is a new container of Azurite, with the CORS rules of the documentation."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from azure.storage.blob import BlobServiceClient

from tests.backends.azure.stores import Store
from tests.servers import AzureServer
from tests.servers.buckets import DOCUMENTED_ORIGIN, set_azure_rules


@pytest.fixture(scope="session")
def azure_service(azurite_server: AzureServer) -> Iterator[BlobServiceClient]:
    with BlobServiceClient.from_connection_string(azurite_server.connection_string) as service:
        yield service


@pytest.fixture
def store(azurite_server: AzureServer, azure_service: BlobServiceClient) -> Store:
    set_azure_rules(azure_service, DOCUMENTED_ORIGIN)
    return Store(server=azurite_server, container=azure_service.create_container(uuid4().hex))
