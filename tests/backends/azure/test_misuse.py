"""What a write signature allows beyond the upload never completes, and never keeps fileman from deleting."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import requests
from azure.storage.blob import BlobClient, BlobLeaseClient
from django.contrib.auth.models import User
from django.utils import timezone

from fileman.errors import ErrorCode
from fileman.models import File, FileManager
from fileman.testing.case import digest
from fileman.uploads import Outcome, Ticket
from tests.backends.azure.stores import Store
from tests.uploads.driver import configured, file_of, finish, start

PAGE_BYTES = 512
BODY = (b"as it was declared. " * 100)[: 2 * PAGE_BYTES]
OTHER = BODY[::-1]
PART_BYTES = PAGE_BYTES
TYPED = {"x-ms-blob-content-type": "text/plain"}
PLAIN = {"x-ms-blob-type": "BlockBlob", **TYPED}
APPEND = {"x-ms-blob-type": "AppendBlob", **TYPED}
PAGES = {"x-ms-blob-type": "PageBlob", "x-ms-blob-content-length": str(len(BODY)), **TYPED}


@dataclass(frozen=True, kw_only=True)
class Grant:
    """The signed URLs of one upload, and the requests that they allow."""

    store: Store
    user: User
    ticket: Ticket

    @property
    def urls(self) -> list[str]:
        assert self.ticket.instructions
        return [request.url for request in self.ticket.instructions.requests]

    @property
    def url(self) -> str:
        """The URL without its block: the signature is valid for the whole blob."""
        return self.urls[0].partition("&comp=block")[0]

    def put(self, body: bytes = b"", headers: Mapping[str, str] = PLAIN, *, query: str = "") -> None:
        response = requests.put(self.url + query, data=body, headers=dict(headers), timeout=60)
        assert response.status_code in {201, 202}

    def put_blocks(self) -> None:
        for index, url in enumerate(self.urls):
            piece = BODY[index * PART_BYTES : (index + 1) * PART_BYTES]
            assert requests.put(url, data=piece, timeout=60).status_code == 201

    def commit(self, *blocks: str, headers: Mapping[str, str] = TYPED) -> None:
        """Send all blocks, and a block list of the client's own."""
        self.put_blocks()
        listed = "".join(f"<Latest>{base64.b64encode(block.encode()).decode()}</Latest>" for block in blocks)
        self.put(f"<BlockList>{listed}</BlockList>".encode(), headers, query="&comp=blocklist")

    def append(self) -> None:
        self.put(b"", APPEND)
        self.put(BODY, {}, query="&comp=appendblock")

    def write_pages(self) -> None:
        self.put(b"", PAGES)
        written = {"x-ms-page-write": "update", "x-ms-range": f"bytes=0-{len(BODY) - 1}"}
        self.put(BODY, written, query="&comp=page")

    def copy(self) -> None:
        """Have Azure copy the right bytes from elsewhere."""
        self.store.put("elsewhere", BODY)
        self.put(b"", {"x-ms-copy-source": self.store.url("elsewhere", "r")})
        self.store.blob("elsewhere").delete_blob()

    def put_locked(self, body: bytes) -> None:
        """Write the blob, then take a snapshot of it and a lease without end."""
        self.put(body)
        own = BlobClient.from_blob_url(self.url)
        own.create_snapshot()
        BlobLeaseClient(own).acquire(lease_duration=-1)

    def finalize(self) -> Outcome:
        return finish(self.user, self.ticket, now=timezone.now())

    def names(self) -> list[str]:
        """Everything in the container, snapshots and uncommitted blobs included."""
        return [found.name for found in self.store.container.list_blobs(include=["snapshots", "uncommittedblobs"])]


@pytest.fixture
def grant(store: Store, user: User) -> Callable[..., Grant]:
    FileManager.objects.create(name="Azure", backend_type="azure", settings=store.settings, is_default=True)

    def make(checksum: str | None = None, *, parts: bool = False) -> Grant:
        small = {"SINGLE_REQUEST_MAX_BYTES": PART_BYTES, "PART_SIZE_BYTES": PART_BYTES} if parts else {}
        with configured(**small):
            ticket = start(user, BODY, content_type="text/plain", checksum=checksum, now=timezone.now())
        return Grant(store=store, user=user, ticket=ticket)

    return make


@pytest.fixture
def refused(django_capture_on_commit_callbacks: Any) -> Callable[[Grant, ErrorCode], None]:
    """The upload has failed for good, nothing is published, and the stored bytes are gone."""

    def check(grant: Grant, code: ErrorCode) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            outcome = grant.finalize()

        assert outcome.error
        assert outcome.error.code == code
        assert outcome.file.upload_status == File.FAILED
        assert grant.names() == []

    return check


Attack = tuple[Callable[[Grant], object], ErrorCode]
CONTENT_TYPE, SIZE, CHECKSUM = ErrorCode.CONTENT_TYPE_MISMATCH, ErrorCode.SIZE_MISMATCH, ErrorCode.CHECKSUM_MISMATCH
BY_ONE_REQUEST: dict[str, Attack] = {
    "page blob": (lambda g: g.put(b"", PAGES), CONTENT_TYPE),
    "append blob": (lambda g: g.put(b"", APPEND), SIZE),
    "copy from elsewhere": (lambda g: g.copy(), CONTENT_TYPE),
    "encoding": (lambda g: g.put(BODY, {**PLAIN, "x-ms-blob-content-encoding": "gzip"}), CONTENT_TYPE),
    "another type": (lambda g: g.put(BODY, {**PLAIN, "x-ms-blob-content-type": "text/html"}), CONTENT_TYPE),
    "archive tier": (lambda g: g.put(BODY, {**PLAIN, "x-ms-access-tier": "Archive"}), CONTENT_TYPE),
    "another length": (lambda g: g.put(BODY + b"1"), SIZE),
    "other bytes": (lambda g: g.put(OTHER), CHECKSUM),
}
BY_BLOCKS: dict[str, Attack] = {
    "append blob": (lambda g: g.append(), CONTENT_TYPE),
    "page blob": (lambda g: g.write_pages(), CONTENT_TYPE),
    "copy from elsewhere": (lambda g: g.copy(), CONTENT_TYPE),
    "list with an encoding": (
        lambda g: g.commit("00001", "00002", headers={**TYPED, "x-ms-blob-content-encoding": "gzip"}),
        CONTENT_TYPE,
    ),
    "list that leaves blocks out": (lambda g: g.commit("00001"), SIZE),
    "list in another order": (lambda g: g.commit("00002", "00001"), CHECKSUM),
    # What keeps others from deleting the blob does not keep fileman from it.
    "lease without end and snapshot": (lambda g: g.put_locked(BODY[1:]), SIZE),
}


@pytest.mark.parametrize(("parts", "name"), [*((False, n) for n in BY_ONE_REQUEST), *((True, n) for n in BY_BLOCKS)])
def test_what_a_signature_allows_beyond_the_upload(
    parts: bool, name: str, grant: Callable[..., Grant], refused: Callable[..., None]
) -> None:
    attack, code = (BY_BLOCKS if parts else BY_ONE_REQUEST)[name]
    granted = grant(f"md5:{digest('md5', BODY)}", parts=parts)

    attack(granted)

    assert granted.names()
    refused(granted, code)


def test_a_forged_md5_is_no_evidence(grant: Callable[..., Grant], refused: Callable[..., None]) -> None:
    """Azure stores whatever MD5 a block list states"""
    granted = grant(f"md5:{digest('md5', OTHER)}", parts=True)
    stated = base64.b64encode(bytes.fromhex(digest("md5", OTHER))).decode()
    granted.commit("00001", "00002", headers={**TYPED, "x-ms-blob-content-md5": stated})
    kept = granted.store.blob(file_of(granted.ticket).upload_path).get_blob_properties().content_settings.content_md5
    assert bytes(kept or b"").hex() == digest("md5", OTHER)

    refused(granted, ErrorCode.CHECKSUM_MISMATCH)


def test_blocks_with_other_ids_are_not_taken_for_parts(grant: Callable[..., Grant]) -> None:
    """Ids need not even be text; the missing parts are still known"""
    granted = grant(parts=True)
    url = granted.url + f"&comp=block&blockid={quote(base64.b64encode(bytes([255] * 5)).decode(), safe='')}"
    assert requests.put(url, data=BODY[:PART_BYTES], timeout=60).status_code == 201

    outcome = granted.finalize()

    assert outcome.error
    assert outcome.error.code == ErrorCode.NOT_UPLOADED
    assert outcome.instructions
    assert outcome.instructions.total_parts == 2


def test_a_leased_blob_of_the_right_bytes_completes(grant: Callable[..., Grant]) -> None:
    """The lease concerns the upload path alone"""
    granted = grant(parts=True)
    granted.put_locked(BODY)

    outcome = granted.finalize()

    assert outcome.error is None
    assert granted.store.blob(outcome.file.stored_path).get_blob_properties().lease.status == "unlocked"
