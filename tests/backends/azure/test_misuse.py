"""What a signature for writing allows besides the upload never completes, and never keeps us from deleting."""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import requests
from azure.storage.blob import BlobClient, BlobLeaseClient
from django.conf import settings
from django.contrib.auth.models import User
from django.test import override_settings
from django.utils import timezone

from fileman import uploads
from fileman.caller import Caller
from fileman.errors import ErrorCode
from fileman.models import File, FileManager
from fileman.uploads import DeclaredFile, InitiateRequest, Outcome
from tests.backends.azure.response_proxy import Front, Rule, Seen
from tests.backends.azure.stores import Store

PAGE_BYTES = 512
BODY = (b"as it was declared. " * 100)[: 2 * PAGE_BYTES]
OTHER = BODY[::-1]
PART_BYTES = PAGE_BYTES
TYPED = {"x-ms-blob-content-type": "text/plain"}
PLAIN = {"x-ms-blob-type": "BlockBlob", **TYPED}


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What one uploader was given, and what they can ask for."""

    store: Store
    caller: Caller
    file: File
    token: str
    urls: tuple[str, ...]

    @property
    def path(self) -> str:
        return self.file.upload_path

    @property
    def url(self) -> str:
        """The address without the block that it may be for: its signature is good for the whole blob."""
        return self.urls[0].partition("&comp=block")[0]

    def put(self, body: bytes = b"", headers: Mapping[str, str] = PLAIN, *, query: str = "") -> int:
        return requests.put(self.url + query, data=body, headers=dict(headers), timeout=10).status_code

    def put_blocks(self) -> None:
        for index, url in enumerate(self.urls):
            piece = BODY[index * PART_BYTES : (index + 1) * PART_BYTES]
            assert requests.put(url, data=piece, timeout=10).status_code == 201

    def commit(self, *blocks: str, headers: Mapping[str, str] = TYPED) -> int:
        listed = "".join(f"<Latest>{base64.b64encode(block.encode()).decode()}</Latest>" for block in blocks)
        return self.put(f"<BlockList>{listed}</BlockList>".encode(), headers, query="&comp=blocklist")

    def finalize(self) -> Outcome:
        return uploads.finalize(caller=self.caller, upload_token=self.token, now=timezone.now())

    def names(self) -> list[str]:
        """Everything in the container, snapshots and uncommitted blobs included."""
        return [found.name for found in self.store.container.list_blobs(include=["snapshots", "uncommittedblobs"])]


@pytest.fixture
def manager(store: Store, db: None) -> FileManager:
    return FileManager.objects.create(name="Azure", backend_type="azure", settings=store.settings, is_default=True)


@pytest.fixture
def grant(store: Store, manager: FileManager, user: User) -> Callable[..., Grant]:
    def make(checksum: str | None = None) -> Grant:
        declared = DeclaredFile(filename="notes.txt", size=len(BODY), content_type="text/plain", checksum=checksum)
        caller = Caller(user=user)
        batch = uploads.initiate(caller=caller, request=InitiateRequest(files=[declared]), now=timezone.now())
        [ticket] = batch.tickets
        assert ticket.file
        assert ticket.upload_token
        assert ticket.instructions
        urls = tuple(request.url for request in ticket.instructions.requests)
        return Grant(store=store, caller=caller, file=ticket.file, token=ticket.upload_token, urls=urls)

    return make


@pytest.fixture
def in_parts() -> Iterator[None]:
    small = {"SINGLE_REQUEST_MAX_BYTES": PART_BYTES, "PART_SIZE_BYTES": PART_BYTES}
    with override_settings(FILEMAN_SETTINGS={**settings.FILEMAN_SETTINGS, **small}):
        yield


@pytest.fixture
def refused(django_capture_on_commit_callbacks: Any) -> Callable[[Grant, ErrorCode], None]:
    """The upload has failed for good, nothing is published, and what was stored is gone."""

    def check(grant: Grant, code: ErrorCode) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            outcome = grant.finalize()

        assert outcome.error
        assert outcome.error.code == code
        assert outcome.file.upload_status == File.FAILED
        assert grant.names() == []

    return check


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def _md5_header(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


class TestAsGranted:
    def test_one_request_completes(self, grant: Callable[..., Grant]) -> None:
        granted = grant(f"md5:{_md5(BODY)}")
        assert granted.put(BODY) == 201

        outcome = granted.finalize()

        assert outcome.error is None
        assert (outcome.file.upload_status, outcome.file.checksum_verified) == (File.COMPLETED, True)
        assert granted.store.blob(outcome.file.file_path).download_blob().readall() == BODY

    def test_blocks_complete(self, in_parts: None, grant: Callable[..., Grant]) -> None:
        granted = grant()
        granted.put_blocks()

        outcome = granted.finalize()

        assert outcome.error is None
        assert granted.store.blob(outcome.file.file_path).download_blob().readall() == BODY

    def test_what_the_uploader_said_of_the_blob_is_not_published(self, grant: Callable[..., Grant]) -> None:
        """Of the uploader's headers only the type remains, because it was verified"""
        granted = grant()
        headers = {"x-ms-blob-cache-control": "public", "x-ms-blob-content-disposition": "inline", "x-ms-meta-own": "1"}
        assert granted.put(BODY, {**PLAIN, **headers, "x-ms-blob-content-language": "de"}) == 201

        outcome = granted.finalize()

        published = granted.store.blob(outcome.file.file_path).get_blob_properties()
        said = {name: value for name, value in dict(published.content_settings).items() if value}
        assert said == {"content_type": "text/plain"}
        assert "own" not in published.metadata


def test_a_copy_that_takes_its_time_is_awaited_over_several_finalize_calls(
    manager: FileManager, grant: Callable[..., Grant], front: Front
) -> None:
    """Each gives the upload back as pending and says when to come again; there is one copy"""
    manager.settings = {**manager.settings, "endpoint": front.endpoint_url}
    manager.save()
    granted = grant()
    assert granted.put(BODY) == 201
    pending = Rule(
        matches=lambda seen: seen.method == "HEAD" and seen.path.endswith(granted.file.file_path),
        headers={"x-ms-copy-status": "pending", "x-ms-copy-progress": f"5/{len(BODY)}"},
        times=10**6,
    )
    front.rules = [pending]

    with override_settings(FILEMAN_SETTINGS={**settings.FILEMAN_SETTINGS, "FINALIZE_BUDGET_SECONDS": 0.1}):
        waiting = [granted.finalize() for _ in range(2)]
        pending.times = 0
        last = granted.finalize()

    for outcome in waiting:
        assert outcome.error
        assert (outcome.error.code, outcome.error.retry_after_seconds) == (ErrorCode.UPLOAD_IN_PROGRESS, 2)
        assert outcome.file.upload_status == File.PENDING
        assert outcome.file.upload_state["progress"] == {"copied": f"5/{len(BODY)}"}
    assert (last.error, last.file.upload_status) == (None, File.COMPLETED)
    assert granted.store.blob(last.file.file_path).download_blob().readall() == BODY
    assert len([seen for seen in front.seen if "x-ms-copy-source" in seen.headers]) == 1


class TestSwapped:
    @pytest.mark.parametrize("step", ["look at the content", "copy"])
    def test_bytes_that_are_swapped_while_finalize_looks_are_not_published(
        self, manager: FileManager, grant: Callable[..., Grant], front: Front, step: str
    ) -> None:
        """This call breaks off; the next one verifies what is there by then"""
        manager.settings = {**manager.settings, "endpoint": front.endpoint_url}
        manager.save()
        granted = grant()
        assert granted.put(BODY) == 201

        def swaps(seen: Seen) -> bool:
            wanted = seen.method == "GET" if step == "look at the content" else "x-ms-copy-source" in seen.headers
            if wanted:
                granted.store.put(granted.path, OTHER)
            return wanted

        front.rules = [Rule(matches=swaps)]
        first = granted.finalize()
        published = granted.store.blob(first.file.file_path).exists()
        second = granted.finalize()

        assert first.error
        assert (first.error.code, published) == (ErrorCode.STORAGE_UNAVAILABLE, False)
        assert second.file.upload_status == File.COMPLETED
        assert granted.store.blob(second.file.file_path).download_blob().readall() == OTHER


class TestWithTheSignatureForOneRequest:
    def test_a_page_blob_fails(self, grant: Callable[..., Grant], refused: Callable[..., None]) -> None:
        granted = grant()
        page = {"x-ms-blob-type": "PageBlob", "x-ms-blob-content-length": str(len(BODY)), **TYPED}
        assert granted.put(b"", page) == 201

        refused(granted, ErrorCode.CONTENT_TYPE_MISMATCH)

    def test_an_append_blob_fails(self, grant: Callable[..., Grant], refused: Callable[..., None]) -> None:
        granted = grant()
        assert granted.put(b"", {"x-ms-blob-type": "AppendBlob", **TYPED}) == 201

        refused(granted, ErrorCode.SIZE_MISMATCH)

    def test_a_copy_from_elsewhere_fails(self, grant: Callable[..., Grant], refused: Callable[..., None]) -> None:
        granted = grant()
        granted.store.put("elsewhere", BODY)
        assert granted.put(b"", {"x-ms-copy-source": granted.store.url("elsewhere", "r")}) == 202
        granted.store.blob("elsewhere").delete_blob()

        refused(granted, ErrorCode.CONTENT_TYPE_MISMATCH)

    def test_an_encoding_fails(self, grant: Callable[..., Grant], refused: Callable[..., None]) -> None:
        granted = grant()
        assert granted.put(BODY, {**PLAIN, "x-ms-blob-content-encoding": "gzip"}) == 201

        refused(granted, ErrorCode.CONTENT_TYPE_MISMATCH)

    def test_another_type_fails(self, grant: Callable[..., Grant], refused: Callable[..., None]) -> None:
        granted = grant()
        assert granted.put(BODY, {**PLAIN, "x-ms-blob-content-type": "text/html"}) == 201

        refused(granted, ErrorCode.CONTENT_TYPE_MISMATCH)

    def test_the_archive_tier_fails(self, grant: Callable[..., Grant], refused: Callable[..., None]) -> None:
        granted = grant()
        assert granted.put(BODY, {**PLAIN, "x-ms-access-tier": "Archive"}) == 201

        refused(granted, ErrorCode.CONTENT_TYPE_MISMATCH)

    def test_another_length_fails(self, grant: Callable[..., Grant], refused: Callable[..., None]) -> None:
        granted = grant()
        assert granted.put(BODY + b"1") == 201

        refused(granted, ErrorCode.SIZE_MISMATCH)

    def test_other_bytes_than_declared_fail(self, grant: Callable[..., Grant], refused: Callable[..., None]) -> None:
        granted = grant(f"md5:{_md5(BODY)}")
        assert granted.put(OTHER) == 201

        refused(granted, ErrorCode.CHECKSUM_MISMATCH)


@pytest.mark.usefixtures("in_parts")
class TestWithTheSignatureForBlocks:
    def test_an_append_blob_of_the_right_bytes_fails(
        self, grant: Callable[..., Grant], refused: Callable[..., None]
    ) -> None:
        granted = grant()
        assert granted.put(b"", {"x-ms-blob-type": "AppendBlob", **TYPED}) == 201
        assert granted.put(BODY, {}, query="&comp=appendblock") == 201

        refused(granted, ErrorCode.CONTENT_TYPE_MISMATCH)

    def test_a_page_blob_of_the_right_bytes_fails(
        self, grant: Callable[..., Grant], refused: Callable[..., None]
    ) -> None:
        granted = grant()
        page = {"x-ms-blob-type": "PageBlob", "x-ms-blob-content-length": str(len(BODY)), **TYPED}
        assert granted.put(b"", page) == 201
        written = {"x-ms-page-write": "update", "x-ms-range": f"bytes=0-{len(BODY) - 1}"}
        assert granted.put(BODY, written, query="&comp=page") == 201

        refused(granted, ErrorCode.CONTENT_TYPE_MISMATCH)

    def test_a_copy_from_elsewhere_of_the_right_bytes_fails(
        self, grant: Callable[..., Grant], refused: Callable[..., None]
    ) -> None:
        granted = grant()
        granted.store.put("elsewhere", BODY)
        assert granted.put(b"", {"x-ms-copy-source": granted.store.url("elsewhere", "r")}) == 202
        granted.store.blob("elsewhere").delete_blob()

        refused(granted, ErrorCode.CONTENT_TYPE_MISMATCH)

    def test_a_list_that_states_an_encoding_fails(
        self, grant: Callable[..., Grant], refused: Callable[..., None]
    ) -> None:
        granted = grant()
        granted.put_blocks()
        assert granted.commit("00001", "00002", headers={**TYPED, "x-ms-blob-content-encoding": "gzip"}) == 201

        refused(granted, ErrorCode.CONTENT_TYPE_MISMATCH)

    def test_a_forged_md5_is_no_evidence(self, grant: Callable[..., Grant], refused: Callable[..., None]) -> None:
        """Azure keeps whatever MD5 a block list states"""
        granted = grant(f"md5:{_md5(OTHER)}")
        granted.put_blocks()
        assert granted.commit("00001", "00002", headers={**TYPED, "x-ms-blob-content-md5": _md5_header(OTHER)}) == 201
        stated = granted.store.blob(granted.path).get_blob_properties().content_settings.content_md5
        assert bytes(stated or b"").hex() == _md5(OTHER)

        refused(granted, ErrorCode.CHECKSUM_MISMATCH)

    def test_a_list_that_leaves_blocks_out_fails(
        self, grant: Callable[..., Grant], refused: Callable[..., None]
    ) -> None:
        granted = grant()
        granted.put_blocks()
        assert granted.commit("00001") == 201

        refused(granted, ErrorCode.SIZE_MISMATCH)

    def test_a_list_in_another_order_fails(self, grant: Callable[..., Grant], refused: Callable[..., None]) -> None:
        granted = grant(f"md5:{_md5(BODY)}")
        granted.put_blocks()
        assert granted.commit("00002", "00001") == 201

        refused(granted, ErrorCode.CHECKSUM_MISMATCH)

    def test_blocks_of_other_names_are_not_taken_for_parts(self, grant: Callable[..., Grant]) -> None:
        """Ids need not even be text; what is missing is still known"""
        granted = grant()
        url = granted.url + f"&comp=block&blockid={quote(base64.b64encode(bytes([255] * 5)).decode(), safe='')}"
        assert requests.put(url, data=BODY[:PART_BYTES], timeout=10).status_code == 201

        outcome = granted.finalize()

        assert outcome.error
        assert outcome.error.code == ErrorCode.NOT_UPLOADED
        assert outcome.instructions
        assert outcome.instructions.total_parts == 2

    def test_an_endless_lease_and_a_snapshot_keep_nothing_from_being_deleted(
        self, grant: Callable[..., Grant], refused: Callable[..., None]
    ) -> None:
        """Somebody who may write may also lock; the failed upload is gone all the same"""
        granted = grant()
        assert granted.put(BODY[1:]) == 201
        own = BlobClient.from_blob_url(granted.url)
        own.create_snapshot()
        BlobLeaseClient(own).acquire(lease_duration=-1)
        assert len(granted.names()) == 2

        refused(granted, ErrorCode.SIZE_MISMATCH)

    def test_a_leased_blob_of_the_right_bytes_completes(self, grant: Callable[..., Grant]) -> None:
        """The lease concerns the upload path alone"""
        granted = grant()
        assert granted.put(BODY) == 201
        BlobLeaseClient(BlobClient.from_blob_url(granted.url)).acquire(lease_duration=-1)

        outcome = granted.finalize()

        assert outcome.error is None
        assert granted.store.blob(outcome.file.file_path).get_blob_properties().lease.status == "unlocked"

    def test_writing_after_completion_changes_nothing(self, grant: Callable[..., Grant]) -> None:
        """The address still writes the upload path, which is not what is served"""
        granted = grant()
        granted.put_blocks()
        outcome = granted.finalize()
        assert outcome.error is None

        assert granted.put(OTHER) == 201

        assert granted.store.blob(outcome.file.file_path).download_blob().readall() == BODY
