"""The JSON API of the Google Cloud Storage stand-in, through google-cloud-storage."""

import time
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.api_core.exceptions import (
    BadRequest,
    MethodNotImplemented,
    NotFound,
    PreconditionFailed,
    ServiceUnavailable,
)
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request as Transport

from tests.servers.gcs import GcsServer
from tests.servers.gcs_client import credentials_of
from tests.servers.gcs_faults import Fault

pytest_plugins = ["tests.servers.gcs_fixtures"]

BODY = b"\r\n0123456789\r\n--\r\n"


@pytest.fixture
def blob(gcs_bucket: Any) -> Any:
    """An object of BODY with every kind of metadata."""
    blob = gcs_bucket.blob("a folder/file %2F?#ä")
    blob.content_encoding, blob.cache_control, blob.metadata = "br", "no-store", {"colour": "red"}
    blob.upload_from_string(BODY, content_type="text/plain")
    return blob


def _delete(bucket: Any, names: list[str]) -> list[int]:
    """Delete in one batch and return the status of each call."""
    with bucket.client.batch(raise_exception=False) as batch:
        for name in names:
            bucket.delete_blob(name)
    return [response.status_code for response in batch._responses]


def test_an_upload_keeps_bytes_checksums_and_metadata(gcs_bucket: Any, blob: Any) -> None:
    found = gcs_bucket.get_blob(blob.name)

    assert found.download_as_bytes(raw_download=True) == BODY
    assert (found.size, found.md5_hash, found.crc32c) == (len(BODY), blob.md5_hash, blob.crc32c)
    assert (found.content_type, found.content_encoding) == ("text/plain", "br")
    assert (found.cache_control, found.metadata) == ("no-store", {"colour": "red"})
    assert gcs_bucket.get_blob("absent") is None


def test_a_read_can_be_pinned_to_a_generation_and_to_a_range(gcs_bucket: Any) -> None:
    blob = gcs_bucket.blob("file")
    blob.upload_from_string(b"0123456789")
    old = blob.generation

    assert blob.download_as_bytes(start=2, end=4, if_generation_match=old) == b"234"
    gcs_bucket.blob("file").upload_from_string(b"swapped")

    with pytest.raises(PreconditionFailed):
        gcs_bucket.blob("file").download_as_bytes(if_generation_match=old)
    with pytest.raises(NotFound):
        gcs_bucket.blob("file", generation=old).download_as_bytes()
    assert gcs_bucket.get_blob("file", generation=old) is None


def test_a_rewrite_is_pinned_to_its_source_and_creates_only(gcs_bucket: Any, blob: Any) -> None:
    target = gcs_bucket.blob("target")

    with pytest.raises(PreconditionFailed):
        target.rewrite(blob, if_generation_match=0, if_source_generation_match=blob.generation + 1)
    assert not target.exists()
    assert target.rewrite(blob, if_generation_match=0, if_source_generation_match=blob.generation)[0] is None
    with pytest.raises(PreconditionFailed):
        gcs_bucket.blob("target").rewrite(blob, if_generation_match=0)
    assert gcs_bucket.get_blob("target").generation == target.generation
    with pytest.raises(NotFound):
        target.rewrite(gcs_bucket.blob("absent"))


def test_a_copy_is_pinned_as_a_rewrite_is(gcs_bucket: Any, blob: Any) -> None:
    copy = gcs_bucket.copy_blob(blob, gcs_bucket, "copy", if_generation_match=0)

    assert (copy.md5_hash, copy.content_encoding) == (blob.md5_hash, "br")
    with pytest.raises(PreconditionFailed):
        gcs_bucket.copy_blob(blob, gcs_bucket, "copy", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        gcs_bucket.copy_blob(blob, gcs_bucket, "other", if_source_generation_match=1)


def test_a_rewrite_keeps_all_metadata_or_replaces_all_of_it(gcs_bucket: Any, blob: Any) -> None:
    kept, replaced = gcs_bucket.blob("kept"), gcs_bucket.blob("replaced")
    replaced.content_type = "image/png"

    kept.rewrite(blob)
    replaced.rewrite(blob)

    assert (kept.content_type, kept.content_encoding, kept.metadata) == ("text/plain", "br", {"colour": "red"})
    assert (replaced.content_type, replaced.content_encoding, replaced.metadata) == ("image/png", None, None)
    assert replaced.cache_control is None
    assert replaced.download_as_bytes() == BODY


def test_a_rewrite_takes_as_many_steps_as_were_asked_for(gcs_server: GcsServer, gcs_bucket: Any, blob: Any) -> None:
    gcs_server.set_unfinished_rewrite_steps(2)
    target = gcs_bucket.blob("target")

    first, written, size = target.rewrite(blob)
    assert (bool(first), written, size) == (True, 0, len(BODY))
    second, _, _ = target.rewrite(blob, token=first)
    assert not gcs_bucket.blob("target").exists()
    assert target.rewrite(blob, token=second) == (None, len(BODY), len(BODY))

    assert target.download_as_bytes(raw_download=True) == BODY
    with pytest.raises(BadRequest):
        target.rewrite(blob, token=second)


def test_an_upload_with_a_wrong_checksum_or_precondition_changes_nothing(gcs_bucket: Any, blob: Any) -> None:
    with pytest.raises(PreconditionFailed):
        gcs_bucket.blob(blob.name).upload_from_string(b"other", if_generation_match=0)
    wrong = gcs_bucket.blob(blob.name)
    wrong.md5_hash = "AAAAAAAAAAAAAAAAAAAAAA=="
    with pytest.raises(BadRequest):
        wrong.upload_from_string(b"other", checksum=None)

    assert gcs_bucket.get_blob(blob.name).generation == blob.generation


def test_deletes_are_pinned_and_batched(gcs_bucket: Any, blob: Any) -> None:
    gcs_bucket.blob("second").upload_from_string(b"")

    with pytest.raises(PreconditionFailed):
        blob.delete(if_generation_match=1)

    assert _delete(gcs_bucket, [blob.name, "second", "absent"]) == [204, 204, 404]
    assert list(gcs_bucket.list_blobs()) == []


def test_a_batch_of_more_than_100_calls_is_refused(gcs_bucket: Any) -> None:
    names = [f"file-{number}" for number in range(101)]

    assert _delete(gcs_bucket, names[:100]) == [404] * 100
    with pytest.raises(BadRequest):
        _delete(gcs_bucket, names)


def test_lists_are_filtered_by_prefix_and_cut_into_pages(gcs_bucket: Any) -> None:
    for name in ("b", "a/2", "a/1", "a/3"):
        gcs_bucket.blob(name).upload_from_string(b"")

    pages = gcs_bucket.list_blobs(prefix="a/", page_size=2).pages

    assert [[found.name for found in page] for page in pages] == [["a/1", "a/2"], ["a/3"]]


def test_a_patch_is_pinned_and_counted(gcs_bucket: Any, blob: Any) -> None:
    blob.content_disposition = "attachment"

    with pytest.raises(PreconditionFailed):
        blob.patch(if_generation_match=1)
    blob.patch(if_generation_match=blob.generation)

    found = gcs_bucket.get_blob(blob.name)
    assert (found.content_disposition, found.metageneration) == ("attachment", 2)


def test_a_token_that_the_front_did_not_issue_is_refused(gcs_server: GcsServer, gcs_bucket: Any) -> None:
    url = f"{gcs_server.endpoint}/storage/v1/b/{gcs_bucket.name}/o"

    assert requests.get(url, headers={"Authorization": "Bearer stolen"}, timeout=10).status_code == 401
    assert requests.get(url, timeout=10).status_code == 401
    assert requests.post(f"{gcs_server.endpoint}/batch/storage/v1", timeout=10).status_code == 401


def test_an_assertion_that_another_key_signed_gets_no_token(gcs_server: GcsServer) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    credentials_of(gcs_server.service_account_info).refresh(Transport())
    with pytest.raises(RefreshError, match="Invalid JWT Signature"):
        credentials_of(gcs_server.service_account_info | {"private_key": pem}).refresh(Transport())


def test_what_the_emulator_would_do_unchecked_is_not_served(gcs_bucket: Any, blob: Any) -> None:
    target = gcs_bucket.blob("target")

    with pytest.raises(MethodNotImplemented):
        target.compose([blob])
    assert not target.exists()


def test_an_ordered_fault_meets_as_many_requests_as_it_says(gcs_server: GcsServer, gcs_bucket: Any) -> None:
    gcs_server.inject(Fault(method="GET", path_contains="/o/faulty", status=503, times=2))
    blob = gcs_bucket.blob("faulty")

    for _ in range(2):
        with pytest.raises(ServiceUnavailable):
            blob.reload(retry=None)
    with pytest.raises(NotFound):
        blob.reload(retry=None)


def test_an_ordered_delay_holds_a_request_up(gcs_server: GcsServer, gcs_bucket: Any) -> None:
    gcs_server.inject(Fault(path_contains="/o/slow", delay_seconds=0.3))

    begun = time.monotonic()

    assert not gcs_bucket.blob("slow").exists()
    assert time.monotonic() - begun >= 0.3


def test_a_dropped_answer_leaves_the_work_done(gcs_server: GcsServer, gcs_bucket: Any, blob: Any) -> None:
    gcs_server.inject(Fault(method="POST", path_contains="/rewriteTo/", drop_answer=True))
    target = gcs_bucket.blob("target")

    with pytest.raises(requests.ConnectionError):
        target.rewrite(blob, if_generation_match=0, retry=None)

    assert target.download_as_bytes(raw_download=True) == BODY


def test_faults_that_met_no_request_can_be_cleared(gcs_server: GcsServer, gcs_bucket: Any) -> None:
    gcs_server.inject(Fault(status=503))
    gcs_server.clear_faults()

    assert not gcs_bucket.blob("file").exists()
