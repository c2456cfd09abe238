"""Publish, read, delete and list: what reaches the file path is what was verified."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from google.cloud.storage.batch import Batch

from fileman.backends.gcs.backend import GCSBackend
from fileman.backends.values import StoredObject, Upload
from fileman.errors import ChecksumMismatch, ObjectChanged, StorageUnavailable, UploadInProgress
from tests.backends.gcs.scripted_server import Answer, Asked, answering, json_answer
from tests.backends.gcs.stores import BODY, Store, budget, checksum_of, only_request, send, upload_of, uploaded
from tests.servers.gcs.faults import Fault

OTHER = BODY.swapcase()


@pytest.fixture
def backend(store: Store) -> GCSBackend:
    return store.backend()


@pytest.fixture
def upload(backend: GCSBackend) -> Upload:
    """An upload whose bytes have arrived."""
    return uploaded(backend, upload_of())


@pytest.fixture
def verified(backend: GCSBackend, upload: Upload) -> StoredObject:
    return backend.assemble(upload, budget())


def test_the_facts_are_googles_own(store: Store, backend: GCSBackend, upload: Upload) -> None:
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


def test_an_encoding_that_the_client_added_is_seen_and_not_decoded(store: Store, backend: GCSBackend) -> None:
    upload = upload_of()

    assert send(only_request(backend, upload), BODY, headers={"Content-Encoding": "gzip"}).status_code == 200

    assert backend.stat(upload.upload_path).content_encoding == "gzip"
    assert b"".join(backend.read(upload.upload_path)) == BODY


def test_publish_copies_bytes_and_type_and_nothing_else(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    hostile = store.bucket.blob(upload.upload_path)
    hostile.metadata, hostile.cache_control = {"a": "b"}, "public, max-age=999"
    hostile.content_disposition = "inline"
    hostile.patch()

    published = backend.publish(upload, verified, budget())

    blob = store.bucket.get_blob(upload.file_path)
    assert (published.path, published.etag) == (upload.file_path, str(blob.generation))
    assert published.checksums == verified.checksums
    assert blob.download_as_bytes() == BODY
    assert blob.content_type == "text/plain"
    assert (blob.metadata or {}, blob.cache_control, blob.content_disposition) == ({}, None, None)


def test_an_object_that_vanished_after_it_was_verified_is_not_published(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    store.bucket.delete_blob(upload.upload_path)

    with pytest.raises(ObjectChanged):
        backend.publish(upload, verified, budget())


def test_a_copy_in_many_steps_is_finished(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    store.server.set_unfinished_rewrite_steps(5)

    assert backend.publish(upload, verified, budget()).size == len(BODY)
    assert store.bucket.blob(upload.file_path).download_as_bytes() == BODY


def test_a_copy_that_outlasts_its_budget_continues_in_the_next_call(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    """Each call takes one step; if one started again, it would never end."""
    store.server.set_unfinished_rewrite_steps(3)

    for _ in range(3):
        with pytest.raises(UploadInProgress) as unfinished:
            backend.publish(upload, verified, budget(0))
        upload = replace(upload, progress=unfinished.value.progress or {})

    assert backend.publish(upload, verified, budget(0)).size == len(BODY)


def test_the_progress_of_another_source_is_ignored(backend: GCSBackend, upload: Upload, verified: StoredObject) -> None:
    foreign = replace(upload, progress={"rewrite_token": "of another object", "source": "1"})

    assert backend.publish(foreign, verified, budget()).size == len(BODY)


def test_a_copy_whose_response_was_lost_is_adopted(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    """The second attempt meets the first one's object."""
    store.server.inject(Fault(method="POST", path_contains="/rewriteTo/", drop_answer=True))

    assert backend.publish(upload, verified, budget()).path == upload.file_path


@pytest.mark.parametrize("bytes_there", [BODY, OTHER], ids=["the same bytes", "other bytes"])
def test_a_file_that_appears_while_publishing_is_never_replaced(
    store: Store,
    backend: GCSBackend,
    upload: Upload,
    verified: StoredObject,
    bytes_there: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The copy itself is create-only."""
    winner = store.put(upload.file_path, bytes_there)
    find, looks = backend.find, []

    def too_early(path: str) -> StoredObject | None:
        looks.append(path)
        return None if len(looks) == 1 else find(path)

    monkeypatch.setattr(backend, "find", too_early)

    if bytes_there == BODY:
        assert backend.publish(upload, verified, budget()).etag == str(winner.generation)
    else:
        with pytest.raises(ChecksumMismatch):
            backend.publish(upload, verified, budget())
    assert store.bucket.get_blob(upload.file_path).generation == winner.generation


def test_a_range_beyond_the_end_is_empty(backend: GCSBackend, upload: Upload) -> None:
    assert b"".join(backend.read(upload.upload_path, start=999)) == b""
    assert b"".join(backend.read(upload.upload_path, length=0)) == b""


def test_a_connection_that_breaks_while_reading_is_an_error_of_the_storage(store: Store) -> None:
    """Never half an object without an error."""
    with answering(lambda _: Answer(body=BODY, missing_bytes=1)) as endpoint:
        chunks = store.backend(endpoint=endpoint).read("a")

        with pytest.raises(StorageUnavailable):
            b"".join(chunks)


def test_names_with_any_character_are_deleted(store: Store, backend: GCSBackend) -> None:
    paths = [f"tenant/{number} ü%?#&.txt" for number in range(3)]
    for path in paths:
        store.put(path)

    assert backend.delete([*paths, *paths]) == []

    assert store.names() == []


def test_each_object_that_cannot_be_deleted_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Responses are matched by position; absent objects are no failure."""
    refusals = ["404 Not Found\r\n\r\n{}", _refusal(404, "notFound"), _refusal(403, "forbidden"), "204 No Content\r\n"]
    part = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 {}\r\n"
    body = "".join(part.format(refusal) for refusal in refusals) + "--b--\r\n"
    batch = Answer(body=body.encode(), headers={"Content-Type": "multipart/mixed; boundary=b"})

    def respond(asked: Asked) -> Answer:
        return batch if asked.path.startswith("/batch/") else json_answer({})

    with answering(respond) as endpoint:
        failures = store.backend(endpoint=endpoint).delete(["not google's", "absent", "forbidden", "gone"])

    assert [(failure.path, failure.reason) for failure in failures] == [
        ("not google's", "404 "),
        ("forbidden", "403 forbidden"),
    ]


def _refusal(status: int, reason: str) -> str:
    error = f'{{"error": {{"errors": [{{"reason": "{reason}", "message": "canary"}}]}}}}'
    return f"{status} Refused\r\nContent-Type: application/json\r\n\r\n{error}"


def test_a_batch_that_fails_as_a_whole_is_an_error_of_the_storage(store: Store, backend: GCSBackend) -> None:
    store.put("a")
    store.server.inject(Fault(path_contains="/batch/", status=503, times=2))

    with pytest.raises(StorageUnavailable):
        backend.delete(["a"])

    assert store.names() == ["a"]


def test_versions_are_deleted_where_the_bucket_keeps_them(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their generations, and of that name alone. The stand-in keeps none, so one is put back in time."""
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

    assert store.backend().delete(["a"]) == []

    assert [name.partition("=")[0] for names in sent for name in names] == ["a?prettyPrint", "a?generation"]
    assert store.names() == ["ab"]


def test_old_objects_are_listed_over_all_pages(
    store: Store, backend: GCSBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fileman.backends.gcs.objects.PAGE", 2)
    for number in range(5):
        store.put(f"tenant/{number}")
    store.put("elsewhere")
    soon, before = datetime.now(UTC) + timedelta(minutes=1), datetime.now(UTC) - timedelta(hours=1)

    assert [stored.path for stored in backend.list_objects("tenant/")] == [f"tenant/{number}" for number in range(5)]
    assert len(list(backend.list_objects("tenant/", older_than=soon))) == 5
    assert list(backend.list_objects("tenant/", older_than=before)) == []
