"""`storage` is each kind of storage in turn, `site` the API over real HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings, live_server_helper

from tests.flows import storages
from tests.flows.http_client import Site, site_of
from tests.flows.reference_client import Uploader
from tests.flows.storages import Storage

Configure = Callable[..., None]
KINDS = ("memory", "file", "moto", "radosgw", "radosgw_through_us", "azurite", "gcs")


@pytest.fixture
def configure(settings: Settings) -> Configure:
    """Change FILEMAN_SETTINGS for this test: `configure(MAX_BATCH_FILES=2)`."""

    def change(**values: Any) -> None:
        settings.FILEMAN_SETTINGS = {**settings.FILEMAN_SETTINGS, **values}

    return change


@pytest.fixture
def clouds(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow servers without TLS, and keep the SDKs from looking for credentials of this machine."""
    configure(ALLOW_INSECURE_ENDPOINTS=True)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")


def storage_of(kind: str, request: pytest.FixtureRequest, **settings: Any) -> Storage:
    """Create a storage of that kind. Starts its server, or skips the test."""
    if kind == "memory":
        return storages.memory_storage()
    if kind == "file":
        folder: Path = request.getfixturevalue("tmp_path")
        return storages.file_storage(folder / "files")
    request.getfixturevalue("clouds")
    server = request.getfixturevalue(f"{kind.removesuffix('_through_us')}_server")
    if kind == "azurite":
        return storages.azure_storage(server, **settings)
    if kind in {"gcs", "fake_gcs"}:
        return storages.gcs_storage(server, **settings)
    return storages.s3_storage(server, direct=not kind.endswith("_through_us"), **settings)


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest, transactional_db: None) -> Storage:
    return storage_of(request.param, request)


@pytest.fixture
def memory(transactional_db: None) -> Storage:
    return storages.memory_storage()


@pytest.fixture
def site(live_server: live_server_helper.LiveServer, user: User) -> Site:
    """The API as ann sees it, over real HTTP."""
    return site_of(user, live_server.url)


@pytest.fixture
def uploader(site: Site, tmp_path: Path) -> Iterator[Uploader]:
    """Uploads the file `large.bin`, which the test must write."""
    made = Uploader(site, tmp_path / "large.bin")
    yield made
    made.stop()
