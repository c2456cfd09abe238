"""A test that asks for `store` runs once for each server named by `on(...)`, with a new bucket each time."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import override_settings

from fileman.backends.s3.backend import S3Backend
from tests.backends.s3.stores import Store, new_store
from tests.servers.proxy import Proxy, proxy_to


@pytest.fixture
def store(request: pytest.FixtureRequest, server_name: str) -> Store:
    return new_store(request.getfixturevalue(f"{server_name}_server"))


@pytest.fixture
def proxy(store: Store) -> Iterator[Proxy]:
    with proxy_to(store.server.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def backend(store: Store, proxy: Proxy) -> S3Backend:
    """A backend that reaches its store through the proxy."""
    return store.backend(endpoint_url=proxy.url)


@pytest.fixture(autouse=True)
def _plain_http() -> Iterator[None]:
    """The servers of the tests have no TLS."""
    with override_settings(FILEMAN_SETTINGS={**settings.FILEMAN_SETTINGS, "ALLOW_INSECURE_ENDPOINTS": True}):
        yield


@pytest.fixture(autouse=True)
def _no_instance_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the SDK looks for credentials of a cloud machine on the network."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "DEFAULT_REGION", "PROFILE"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


@pytest.fixture
def impatient() -> Iterator[None]:
    """A full timeout of 0.5 s in place of 12 s."""
    quick = {"STORAGE_CONNECT_TIMEOUT_SECONDS": 0.1, "STORAGE_READ_TIMEOUT_SECONDS": 0.4}
    with override_settings(FILEMAN_SETTINGS={**settings.FILEMAN_SETTINGS, **quick}):
        yield
