"""A test that asks for `store` runs once for each server named by `on(...)`, with a new bucket each time."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import override_settings

from tests.backends.s3.stores import Store, new_store


@pytest.fixture
def store(request: pytest.FixtureRequest, server_name: str) -> Store:
    return new_store(request.getfixturevalue(f"{server_name}_server"))


@pytest.fixture(autouse=True)
def _plain_http() -> Iterator[None]:
    """The servers of the tests have no TLS."""
    with override_settings(FILEMAN_SETTINGS={**settings.FILEMAN_SETTINGS, "ALLOW_INSECURE_ENDPOINTS": True}):
        yield


@pytest.fixture(autouse=True)
def _no_instance_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the SDK looks for credentials of a cloud machine on the network."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_DEFAULT_REGION",
        "AWS_PROFILE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
