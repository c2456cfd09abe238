"""Azurite: Azure Blob Storage. It refuses expired and tampered shared access signatures."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.availability import from_node_modules
from tests.servers.endpoints import AzureServer
from tests.servers.process import LOOPBACK, Program, accepts_connections, free_port, running, temporary_folder

ACCOUNT = "filemantests"


@contextmanager
def serve(certificate: Path | None = None, private_key: Path | None = None) -> Iterator[AzureServer]:
    """Run the blob service on a free port, in memory, with a new account key. With a certificate it also takes tokens.

    It allows no origin until a test or the demo sets the CORS rules of the service.
    """
    port = free_port()
    endpoint = f"http{'s' if certificate else ''}://{LOOPBACK}:{port}/{ACCOUNT}"
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    with temporary_folder("azurite") as folder:
        program = Program(
            command=[
                from_node_modules("azurite-blob"), "--blobHost", LOOPBACK, "--blobPort", str(port),
                # The SDK signs for a newer version of the service than Azurite knows.
                "--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence", "--silent",
                *(("--oauth", "basic", "--cert", str(certificate), "--key", str(private_key)) if certificate else ()),
            ],
            folder=folder,
            # It reads the signed source of a copy over the network, from itself.
            environment={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}", "NODE_EXTRA_CA_CERTS": str(certificate or "")},
        )  # fmt: skip
        with running(program, ready=lambda: accepts_connections(port)):
            yield AzureServer(
                endpoint_url=endpoint,
                account_name=ACCOUNT,
                account_key=key,
                connection_string=(
                    f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={endpoint};"
                ),
            )
