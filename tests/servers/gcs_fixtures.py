"""The Google Cloud Storage stand-in as a pytest fixture; see fixtures.py for when it skips and when it fails."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest

from tests.servers import ServerMissing, server
from tests.servers.gcs import GcsServer
from tests.servers.gcs_client import client_of


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[GcsServer]:
    """gcp-storage-emulator behind the verifying front."""
    with ExitStack() as stack:
        try:
            started = stack.enter_context(server("gcs"))
        except ServerMissing as missing:
            if os.environ.get("CI") == "true":
                pytest.fail(str(missing), pytrace=False)
            pytest.skip(str(missing))
        yield started


@pytest.fixture
def gcs_bucket(gcs_server: GcsServer) -> Iterator[Any]:
    """A new, empty bucket, as a google.cloud.storage Bucket whose client has the test account's own credentials."""
    client = client_of(gcs_server)
    yield client.create_bucket(f"bucket-{uuid4().hex}")
    gcs_server.clear_faults()
    gcs_server.set_unfinished_rewrite_steps(0)
    client.close()
