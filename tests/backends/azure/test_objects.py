"""Blobs in states that only Azure knows: uncommitted, leased, with snapshots, being copied, under a foreign key."""

import io

import pytest
from azure.storage.blob import BlobLeaseClient

from fileman.backends.base import Backend
from fileman.backends.time_limit import time_limit
from fileman.backends.values import DeleteFailure, Upload
from fileman.errors import OutOfTime, StorageMisconfigured, StorageUnavailable
from tests.backends.azure.stores import BODY, PART_BYTES, Store, make_upload, refuse
from tests.backends.uploads import send
from tests.servers.proxy import Proxy, alter


@pytest.fixture
def half_sent(backend: Backend) -> Upload:
    """The first of two blocks has arrived."""
    upload = make_upload(backend, parts=True)
    first, _ = backend.instructions(upload, backend.missing(upload))
    assert send(first, BODY[:PART_BYTES]).status_code == 201
    return upload


class TestUncommitted:
    def test_abort_leaves_no_block_where_azure_deletes_only_blobs(
        self, store: Store, backend: Backend, proxy: Proxy, half_sent: Upload
    ) -> None:
        """Azure answers 404 while there are blocks only; Azurite deletes them"""
        proxy.disturb(refuse(404, "BlobNotFound"), method="DELETE")

        backend.abort(half_sent)

        assert list(store.container.list_blobs(include=["uncommittedblobs"])) == []

    def test_a_commit_never_replaces_a_blob_that_has_just_been_committed(
        self, store: Store, backend: Backend, proxy: Proxy, half_sent: Upload
    ) -> None:
        """The commit itself is create-only: it is refused, and the blob of a faster call is returned"""
        [request] = backend.instructions(half_sent, backend.missing(half_sent))
        send(request, BODY[PART_BYTES:])
        first = store.backend().assemble(half_sent)
        proxy.seen.clear()

        assert backend.assemble(half_sent).etag == first.etag

        assert [seen.method for seen in proxy.seen] == ["GET", "PUT", "HEAD"]
        assert dict(proxy.seen[1].headers)["If-None-Match"] == "*"

    def test_a_commit_whose_response_was_lost_is_found(self, backend: Backend, proxy: Proxy, half_sent: Upload) -> None:
        [request] = backend.instructions(half_sent, backend.missing(half_sent))
        send(request, BODY[PART_BYTES:])
        proxy.disturb(refuse(503, after=True), method="PUT", target="comp=blocklist")

        assert backend.assemble(half_sent).size == len(BODY)


HEAD = "--b\r\nContent-Type: application/http\r\nContent-ID: {}\r\n\r\nHTTP/1.1 "
KEPT = "BlobImmutableDueToPolicy"
UNDELETED = [("BlockBlob", 409, KEPT), ("AppendBlob", 409, KEPT), ("BlockBlob", 404, "BlobNotFound")]
REFUSED = f"{HEAD.format(0)}400 Bad Request\r\nx-ms-error-code: InvalidInput\r\n\r\n\r\n--b--"
WITHOUT_CODES = "".join(f"{HEAD.format(n)}404 Not Found\r\n\r\n\r\n" for n in range(2)) + "--b--"


class TestDeleting:
    @pytest.mark.parametrize(("status", "body"), [(202, REFUSED), (501, REFUSED), (202, WITHOUT_CODES)])
    def test_a_batch_that_azure_does_not_take_is_no_success(
        self, store: Store, backend: Backend, proxy: Proxy, status: int, body: str
    ) -> None:
        """Azure returns one error for all, in a 202 or alone, or a 404 without a code; each blob is then deleted"""
        store.put("one", BODY)
        batches = {"Content-Type": "multipart/mixed; boundary=b"}
        proxy.disturb(refuse(status, headers=batches, body=body.encode()), target="comp=batch")

        assert backend.delete(["one", "absent"]) == []

        assert [seen.method for seen in proxy.seen] == ["POST", "DELETE", "DELETE"]
        assert list(store.container.list_blobs()) == []

    @pytest.mark.parametrize(("status", "code"), [(404, "ResourceNotFound"), (409, KEPT)])
    def test_a_blob_that_is_not_deleted_is_named(self, backend: Backend, proxy: Proxy, status: int, code: str) -> None:
        proxy.disturb(refuse(status, code), method="DELETE", times=None)

        assert backend.delete(["one"]) == [DeleteFailure(path="one", reason=f"Azure returned {status} {code}.")]

    def test_a_missing_container_is_neither_a_missing_file_nor_a_success(self, store: Store, backend: Backend) -> None:
        store.container.delete_container()

        with pytest.raises(StorageMisconfigured):
            backend.stat("one")
        for paths in (["one"], ["one", "two"]):
            with pytest.raises(StorageMisconfigured):
                backend.delete(paths)

    def test_leases_and_snapshots_go_with_the_blob(self, store: Store, backend: Backend) -> None:
        """One alone, and several at once"""
        paths = ["one", "two", "three"]
        for path in paths:
            store.put(path, BODY)
            store.blob(path).create_snapshot()
            BlobLeaseClient(store.blob(path)).acquire(lease_duration=-1)

        assert backend.delete(paths[:1]) == []
        assert backend.delete(paths[1:]) == []

        assert list(store.container.list_blobs(include=["snapshots"])) == []

    def test_a_leased_blob_without_a_description_is_deleted(self, store: Store, backend: Backend, proxy: Proxy) -> None:
        """Azure describes no blob under an uploader's own key, but it breaks the lease"""
        store.put("file", BODY)
        BlobLeaseClient(store.blob("file")).acquire(lease_duration=-1)
        own_key = "BlobUsesCustomerSpecifiedEncryption"
        proxy.disturb(refuse(409, own_key), method="HEAD", times=None)

        assert backend.delete(["file"]) == []

        assert not store.blob("file").exists()

    def test_a_batch_has_256_blobs(self, store: Store, backend: Backend, proxy: Proxy) -> None:
        """Azure takes no more at once; the names may have any letters, and a repeated one counts once"""
        stored = ["one", "two with a space", "drei/ü"]
        for path in stored:
            store.put(path, BODY)

        assert backend.delete([*stored, "one", *(f"absent-{n}" for n in range(2 * 256 - 2))]) == []

        assert [seen.method for seen in proxy.seen] == ["POST", "POST", "DELETE"]
        assert list(store.container.list_blobs()) == []

    def test_a_pending_copy_is_stopped_first(self, store: Store, backend: Backend, proxy: Proxy) -> None:
        """A slow copy from elsewhere would keep its target from being deleted"""
        store.put("source", BODY)
        store.blob("target").start_copy_from_url(store.blob("source").url)
        proxy.disturb(refuse(409, "PendingCopyOperation"), method="DELETE")
        proxy.disturb(alter({"x-ms-copy-status": "pending"}), method="HEAD")
        proxy.disturb(refuse(204), target="comp=copy")

        assert backend.delete(["target"]) == []

        assert [seen.fault for seen in proxy.seen if seen.fault] == ["answer_with", "alter", "answer_with"]
        assert not store.blob("target").exists()

    @pytest.mark.parametrize(("kind", "status", "code"), UNDELETED, ids=str)
    def test_abort_leaves_a_blob_as_it_is_that_azure_does_not_delete(
        self, store: Store, backend: Backend, proxy: Proxy, half_sent: Upload, kind: str, status: int, code: str
    ) -> None:
        """Its bytes are not replaced by an empty list of blocks, which is create-only"""
        store.put(half_sent.upload_path, BODY if kind == "BlockBlob" else b"", {"x-ms-blob-type": kind})
        before = store.blob(half_sent.upload_path).get_blob_properties().etag
        proxy.disturb(refuse(status, code), method="DELETE", times=2)

        backend.abort(half_sent)

        assert store.blob(half_sent.upload_path).get_blob_properties().etag == before


class TestFacts:
    def test_a_blob_under_a_key_of_the_uploader_is_irregular(self, backend: Backend, proxy: Proxy) -> None:
        """Azure does not describe it without that key; it can never complete"""
        own_key = "BlobUsesCustomerSpecifiedEncryption"
        proxy.disturb(refuse(409, own_key), method="HEAD")

        stored = backend.stat("file")

        assert (stored.size, stored.irregular) == (0, "it is encrypted with a key of its uploader")

    def test_encoded_bytes_are_read_as_they_are_stored(self, store: Store, backend: Backend) -> None:
        """Checksums are of the stored bytes, not of the unpacked ones"""
        store.put("file", BODY, {"x-ms-blob-content-encoding": "gzip"})

        assert b"".join(backend.read("file")) == BODY
        assert backend.stat("file").content_encoding == "gzip"

    def test_large_objects_are_read_in_pieces(self, store: Store, backend: Backend, proxy: Proxy) -> None:
        """Four MiB at a time, each pinned"""
        store.blob("large").upload_blob(bytes(9 * 1024**2))
        etag = backend.stat("large").etag
        proxy.seen.clear()

        sizes = [len(chunk) for chunk in backend.read("large", etag=etag)]

        assert sum(sizes) == 9 * 1024**2
        assert max(sizes) <= 4 * 1024**2
        assert [dict(seen.headers)["If-Match"] for seen in proxy.seen] == [f'"{etag}"'] * 3


class TestThroughUs:
    def test_the_storage_sees_one_block_and_one_commit(self, proxy: Proxy, backend: Backend) -> None:
        """Streamed on with its exact length, never sent chunked"""
        upload = make_upload(backend)

        stored = backend.write(upload, upload.slice(1), io.BytesIO(BODY + b"more"))

        assert stored
        assert set(stored.checksums) == {"sha256"}
        puts = [seen for seen in proxy.seen if seen.method == "PUT"]
        assert [seen.target.partition("comp=")[2].partition("&")[0] for seen in puts] == ["block", "blocklist"]
        assert dict(puts[0].headers)["Content-Length"] == str(len(BODY))
        assert not any("Transfer-Encoding" in dict(seen.headers) for seen in puts)

    def test_a_body_is_never_sent_twice(self, backend: Backend, proxy: Proxy) -> None:
        """The stream is spent after the first attempt"""
        upload = make_upload(backend)
        proxy.disturb(refuse(503), target="comp=block&")

        with pytest.raises(StorageUnavailable):
            backend.write(upload, upload.slice(1), io.BytesIO(BODY))

        assert len([seen for seen in proxy.seen if "comp=block&" in seen.target]) == 1
        assert backend.missing(upload) == [upload.slice(1)]


class TestTrouble:
    def test_no_request_starts_that_may_outlast_the_limit(self, store: Store, backend: Backend, proxy: Proxy) -> None:
        """The first one may; each chunk of a download is a request"""
        store.blob("large").upload_blob(bytes(9 * 1024**2))

        with time_limit(0):
            chunks = backend.read("large")
            with pytest.raises(OutOfTime):
                list(chunks)

        assert [seen.method for seen in proxy.seen] == ["GET"]

    def test_a_download_that_breaks_off_is_unavailable(self, store: Store, backend: Backend, proxy: Proxy) -> None:
        """Also when the chunks are read long after the first response"""
        store.blob("large").upload_blob(bytes(9 * 1024**2))
        chunks = backend.read("large")
        proxy.disturb(refuse(503), times=None)

        with pytest.raises(StorageUnavailable):
            list(chunks)
