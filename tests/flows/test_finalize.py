"""Finalize through GraphQL: only what was verified is published, and what is published stays as it was."""

import hashlib

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fileman.models import File, StorageUsage
from fileman.testing.case import digest
from tests.api import Api
from tests.flows.conftest import Configure, storage_of
from tests.flows.http_client import Json, Site, content, send_all, sha256, slice_of
from tests.flows.storages import Storage
from tests.uploads.faults import completions

pytestmark = pytest.mark.django_db(transaction=True)
DATA = b"the bytes that were granted"
OTHER = b"other bytes of equal length"
ALGORITHMS = ["md5", "sha256", "crc32c"]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def sent(api: Api, memory: Storage) -> str:
    """The token of an upload whose bytes have arrived."""
    ticket = api.start(DATA)
    assert api.send(ticket["instructions"], DATA) == [201]
    token: str = ticket["uploadToken"]
    return token


def errors_of(payload: Json) -> list[tuple[str, list[str] | None]]:
    return [(error["code"], error["field"]) for error in payload["errors"]]


def assert_failed(payload: Json, code: str, storage: Storage) -> None:
    """Failed for good: the row says why, nothing is stored, no byte is reserved, nothing can be downloaded."""
    assert (payload["success"], [e["code"] for e in payload["errors"]]) == (False, [code])
    assert payload["file"]["uploadStatus"] == "FAILED"
    assert payload["file"]["failureReason"] == payload["errors"][0]["message"]
    assert (payload["file"]["downloadUrl"], payload["instructions"]) == (None, None)
    assert storage.everything() == []
    assert StorageUsage.objects.get().bytes == 0


def test_finalizing_again_answers_the_same_and_writes_nothing(api: Api, sent: str) -> None:
    with completions() as completed:
        first = api.finalize(sent, metadata={"a": 1})
        row = File.objects.values().get()
        with CaptureQueriesContext(connection) as captured:
            again = api.finalize(sent, metadata={"a": 2}, fileSize=1)

    assert again["success"]
    first["file"].pop("downloadUrl")
    again["file"].pop("downloadUrl")
    assert again == first
    assert {query["sql"].split()[0] for query in captured} == {"SELECT"}
    assert File.objects.values().get() == row
    assert completed == [row["id"]]


def test_missing_parts_come_back_and_no_others(api: Api, memory: Storage, configure: Configure) -> None:
    configure(SINGLE_REQUEST_MAX_BYTES=3, PART_SIZE_BYTES=3)
    ticket = api.start(DATA)
    requests = ticket["instructions"]["requests"]
    for number in (2, 9):
        assert api.put(requests[number - 1]["url"], slice_of(requests[number - 1], DATA)) == 201

    refreshed = api.refresh(uploadToken=ticket["uploadToken"])["instructions"]["requests"]
    payload = api.finalize(ticket["uploadToken"])

    assert [(e["code"], e["retryable"]) for e in payload["errors"]] == [("PARTS_MISSING", True)]
    assert payload["file"]["uploadStatus"] == "PENDING"
    missing = payload["instructions"]["requests"]
    for asked in (refreshed, missing):
        assert [request["partNumber"] for request in asked] == [1, 3, 4, 5, 6, 7, 8]
    assert api.send(payload["instructions"], DATA) == [201] * 7
    assert api.refresh(uploadToken=ticket["uploadToken"])["instructions"] is None
    file = api.finalize(ticket["uploadToken"])["file"]
    assert b"".join(api.download(file["downloadUrl"])) == DATA


@pytest.mark.parametrize(
    "claim",
    [
        *({"fileSize": size} for size in (0, len(DATA) - 1, len(DATA) + 1, 2**53 - 1)),
        *({"checksum": f"{algorithm}:{digest(algorithm, OTHER)}"} for algorithm in ALGORITHMS),
    ],
)
def test_a_lie_about_size_or_checksum_fails_the_upload(claim: Json, api: Api, memory: Storage, sent: str) -> None:
    payload = api.finalize(sent, **claim)

    assert_failed(payload, "SIZE_MISMATCH" if "fileSize" in claim else "CHECKSUM_MISMATCH", memory)
    assert (payload["errors"][0]["field"], payload["file"]["fileSize"]) == ([*claim], len(DATA))
    assert errors_of(api.finalize(sent)) == [("UPLOAD_FAILED", None)]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_true_checksum_is_verified_and_shown(algorithm: str, api: Api, sent: str) -> None:
    truth = digest(algorithm, DATA)

    file = api.finalize(sent, checksum=f"{algorithm}:{truth.upper()}")["file"]

    assert (file["checksum"], file["checksumVerified"]) == (f"{algorithm}:{truth}", True)


def test_a_checksum_that_nobody_computed_is_not_verified(api: Api, memory: Storage, configure: Configure) -> None:
    """This storage computes none over parts, and nobody asked for one."""
    configure(SINGLE_REQUEST_MAX_BYTES=3, PART_SIZE_BYTES=20)

    file = api.upload(DATA)

    assert (file["checksum"], file["checksumVerified"]) == (None, False)


@pytest.mark.parametrize("checksum", ["md5:1", "sha1:" + "0" * 40, hashlib.md5(DATA).hexdigest(), ""])
def test_a_malformed_checksum_changes_nothing(checksum: str, api: Api, sent: str) -> None:
    assert errors_of(api.finalize(sent, checksum=checksum)) == [("INVALID_CHECKSUM", ["checksum"])]
    assert File.objects.get().upload_status == File.PENDING
    assert api.finalize(sent)["success"]


@pytest.mark.parametrize("kind", ["memory", "file", "radosgw", "azurite", "gcs"])
def test_wrong_parts_are_gone(kind: str, request: pytest.FixtureRequest, site: Site, configure: Configure) -> None:
    """Also where the parts have become an object before they could be verified."""
    storage = storage_of(kind, request)
    configure(SINGLE_REQUEST_MAX_BYTES=1000, PART_SIZE_BYTES=storage.part_bytes)
    data = content(storage.part_bytes + 1000)
    ticket = site.start(data, checksum=sha256(data))
    send_all(ticket["instructions"], data[:-1] + bytes([data[-1] ^ 1]))

    payload = site.finalize(ticket["uploadToken"])

    assert_failed(payload, "CHECKSUM_MISMATCH", storage)
    assert (payload["file"]["checksum"], payload["file"]["checksumVerified"]) == (sha256(data), False)


@pytest.mark.parametrize("disguised", [PNG + b"\0" * 3072 + b"<script>alert(1)</script>", b"%PDF-1.7" + b"\0" * 20])
def test_a_file_that_is_not_a_png_is_refused_as_one(disguised: bytes, api: Api, memory: Storage) -> None:
    ticket = api.start(disguised, "photo.png", contentType="image/png")
    assert api.send(ticket["instructions"], disguised) == [201]

    assert_failed(api.finalize(ticket["uploadToken"]), "CONTENT_TYPE_MISMATCH", memory)


def test_a_long_verification_goes_on_in_the_next_call(api: Api, memory: Storage, configure: Configure) -> None:
    """With no time at all each call does one thing, says when to come again, and gives the lease back.

    They assemble, hash three chunks, look at the first bytes, and publish.
    """
    configure(FINALIZE_BUDGET_SECONDS=0.0, SINGLE_REQUEST_MAX_BYTES=1000, PART_SIZE_BYTES=200_000)
    data = content(600_000)
    ticket = api.start(data, checksum=sha256(data))
    api.send(ticket["instructions"], data)

    answers = [api.finalize(ticket["uploadToken"]) for _ in range(6)]

    waiting = {"code": "UPLOAD_IN_PROGRESS", "field": None, "retryable": True, "retryAfterSeconds": 2}
    for answer in answers[:-1]:
        assert answer["file"]["uploadStatus"] == "PENDING"
        assert [{name: error[name] for name in waiting} for error in answer["errors"]] == [waiting]
    assert answers[-1]["success"]
    assert (answers[-1]["file"]["checksum"], answers[-1]["file"]["checksumVerified"]) == (sha256(data), True)
