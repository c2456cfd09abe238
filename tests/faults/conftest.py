"""`site` is each kind of upload to each real server in turn, with a proxy between us and the server."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.api import Api
from tests.faults.site import Site
from tests.flows.conftest import Configure, clouds, configure
from tests.flows.storages import MIB, Storage, azure_storage, gcs_storage, s3_storage
from tests.servers.proxy import Proxy, proxy_to

__all__ = ["clouds", "configure"]

KINDS = ("radosgw", "radosgw_parts", "azurite", "azurite_parts", "gcs", "gcs_session", "fake_gcs")
"""fake-gcs-server ends a session that is asked how many bytes it has, so it gets no large files."""
LARGE = ("_parts", "_session")
SMALL_BYTES = 1000
LARGE_BYTES = 100_000
LARGE_S3_BYTES = 6 * MIB
"""S3 takes no smaller part than 5 MiB."""
CONNECT_SECONDS = 0.3
READ_SECONDS = 0.4
BUDGET_SECONDS = 2


@pytest.fixture
def impatient(configure: Configure) -> None:
    """Short time-outs and a short budget, to keep the tests short, and small parts."""
    configure(SINGLE_REQUEST_MAX_BYTES=64 * 1024, PART_SIZE_BYTES=64 * 1024, FINALIZE_BUDGET_SECONDS=BUDGET_SECONDS)
    configure(STORAGE_CONNECT_TIMEOUT_SECONDS=CONNECT_SECONDS, STORAGE_READ_TIMEOUT_SECONDS=READ_SECONDS)


@pytest.fixture(params=KINDS)
def site(
    request: pytest.FixtureRequest, transactional_db: None, api: Api, clouds: None, impatient: None
) -> Iterator[Site]:
    name = request.param
    size = SMALL_BYTES
    if name.endswith(LARGE):
        name = name.rpartition("_")[0]
        size = LARGE_S3_BYTES if name == "radosgw" else LARGE_BYTES
    with behind_proxy(name, request.getfixturevalue(f"{name}_server")) as (proxy, storage):
        yield Site(api=api, proxy=proxy, storage=storage, size=size, bypasses=name == "fake_gcs")


@contextmanager
def behind_proxy(name: str, server: Any) -> Iterator[tuple[Proxy, Storage]]:
    """A new, empty storage on that server whose file manager knows the proxy's address only."""
    if name in {"gcs", "fake_gcs"}:
        with proxy_to(server.endpoint_url) as proxy:
            account = server.service_account_info
            token_uri = account["token_uri"].replace(server.endpoint_url, proxy.url)
            yield proxy, gcs_storage(server, endpoint=proxy.url, credentials={**account, "token_uri": token_uri})
        return
    with proxy_to(server.endpoint_url) as proxy:
        if name == "azurite":
            address = server.connection_string.replace(server.endpoint_url, proxy.url)
            yield proxy, azure_storage(server, connection_string=address)
        else:
            yield proxy, s3_storage(server, endpoint_url=proxy.url)


def for_kinds(*quick: str) -> pytest.MarkDecorator:
    """Run the test for each kind of upload, under make test for these only."""
    cases = [pytest.param(kind, marks=() if kind in quick else pytest.mark.long) for kind in KINDS]
    return pytest.mark.parametrize("site", cases, indirect=True)
