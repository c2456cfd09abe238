"""The Google Cloud Storage stand-in serves Google's own client as Google documents."""

import hashlib
import os
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import requests
from google.api_core.exceptions import MethodNotImplemented, NotFound, PreconditionFailed

from tests.servers.gcs import GcsServer

KIB = 1024
BODY = b"\r\n0123456789\r\n--\r\n"
MD5 = b64encode(hashlib.md5(BODY, usedforsecurity=False).digest()).decode()
NAME = "a folder/file %2F?#ä"


@pytest.fixture
def bucket(gcs_server: GcsServer) -> Iterator[Any]:
    client = gcs_server.client()
    yield client.create_bucket(f"bucket-{uuid4().hex}")
    client.close()


@pytest.fixture
def blob(bucket: Any) -> Any:
    """An object of BODY with metadata."""
    blob = bucket.blob(NAME)
    blob.content_encoding, blob.metadata = "br", {"colour": "red"}
    blob.upload_from_string(BODY, content_type="text/plain")
    return blob


def test_upload_and_stat_agree(bucket: Any, blob: Any) -> None:
    found = bucket.get_blob(NAME)

    assert found.download_as_bytes(raw_download=True) == BODY
    assert found.download_as_bytes(raw_download=True, start=2, end=4) == b"012"
    assert (found.size, found.md5_hash, found.crc32c) == (len(BODY), MD5, blob.crc32c)
    assert (found.content_type, found.content_encoding, found.metadata) == ("text/plain", "br", {"colour": "red"})
    assert (found.generation, found.metageneration) == (blob.generation, 1)
    assert bucket.get_blob("absent") is None
    with pytest.raises(PreconditionFailed):
        bucket.blob(NAME).upload_from_string(b"other", if_generation_match=0)


def test_list_agrees(bucket: Any) -> None:
    for name in ("b", "a/2", "a/1", "a/3"):
        bucket.blob(name).upload_from_string(b"")

    pages = bucket.list_blobs(prefix="a/", page_size=2).pages

    assert [[found.name for found in page] for page in pages] == [["a/1", "a/2"], ["a/3"]]


def test_rewrite_agrees(gcs_server: GcsServer, bucket: Any, blob: Any) -> None:
    """Pinned, create-only, in steps; given metadata replaces all of the source's."""
    target = bucket.blob("target")
    target.content_type = "image/png"

    with pytest.raises(PreconditionFailed):
        target.rewrite(blob, if_source_generation_match=blob.generation + 1)
    gcs_server.set_unfinished_rewrite_steps(1)
    token, written, size = target.rewrite(blob, if_generation_match=0)
    gcs_server.set_unfinished_rewrite_steps(0)
    assert (written, size, target.exists()) == (0, len(BODY), False)
    assert target.rewrite(blob, token=token, if_generation_match=0) == (None, len(BODY), len(BODY))
    with pytest.raises(PreconditionFailed):
        target.rewrite(blob, if_generation_match=0)

    assert (target.content_type, target.content_encoding, target.metadata) == ("image/png", None, None)
    assert target.download_as_bytes() == BODY


def test_delete_agrees(bucket: Any, blob: Any) -> None:
    with pytest.raises(PreconditionFailed):
        blob.delete(if_generation_match=1)
    with pytest.raises(NotFound):
        bucket.delete_blob("absent")

    with bucket.client.batch(raise_exception=False) as batch:
        for name in (NAME, "absent"):
            bucket.delete_blob(name)

    assert [response.status_code for response in batch._responses] == [204, 404]
    assert list(bucket.list_blobs()) == []


def test_a_session_agrees(bucket: Any) -> None:
    """Opened by the client, written and asked as Google's page on resumable uploads says."""
    body = os.urandom(256 * KIB + 5)
    url = bucket.blob(NAME).create_resumable_upload_session(content_type="image/png", size=len(body))

    def put(data: bytes, content_range: str) -> requests.Response:
        return requests.put(url, data=data, headers={"Content-Range": content_range}, timeout=30)

    assert put(body[:7], f"bytes 0-6/{len(body)}").status_code == 400
    first = put(body[: 256 * KIB], f"bytes 0-{256 * KIB - 1}/{len(body)}")
    held = put(b"", f"bytes */{len(body)}")
    assert (first.status_code, held.status_code) == (308, 308)
    assert first.headers["Range"] == held.headers["Range"] == f"bytes=0-{256 * KIB - 1}"
    last = put(body[256 * KIB :], f"bytes {256 * KIB}-{len(body) - 1}/{len(body)}")

    found = bucket.get_blob(NAME)
    assert (last.status_code, last.json()["generation"]) == (200, str(found.generation))
    assert (found.content_type, found.download_as_bytes()) == ("image/png", body)
    assert requests.delete(url, timeout=10).status_code == 404


def test_the_front_passes_nothing_on_that_it_does_not_check(gcs_server: GcsServer, bucket: Any, blob: Any) -> None:
    """Neither calls that the emulator would do unchecked, nor callers without a token."""
    with pytest.raises(MethodNotImplemented):
        bucket.blob("composed").compose([blob])

    assert requests.get(f"{gcs_server.endpoint}/storage/v1{blob.path}", timeout=10).status_code == 401
    assert requests.post(f"{gcs_server.endpoint}/batch/storage/v1", timeout=10).status_code == 401
