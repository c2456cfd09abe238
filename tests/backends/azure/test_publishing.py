"""Copies that are slow, break off, or find another blob at the file path."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from fileman.backends.azure.backend import AzureBackend
from fileman.backends.values import Budget, StoredObject, Upload
from fileman.errors import (
    FilemanError,
    FileMissing,
    ObjectChanged,
    SizeMismatch,
    StorageMisconfigured,
    StorageUnavailable,
    UploadInProgress,
)
from tests.backends.azure.response_proxy import Front, Rule, Seen
from tests.backends.azure.stores import BODY, Store, make_upload

SPENT = Budget(seconds=0)


@pytest.fixture
def upload(store: Store, backend: AzureBackend) -> Upload:
    upload = make_upload(backend)
    store.put(upload.upload_path, BODY)
    return upload


@pytest.fixture
def verified(backend: AzureBackend, upload: Upload) -> StoredObject:
    return backend.stat(upload.upload_path)


def looks_at(path: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.method == "HEAD" and seen.path.endswith(path)


@pytest.mark.parametrize("hidden", [(), ("x-ms-meta-fileman_copying",)], ids=["marked at once", "marked at its end"])
def test_a_slow_copy_is_awaited_over_several_calls(
    backend: AzureBackend, front: Front, upload: Upload, verified: StoredObject, hidden: tuple[str, ...]
) -> None:
    """Until it is finished the file path looks empty, whenever Azure shows its metadata"""
    pending = Rule(
        matches=looks_at(upload.file_path),
        headers={"x-ms-copy-status": "pending", "x-ms-copy-progress": f"5/{len(BODY)}"},
        hidden=hidden,
        times=10**6,
    )
    front.rules = [Rule(matches=looks_at(upload.file_path)), pending]

    for _ in range(2):
        with pytest.raises(UploadInProgress) as raised:
            backend.publish(upload, verified, SPENT)
        assert raised.value.progress == {"copied": f"5/{len(BODY)}"}
        with pytest.raises(FileMissing):
            backend.stat(upload.file_path)
    pending.times = 0
    published = backend.publish(upload, verified, SPENT)

    assert (published.path, published.size, published.content_type) == (upload.file_path, len(BODY), "text/plain")
    assert len([seen for seen in front.seen if "x-ms-copy-source" in seen.headers]) == 1


def test_a_copy_is_awaited_within_the_budget(
    backend: AzureBackend, front: Front, upload: Upload, verified: StoredObject
) -> None:
    absent = Rule(matches=looks_at(upload.file_path))
    front.rules = [absent, Rule(matches=looks_at(upload.file_path), headers={"x-ms-copy-status": "pending"}, times=2)]

    assert backend.publish(upload, verified, Budget(seconds=20)).size == len(BODY)


@pytest.mark.parametrize("status", ["failed", "aborted"])
def test_a_failed_copy_is_started_again_by_the_next_call(
    backend: AzureBackend, front: Front, upload: Upload, verified: StoredObject, status: str
) -> None:
    front.rules = [
        Rule(matches=looks_at(upload.file_path)),
        Rule(matches=looks_at(upload.file_path), headers={"x-ms-copy-status": status}),
    ]

    with pytest.raises(StorageUnavailable):
        backend.publish(upload, verified, SPENT)

    assert b"".join(backend.read(backend.publish(upload, verified, SPENT).path)) == BODY


def test_a_copy_whose_response_was_lost_is_found(
    backend: AzureBackend, front: Front, upload: Upload, verified: StoredObject
) -> None:
    """The second attempt finds the copy of the first"""
    front.rules = [Rule(matches=lambda seen: "x-ms-copy-source" in seen.headers, status=503, after=True)]

    assert backend.publish(upload, verified, SPENT).size == len(BODY)
    assert len([seen for seen in front.seen if "x-ms-copy-source" in seen.headers]) == 2


@pytest.mark.parametrize("step", ["comp=properties", "comp=metadata"])
def test_a_call_that_broke_off_after_the_copy_is_completed_by_the_next(
    backend: AzureBackend, store: Store, front: Front, upload: Upload, step: str
) -> None:
    """A copy with the uploader's own headers is not yet the file"""
    store.put(upload.upload_path, BODY, {"x-ms-blob-cache-control": "public"})
    verified = backend.stat(upload.upload_path)
    front.rules = [Rule(matches=lambda seen: step in seen.path, status=403)]

    with pytest.raises(StorageMisconfigured):
        backend.publish(upload, verified, SPENT)
    with pytest.raises(FileMissing):
        backend.stat(upload.file_path)
    backend.publish(upload, verified, SPENT)

    assert store.blob(upload.file_path).get_blob_properties().content_settings.cache_control is None


def test_a_copy_that_azure_no_longer_calls_one_is_finished(
    backend: AzureBackend, store: Store, front: Front, upload: Upload, verified: StoredObject
) -> None:
    """Once the headers are rewritten Azure shows no x-ms-copy-*; Azurite still does"""
    front.rules = [Rule(matches=lambda seen: "comp=metadata" in seen.path, status=403)]
    with pytest.raises(StorageMisconfigured):
        backend.publish(upload, verified, SPENT)
    forgotten = {"x-ms-copy-id", "x-ms-copy-source", "x-ms-copy-status", "x-ms-copy-progress"}
    front.rules = [Rule(matches=looks_at(upload.file_path), hidden=forgotten, times=10**6)]
    front.seen.clear()

    published = backend.publish(upload, verified, SPENT)

    assert b"".join(backend.read(published.path)) == BODY
    assert not any("x-ms-copy-source" in seen.headers or seen.method == "DELETE" for seen in front.seen)


def test_the_unfinished_copy_of_a_replaced_object_is_deleted(
    backend: AzureBackend, store: Store, front: Front, upload: Upload, verified: StoredObject
) -> None:
    """The uploader replaced the object that an earlier call copied; only the verified one is published"""
    front.rules = [Rule(matches=lambda seen: "comp=properties" in seen.path, status=403)]
    with pytest.raises(StorageMisconfigured):
        backend.publish(upload, verified, SPENT)
    store.put(upload.upload_path, BODY[::-1])

    published = backend.publish(upload, backend.stat(upload.upload_path), SPENT)

    assert b"".join(backend.read(published.path)) == BODY[::-1]


def test_a_late_mark_of_a_replaced_object_is_noticed(
    backend: AzureBackend, store: Store, front: Front, upload: Upload, verified: StoredObject
) -> None:
    """The copy of an object that was replaced by one of another size, marked by Azure only when it ends"""
    front.rules = [Rule(matches=lambda seen: "comp=properties" in seen.path, status=403)]
    with pytest.raises(StorageMisconfigured):
        backend.publish(upload, verified, SPENT)
    store.put(upload.upload_path, BODY[1:])
    replaced = backend.stat(upload.upload_path)
    unmarked = {"x-ms-copy-status": "pending"}
    front.rules = [Rule(matches=looks_at(upload.file_path), headers=unmarked, hidden=("x-ms-meta-fileman_copying",))]

    with pytest.raises(ObjectChanged):
        backend.publish(upload, replaced, Budget(seconds=20))

    assert b"".join(backend.read(backend.publish(upload, replaced, SPENT).path)) == BODY[1:]


def test_a_deleted_source_is_missing(
    backend: AzureBackend, store: Store, upload: Upload, verified: StoredObject
) -> None:
    store.blob(upload.upload_path).delete_blob()

    with pytest.raises(FileMissing):
        backend.publish(upload, verified, SPENT)


@pytest.mark.parametrize(("body", "error"), [(BODY + b"1", SizeMismatch), (BODY[::-1], ObjectChanged)])
def test_a_foreign_file_is_left_alone(
    backend: AzureBackend,
    store: Store,
    upload: Upload,
    verified: StoredObject,
    body: bytes,
    error: type[FilemanError],
) -> None:
    """One of the right size is verified by the next call, which looks at the file path first"""
    store.put(upload.file_path, body)

    with pytest.raises(error):
        backend.publish(upload, verified, SPENT)

    assert b"".join(backend.read(upload.file_path)) == body


def test_a_file_that_has_just_been_stored_is_not_overwritten(
    backend: AzureBackend, store: Store, front: Front, upload: Upload, verified: StoredObject
) -> None:
    """The copy itself is create-only"""
    store.put(upload.file_path, BODY[::-1])
    front.rules = [Rule(matches=looks_at(upload.file_path), status=404, code="BlobNotFound")]

    with pytest.raises(ObjectChanged):
        backend.publish(upload, verified, SPENT)

    assert store.blob(upload.file_path).download_blob().readall() == BODY[::-1]


def test_two_uploads_do_not_share_a_copy(backend: AzureBackend, store: Store, upload: Upload) -> None:
    other = replace(make_upload(backend), file_path=upload.file_path)
    store.put(other.upload_path, BODY)
    backend.publish(upload, backend.stat(upload.upload_path), SPENT)

    with pytest.raises(ObjectChanged):
        backend.publish(other, backend.stat(other.upload_path), SPENT)
