"""What Azurite refuses, by exact status: the tests of the Azure backend rely on it."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests
from azure.storage.blob import (
    BlobSasPermissions,
    BlobServiceClient,
    ContainerClient,
    CorsRule,
    generate_blob_sas,
)

from tests.servers.endpoints import AzureServer

BODY = b"0123456789"
ORIGIN = "http://page.example"
BLOCK_BLOB = {"x-ms-blob-type": "BlockBlob"}


@pytest.fixture
def container(azurite_server: AzureServer) -> Iterator[ContainerClient]:
    with (
        BlobServiceClient.from_connection_string(azurite_server.connection_string) as service,
        service.create_container(uuid.uuid4().hex) as client,
    ):
        yield client


def signed_url(
    server: AzureServer, container: ContainerClient, *, permission: str = "c", lasting_seconds: int = 60
) -> str:
    signature = generate_blob_sas(
        server.account_name,
        container.container_name,
        "file",
        account_key=server.account_key,
        permission=BlobSasPermissions.from_string(permission),
        expiry=datetime.now(UTC) + timedelta(seconds=lasting_seconds),
    )
    return f"{server.endpoint_url}/{container.container_name}/file?{signature}"


def put(url: str, headers: dict[str, str] | None = None) -> int:
    return requests.put(url, data=BODY, headers={**BLOCK_BLOB, **(headers or {})}, timeout=10).status_code


def has_file(container: ContainerClient) -> bool:
    return bool(container.get_blob_client("file").exists())


def test_what_is_put_can_be_got(container: ContainerClient) -> None:
    container.upload_blob("a/b", BODY)

    assert container.download_blob("a/b").readall() == BODY


def test_a_signed_put_is_accepted(azurite_server: AzureServer, container: ContainerClient) -> None:
    assert put(signed_url(azurite_server, container)) == 201
    assert container.download_blob("file").readall() == BODY


def test_a_tampered_signature_is_refused(azurite_server: AzureServer, container: ContainerClient) -> None:
    url = signed_url(azurite_server, container)

    assert put(url.replace("sp=c", "sp=cw")) == 403
    assert not has_file(container)


def test_an_expired_signature_is_refused(azurite_server: AzureServer, container: ContainerClient) -> None:
    assert put(signed_url(azurite_server, container, lasting_seconds=-60)) == 403
    assert not has_file(container)


def test_a_signature_for_another_blob_is_refused(azurite_server: AzureServer, container: ContainerClient) -> None:
    url = signed_url(azurite_server, container).replace("/file?", "/other?")

    assert put(url) == 403
    assert not container.get_blob_client("other").exists()


def test_a_signature_for_reading_does_not_write(azurite_server: AzureServer, container: ContainerClient) -> None:
    assert put(signed_url(azurite_server, container, permission="r")) == 403
    assert not has_file(container)


def test_a_signature_for_creating_does_not_overwrite(azurite_server: AzureServer, container: ContainerClient) -> None:
    container.upload_blob("file", b"first")

    assert put(signed_url(azurite_server, container)) == 403
    assert container.download_blob("file").readall() == b"first"


def test_a_body_that_differs_from_its_md5_is_refused(azurite_server: AzureServer, container: ContainerClient) -> None:
    assert put(signed_url(azurite_server, container), {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}) == 400
    assert not has_file(container)


def test_an_anonymous_put_is_refused(azurite_server: AzureServer, container: ContainerClient) -> None:
    assert put(f"{azurite_server.endpoint_url}/{container.container_name}/file") == 403
    assert not has_file(container)


def test_the_service_decides_which_origin_may_write(azurite_server: AzureServer, container: ContainerClient) -> None:
    def preflight(origin: str) -> int:
        headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
        return requests.options(signed_url(azurite_server, container), headers=headers, timeout=10).status_code

    with BlobServiceClient.from_connection_string(azurite_server.connection_string) as service:
        service.set_service_properties(cors=[])
        before = preflight(ORIGIN)
        service.set_service_properties(cors=[CorsRule([ORIGIN], ["PUT"], allowed_headers=["*"], max_age_in_seconds=1)])
        during = (preflight(ORIGIN), preflight("http://other.example"))
        service.set_service_properties(cors=[])

    assert (before, *during) == (403, 200, 403)
