"""Publish, read, delete and list: what reaches the file path is what was verified."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fileman.backends.gcs import batch
from fileman.backends.gcs.backend import GCSBackend
from fileman.backends.gcs.client import GCSConnection
from fileman.backends.gcs.errors import Refused
from fileman.backends.values import StoredObject, Upload
from fileman.errors import (
    ChecksumMismatch,
    FileMissing,
    ObjectChanged,
    SizeMismatch,
    StorageUnavailable,
    UploadInProgress,
)
from tests.backends.gcs.scripted_server import Answer, answering
from tests.backends.gcs.stores import BODY, Store, budget, checksum_of, only_request, send, upload_of, uploaded
from tests.servers.gcs_faults import Fault

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
    """Size, type, checksums and generation as the service tells them."""
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


def test_an_encoding_that_the_client_added_is_seen(store: Store, backend: GCSBackend) -> None:
    """It would change what is served, so finalize fails the file."""
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


def test_an_object_swapped_after_it_was_verified_is_not_published(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    """The copy is pinned to the generation."""
    store.put(upload.upload_path, OTHER)

    with pytest.raises(ObjectChanged):
        backend.publish(upload, verified, budget())
    with pytest.raises(ObjectChanged):
        b"".join(backend.read(upload.upload_path, etag=verified.etag))

    assert not store.has(upload.file_path)


def test_an_object_that_vanished_after_it_was_verified_is_not_published(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    store.bucket.delete_blob(upload.upload_path)

    with pytest.raises(ObjectChanged):
        backend.publish(upload, verified, budget())


def test_a_copy_in_many_steps_is_looped_to_its_end(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    store.server.set_unfinished_rewrite_steps(5)

    assert backend.publish(upload, verified, budget()).size == len(BODY)
    assert store.bucket.blob(upload.file_path).download_as_bytes() == BODY


def test_a_copy_that_outlasts_its_budget_goes_on_in_the_next_call(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    """Each call takes one step; had one begun anew, it would never end."""
    store.server.set_unfinished_rewrite_steps(3)

    for _ in range(3):
        with pytest.raises(UploadInProgress) as unfinished:
            backend.publish(upload, verified, budget(0))
        upload = replace(upload, progress=unfinished.value.progress or {})

    assert backend.publish(upload, verified, budget(0)).size == len(BODY)


def test_the_progress_of_another_source_is_not_gone_on_with(
    backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    foreign = replace(upload, progress={"rewrite_token": "of another object", "source": "1"})

    assert backend.publish(foreign, verified, budget()).size == len(BODY)


def test_publishing_twice_changes_nothing(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    first = backend.publish(upload, verified, budget())
    store.bucket.delete_blob(upload.upload_path)

    assert backend.publish(upload, verified, budget()) == first


def test_a_copy_whose_answer_was_lost_is_adopted(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    """The second attempt meets the first one's object."""
    store.server.inject(Fault(method="POST", path_contains="/rewriteTo/", drop_answer=True))

    assert backend.publish(upload, verified, budget()).path == upload.file_path


@pytest.mark.parametrize(
    ("standing", "error"), [(OTHER, ChecksumMismatch), (BODY + b"!", SizeMismatch)], ids=["bytes", "length"]
)
def test_another_file_at_the_file_path_is_never_replaced(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject, standing: bytes, error: type[Exception]
) -> None:
    store.put(upload.file_path, standing)

    with pytest.raises(error):
        backend.publish(upload, verified, budget())

    assert store.bucket.blob(upload.file_path).download_as_bytes() == standing


@pytest.mark.parametrize("standing", [BODY, OTHER], ids=["the same bytes", "other bytes"])
def test_a_file_that_appears_while_publishing_is_never_replaced(
    store: Store,
    backend: GCSBackend,
    upload: Upload,
    verified: StoredObject,
    standing: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The copy itself is create-only."""
    winner = store.put(upload.file_path, standing)
    find, looks = backend._objects.find, []

    def too_early(path: str) -> StoredObject | None:
        looks.append(path)
        return None if len(looks) == 1 else find(path)

    monkeypatch.setattr(backend._objects, "find", too_early)

    if standing == BODY:
        assert backend.publish(upload, verified, budget()).etag == str(winner.generation)
    else:
        with pytest.raises(ChecksumMismatch):
            backend.publish(upload, verified, budget())
    assert store.bucket.get_blob(upload.file_path).generation == winner.generation


def test_the_upload_address_cannot_touch_what_is_published(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    """Its bytes go to the upload path, where nobody looks any more."""
    store.bucket.delete_blob(upload.upload_path)
    request = only_request(backend, upload)
    send(request, BODY)
    published = backend.publish(upload, backend.stat(upload.upload_path), budget())

    assert send(request, OTHER).status_code == 200

    assert backend.stat(upload.file_path) == published
    assert store.bucket.blob(upload.file_path).download_as_bytes() == BODY


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, None, BODY), (4, 5, BODY[4:9]), (4, None, BODY[4:]), (0, 0, b""), (999, None, b""), (20, 999, BODY[20:])],
)
def test_a_range_is_read(
    backend: GCSBackend, upload: Upload, verified: StoredObject, start: int, length: int | None, expected: bytes
) -> None:
    chunks = backend.read(upload.upload_path, start=start, length=length, etag=verified.etag)

    assert b"".join(chunks) == expected


def test_a_connection_that_breaks_while_reading_is_a_fault_of_the_storage(store: Store) -> None:
    """Never half an object without an error."""
    with answering(lambda _: Answer(body=BODY, missing_bytes=1)) as endpoint:
        chunks = store.backend(endpoint=endpoint).read("a")

        with pytest.raises(StorageUnavailable):
            b"".join(chunks)


def test_deleting_goes_in_batches_and_takes_what_is_absent_for_deleted(store: Store, backend: GCSBackend) -> None:
    for number in range(3):
        store.put(f"tenant/{number} ü%?#&.txt")
    paths = [f"tenant/{number} ü%?#&.txt" for number in range(103)]

    assert backend.delete([*paths, *paths]) == []

    assert store.names() == []


def test_what_cannot_be_deleted_is_named(store: Store, backend: GCSBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the batch goes."""
    store.put("a")
    store.put("b")
    delete = batch.delete

    def one_forbidden(connection: GCSConnection, targets: Sequence[str]) -> list[Refused | None]:
        return [*delete(connection, targets[:1]), Refused(403, "forbidden", "tells the account")]

    monkeypatch.setattr(batch, "delete", one_forbidden)

    (failure,) = backend.delete(["a", "b"])

    assert (failure.path, failure.reason) == ("b", "403 forbidden")
    assert store.names() == ["b"]


def test_a_batch_that_fails_as_a_whole_is_a_fault_of_the_storage(store: Store, backend: GCSBackend) -> None:
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
    asked: list[str] = []
    delete = batch.delete

    def delete_and_keep(connection: GCSConnection, targets: Sequence[str]) -> list[Refused | None]:
        answers = delete(connection, targets)
        if not asked:
            store.put("a")
        asked.extend(target.rpartition("/")[2] for target in targets)
        return answers

    monkeypatch.setattr(batch, "delete", delete_and_keep)

    assert store.backend().delete(["a"]) == []

    assert [name.partition("=")[0] for name in asked] == ["a", "a?generation"]
    assert store.names() == ["ab"]


def test_what_is_old_enough_is_listed_over_all_pages(
    store: Store, backend: GCSBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fileman.backends.gcs.backend.objects.PAGE", 2)
    for number in range(5):
        store.put(f"tenant/{number}")
    store.put("elsewhere")
    soon, before = datetime.now(UTC) + timedelta(minutes=1), datetime.now(UTC) - timedelta(hours=1)

    assert [stored.path for stored in backend.list_objects("tenant/")] == [f"tenant/{number}" for number in range(5)]
    assert len(list(backend.list_objects("tenant/", older_than=soon))) == 5
    assert list(backend.list_objects("tenant/", older_than=before)) == []


def test_what_is_absent_is_missing(backend: GCSBackend) -> None:
    with pytest.raises(FileMissing):
        backend.stat("absent")
    with pytest.raises(FileMissing):
        b"".join(backend.read("absent"))
