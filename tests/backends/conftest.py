"""For all backends: plain http is allowed, no credentials of this machine are found, and clients can be impatient.

The folders of the clouds have the fixture `store`: a new bucket.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers.proxy import Proxy, proxy_to
from tests.uploads.driver import configured

ENVIRONMENT = {
    "AWS_EC2_METADATA_DISABLED": "true",  # otherwise the SDK looks for a cloud machine on the network
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "NO_GCE_CHECK": "true",
    "CLOUDSDK_CONFIG": "/nonexistent",
}
OF_THIS_MACHINE = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "DEFAULT_REGION", "PROFILE")


@pytest.fixture(autouse=True)
def _no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", *(f"AWS_{name}" for name in OF_THIS_MACHINE)):
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def _plain_http() -> Iterator[None]:
    """The servers of the tests have no TLS."""
    with configured(ALLOW_INSECURE_ENDPOINTS=True):
        yield


@pytest.fixture
def impatient(_plain_http: None) -> Iterator[None]:
    """A full timeout of 0.5 s in place of 12 s."""
    with configured(STORAGE_CONNECT_TIMEOUT_SECONDS=0.1, STORAGE_READ_TIMEOUT_SECONDS=0.4):
        yield


@pytest.fixture
def proxy(store: Any) -> Iterator[Proxy]:
    """A proxy in front of the server of `store`."""
    with proxy_to(store.server.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def backend(store: Any, proxy: Proxy) -> Any:
    """A backend that reaches its storage through the proxy."""
    (setting,) = store.backend().config.settings.keys() & {"endpoint", "endpoint_url"}
    return store.backend(**{setting: proxy.url})
