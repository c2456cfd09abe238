"""The servers as pytest fixtures. Each worker of pytest-xdist starts its own when a test first needs it.

If a server is not installed, the tests that need it are skipped with the reason, and fail in CI.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NoReturn

import pytest

from tests.servers import AzureServer, S3Server, ServerMissing, server
from tests.servers.gcs import GcsServer, GoogleServer
from tests.servers.radosgw import RadosGateway


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    """moto, for flows; it proves nothing about security."""
    yield from _started("moto")


@pytest.fixture(scope="session")
def radosgw_server() -> Iterator[RadosGateway]:
    """radosgw, the strict one."""
    yield from _started("radosgw")


@pytest.fixture(scope="session")
def ministack_server() -> Iterator[S3Server]:
    """ministack, which verifies checksums and copy conditions."""
    yield from _started("ministack")


@pytest.fixture(scope="session")
def rclone_server() -> Iterator[S3Server]:
    """rclone, strict, with neither POST nor bucket CORS."""
    yield from _started("rclone")


@pytest.fixture(scope="session")
def azurite_server() -> Iterator[AzureServer]:
    """Azurite."""
    yield from _started("azurite")


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[GcsServer]:
    """gcp-storage-emulator behind the verifying front."""
    yield from _started("gcs")


@pytest.fixture(scope="session")
def fake_gcs_server() -> Iterator[GoogleServer]:
    """fake-gcs-server, which ignores signatures and preconditions."""
    yield from _started("fake_gcs")


def _started(name: str) -> Iterator[Any]:
    with ExitStack() as stack:
        try:
            started = stack.enter_context(server(name))
        except ServerMissing as missing:
            give_up(str(missing))
        yield started


def give_up(reason: str) -> NoReturn:
    """Skip the test, or fail it in CI, because something is not installed."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
