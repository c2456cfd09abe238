"""Azurite: Azure Blob Storage. It refuses expired and tampered shared access signatures."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.availability import from_node_modules
from tests.servers.endpoints import AzureServer
from tests.servers.process import LOOPBACK, Program, answers_http, free_port, running, temporary_folder

ACCOUNT = "filemantests"


@contextmanager
def serve() -> Iterator[AzureServer]:
    """Run the blob service on a free port, in memory, with a new account key.

    It allows no origin until a test or the demo sets the CORS rules of the service.
    """
    port = free_port()
    endpoint = f"http://{LOOPBACK}:{port}/{ACCOUNT}"
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    with temporary_folder("azurite") as folder:
        program = Program(
            command=[
                from_node_modules("azurite-blob"), "--blobHost", LOOPBACK, "--blobPort", str(port),
                # The SDK signs for a newer version of the service than Azurite knows.
                "--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence", "--silent",
            ],
            folder=folder,
            environment={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
        )  # fmt: skip
        with running(program, ready=lambda: answers_http(port)):
            yield AzureServer(
                name="azurite",
                endpoint_url=endpoint,
                account_name=ACCOUNT,
                account_key=key,
                connection_string=(
                    f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={endpoint};"
                ),
            )
