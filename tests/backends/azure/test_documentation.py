"""The samples of docs/backends/azure.md work as printed."""

import os
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
import requests
from azure.storage.blob import BlobServiceClient, CorsRule

from fileman import conf
from fileman.backends.azure.settings import AzureSettings
from fileman.models import FileManager
from tests.backends.azure.documents import PAGE, json_blocks, python_blocks, table
from tests.backends.azure.stores import BODY, Store, make_upload, send

ORIGIN = "https://app.example.com"


@pytest.fixture
def _rules_of_the_page(azure_service: BlobServiceClient, store: Store) -> Iterator[None]:
    rules = json_blocks()[0]["cors"]["corsRules"]
    azure_service.set_service_properties(cors=[_rule(given) for given in rules])
    yield
    azure_service.set_service_properties(cors=[])


def _rule(given: dict[str, Any]) -> CorsRule:
    return CorsRule(
        given["allowedOrigins"],
        given["allowedMethods"],
        allowed_headers=given["allowedHeaders"],
        exposed_headers=given["exposedHeaders"],
        max_age_in_seconds=given["maxAgeInSeconds"],
    )


def _preflight(url: str, headers: str, *, origin: str = ORIGIN, method: str = "PUT") -> int:
    """Send a preflight as browsers do, which leave the last header out if there is none to name."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return requests.options(url, headers=asked, timeout=10).status_code


@pytest.mark.usefixtures("_rules_of_the_page")
class TestCors:
    @pytest.mark.parametrize("parts", [False, True])
    def test_the_rules_allow_every_signed_upload(self, store: Store, parts: bool) -> None:
        """From the page's origin, with exactly the headers of the instructions"""
        backend = store.backend()
        upload = make_upload(backend, parts=parts)
        request = backend.instructions(upload, list(upload.slices()))[0]
        named = ",".join(sorted(name.lower() for name, _ in request.headers))

        assert _preflight(request.url, named) == 200
        response = requests.put(request.url, data=BODY, headers={**dict(request.headers), "Origin": ORIGIN}, timeout=10)
        assert response.status_code == 201
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN

    @pytest.mark.parametrize(
        "asked",
        [{"origin": "https://elsewhere.example.com"}, {"method": "DELETE"}, {"headers": "x-ms-meta-own"}],
        ids=["origin", "method", "header"],
    )
    def test_the_rules_allow_nothing_else(self, store: Store, asked: dict[str, str]) -> None:
        backend = store.backend()
        upload = make_upload(backend)
        [request] = backend.instructions(upload, list(upload.slices()))

        assert _preflight(request.url, **{"headers": "x-ms-blob-type", **asked}) == 403

    def test_a_script_may_read_a_download(self, store: Store) -> None:
        store.put("file", BODY)

        response = requests.get(store.backend().get_url("file"), headers={"Origin": ORIGIN}, timeout=10)

        assert (response.content, response.headers["Access-Control-Allow-Origin"]) == (BODY, ORIGIN)

    def test_the_diagnosis_accepts_the_rules(self, store: Store) -> None:
        assert store.backend().validate_configuration() == (True, [])


def test_the_lifecycle_rule_outlasts_every_upload() -> None:
    [rule] = json_blocks()[1]["rules"]
    [prefix] = rule["definition"]["filters"]["prefixMatch"]
    days = rule["definition"]["actions"]["baseBlob"]["delete"]["daysAfterModificationGreaterThan"]
    limits = conf.settings()

    assert prefix == "documents/tenant-1/.uploads/"
    assert timedelta(days=days) > limits.PARTS_UPLOAD_DEADLINE + limits.SWEEP_GRACE


def test_the_lifecycle_rule_matches_uploads(store: Store) -> None:
    backend = store.backend(backend_url=f"azure://{store.name}/tenant-1/")
    upload = make_upload(backend)
    [request] = backend.instructions(upload, list(upload.slices()))
    send(request, BODY)

    [found] = store.container.list_blobs()

    assert f"{store.name}/{found.name}".startswith(f"{store.name}/tenant-1/.uploads/")


def test_the_example_makes_a_file_manager(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_KEY", "Y2FuYXJ5")

    exec(python_blocks()[0], {"FileManager": FileManager, "os": os})

    made = FileManager.objects.get()
    assert made.location == "azure:https://acmefiles.blob.core.windows.net/documents/tenant-1/"
    assert made.settings["account_key"] == "Y2FuYXJ5"
    assert made.supports_direct_upload


def test_the_page_names_every_setting() -> None:
    named = table(PAGE.read_text(), "setting")

    assert {name.strip("`") for name in named} == {spec.name for spec in fields(AzureSettings)}
