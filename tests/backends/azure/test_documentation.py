"""The samples of docs/backends/azure.md work as printed."""

import os
from datetime import timedelta
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from fileman import conf
from fileman.models import FileManager
from tests.backends.azure.stores import Store, make_upload
from tests.backends.documents import ORIGIN, fixes_of, preflight, samples
from tests.uploads.driver import configured


class TestCors:
    """tests/frontend/test_cors.py uploads with these rules from the page's origin, and from another one in vain."""

    @pytest.mark.parametrize(
        "asked",
        [{"origin": "https://elsewhere.example.com"}, {"method": "DELETE"}, {"headers": "x-ms-meta-own"}],
        ids=["origin", "method", "header"],
    )
    def test_the_rules_allow_nothing_else(self, store: Store, asked: dict[str, str]) -> None:
        backend = store.backend()
        upload = make_upload(backend)
        [request] = backend.instructions(upload, list(upload.slices()))

        assert preflight(request.url, **{"headers": "x-ms-blob-type", **asked}) == 403

    def test_the_doctor_accepts_and_advises_the_rules(self, store: Store, azure_service: BlobServiceClient) -> None:
        with configured(ALLOWED_ORIGINS=[ORIGIN]):
            assert store.backend().validate_configuration() == (True, [])
            azure_service.set_service_properties(cors=[])
            problems: Any = store.backend().validate_configuration()[1]

        assert problems[0].fix == samples("azure")[0]


def test_the_lifecycle_rule_outlasts_every_upload() -> None:
    [rule] = samples("azure")[1]["rules"]
    [prefix] = rule["definition"]["filters"]["prefixMatch"]
    days = rule["definition"]["actions"]["baseBlob"]["delete"]["daysAfterModificationGreaterThan"]
    limits = conf.settings()

    assert prefix == "documents/tenant-1/.uploads/"
    assert samples("azure")[1] == fixes_of("azure", bucket="documents", prefix="tenant-1/")["lifecycle"]
    assert timedelta(days=days) > limits.PARTS_UPLOAD_DEADLINE + limits.SWEEP_GRACE


def test_the_example_makes_a_file_manager(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_KEY", "Y2FuYXJ5")

    exec(samples("azure", "python")[0], {"FileManager": FileManager, "os": os})

    made = FileManager.objects.get()
    assert made.location == "azure:https://acmefiles.blob.core.windows.net/documents/tenant-1/"
    assert made.settings["account_key"] == "Y2FuYXJ5"
    assert made.supports_direct_upload
