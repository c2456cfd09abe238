"""Stat, read, delete and list: only what Google says counts."""

from contextlib import nullcontext
from typing import Any

import pytest
import requests
from google.cloud.storage.batch import Batch

from fileman.backends.base import Backend
from fileman.backends.values import StoredObject, Upload
from fileman.errors import ObjectChanged, StorageUnavailable
from tests.backends.gcs.stores import Store
from tests.backends.uploads import BODY, checksum_of, only_request, send, upload_of, uploaded
from tests.servers.proxy import MAINTENANCE_PAGE, Answer, Proxy, answer_with, answering, json_answer


@pytest.fixture
def upload(backend: Backend) -> Upload:
    """An upload whose bytes have arrived."""
    return uploaded(backend, upload_of())


def test_the_facts_are_googles_own(store: Store, backend: Backend, upload: Upload) -> None:
    stored = backend.stat(upload.upload_path)

    blob = store.bucket.get_blob(upload.upload_path)
    assert stored == StoredObject(
        path=upload.upload_path,
        size=len(BODY),
        etag=str(blob.generation),
        version=str(blob.generation),
        content_type="text/plain",
        checksums={name: checksum_of(BODY, name).hexdigest for name in ("crc32c", "md5")},
        modified=blob.updated,
    )


def test_an_encoding_that_the_client_added_is_seen_and_not_decoded(backend: Backend) -> None:
    upload = upload_of()

    assert send(only_request(backend, upload), BODY, headers={"Content-Encoding": "gzip"}).status_code == 200

    assert backend.stat(upload.upload_path).content_encoding == "gzip"
    assert b"".join(backend.read(upload.upload_path)) == BODY


def test_a_range_beyond_the_end_is_empty(backend: Backend, upload: Upload) -> None:
    assert b"".join(backend.read(upload.upload_path, start=999)) == b""
    assert b"".join(backend.read(upload.upload_path, length=0)) == b""


def test_a_connection_that_breaks_while_reading_is_an_error_of_the_storage(store: Store) -> None:
    """Never half an object without an error."""
    broken = Answer(status=200, body=BODY, headers=(("X-Goog-Generation", "1"), ("Content-Length", str(len(BODY) + 1))))
    with answering(lambda _: broken) as proxy:
        chunks = store.backend(endpoint=proxy.url).read("a")

        with pytest.raises(StorageUnavailable):
            b"".join(chunks)


@pytest.mark.parametrize(
    ("start", "length", "status", "headers", "error"),
    [
        (0, None, 200, {"X-Goog-Generation": "1"}, None),
        (0, None, 200, {"X-Goog-Generation": "2"}, ObjectChanged),
        (0, None, 200, {"X-Goog-Hash": "crc32c=AAAAAA=="}, None),
        (0, None, 200, {}, StorageUnavailable),
        (2, 4, 206, {"Content-Range": "bytes 2-5/28"}, None),
        (2, 4, 206, {"Content-Range": "bytes 0-3/28", "X-Goog-Generation": "1"}, StorageUnavailable),
        (2, 4, 200, {"X-Goog-Generation": "1"}, StorageUnavailable),
        (0, 28, 200, {"X-Goog-Generation": "1"}, None),
        (0, 27, 200, {"X-Goog-Generation": "1"}, StorageUnavailable),
        (0, 28, 200, {}, StorageUnavailable),
    ],
)
def test_only_the_bytes_that_were_asked_for_are_read(
    store: Store, start: int, length: int | None, status: int, headers: dict[str, str], error: Any
) -> None:
    """Some storages ignore the precondition. A web page shows neither a generation, nor a checksum, nor a range."""
    with answering(lambda _: Answer(status=status, body=BODY, headers=tuple(headers.items()))) as proxy:
        backend = store.backend(endpoint=proxy.url)
        with pytest.raises(error) if error else nullcontext():
            assert b"".join(backend.read("a", start=start, length=length, etag="1")) == BODY


def test_each_object_that_cannot_be_deleted_is_named(store: Store) -> None:
    """Responses are matched by position; absent objects are no failure."""
    kept = ["forbidden", "retentionPolicyNotMet", "objectUnderActiveHold"]
    refusals = ["404 Not Found\r\n\r\n{}", _refusal(404, "notFound"), "204 No Content\r\n"]
    refusals += [_refusal(403, reason) for reason in kept]
    part = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 {}\r\n"
    body = "".join(part.format(refusal) for refusal in refusals) + "--b--\r\n"
    batch = Answer(status=200, body=body.encode(), headers=(("Content-Type", "multipart/mixed; boundary=b"),))

    with answering(lambda asked: batch if asked.seen.target.startswith("/batch/") else json_answer({})) as proxy:
        failures = store.backend(endpoint=proxy.url).delete(["not google's", "absent", "gone", *kept])

    assert [(failure.path, failure.reason) for failure in failures] == [(path, f"403 {path}") for path in kept]


@pytest.mark.parametrize("batch", [404, 405, 501, "text"])
def test_without_batches_objects_go_one_by_one(store: Store, proxy: Proxy, backend: Backend, batch: int | str) -> None:
    """By servers that have none, or answer them in a way of their own. Absent objects are no failure."""
    for path in ("a", "ab", "b"):
        store.put(path)
    answer = Answer(status=200, body=b"text") if batch == "text" else Answer(status=int(batch))
    proxy.disturb(answer_with(answer), target="/batch/", times=None)

    assert backend.delete(["a", "absent", "b"]) == []

    assert store.names() == ["ab"]


def test_of_objects_deleted_one_by_one_each_failure_is_named(store: Store, proxy: Proxy) -> None:
    for path in ("forbidden", "gone", "kept"):
        store.put(path)
    proxy.disturb(answer_with(501), target="/batch/", times=None)
    proxy.disturb(answer_with(403), method="DELETE", target="/o/forbidden")
    proxy.disturb(answer_with(MAINTENANCE_PAGE), method="DELETE", target="/o/kept")

    failures = store.backend(endpoint=proxy.url).delete(["forbidden", "gone", "kept"])

    reasons = [(failure.path, failure.reason) for failure in failures]
    assert reasons == [("forbidden", "403 "), ("kept", "it is still listed")]
    assert store.names() == ["forbidden", "kept"]


def _refusal(status: int, reason: str) -> str:
    error = f'{{"error": {{"errors": [{{"reason": "{reason}", "message": "canary"}}]}}}}'
    return f"{status} Refused\r\nContent-Type: application/json\r\n\r\n{error}"


def test_versions_are_deleted_where_the_bucket_keeps_them(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their generations, each once, and of that name alone. The stand-in keeps none, so one is put back in time."""
    store.bucket.versioning_enabled = True
    store.bucket.patch()
    store.put("a")
    store.put("ab")
    sent: list[list[str]] = []
    finish = Batch.finish

    def finish_and_keep(batch: Any, **options: Any) -> list[requests.Response]:
        sent.append([url.rpartition("/")[2] for _, url, *_ in batch._requests])
        responses: list[requests.Response] = finish(batch, **options)
        if len(sent) == 1:
            store.put("a")
        return responses

    monkeypatch.setattr(Batch, "finish", finish_and_keep)

    assert store.backend().delete(["a", "a"]) == []

    assert [name.partition("=")[0] for names in sent for name in names] == ["a?prettyPrint", "a?generation"]
    assert store.names() == ["ab"]


def test_objects_are_listed_over_all_pages(store: Store, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fileman.backends.gcs.objects.PAGE", 2)
    for number in range(5):
        store.put(f"tenant/{number}")
    store.put("elsewhere")

    assert [stored.path for stored in backend.list_objects("tenant/")] == [f"tenant/{number}" for number in range(5)]
