"""Large files in parts, beyond the contract of all backends."""

import io
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fileman.backends.base import Backend
from fileman.backends.s3.backend import S3Backend
from fileman.backends.time_limit import time_limit
from fileman.backends.values import Upload
from fileman.errors import ObjectChanged, OutOfTime, PartsMissing, UploadLost
from tests.backends.s3.stores import PART_BYTES, Store, as_on_aws, on, uploaded
from tests.backends.uploads import checksum_of, part_of, read, send, upload_of

BODY = bytes(range(256)) * (PART_BYTES // 256) + b"the last part is shorter"
everywhere = on("radosgw", "rclone", "ministack", "moto", quick=2)


def begun(backend: Backend) -> Upload:
    upload = upload_of(len(BODY), part_size=PART_BYTES)
    return replace(upload, begun=backend.begin(upload, origin=None))


def send_parts(backend: Backend, upload: Upload, *numbers: int) -> None:
    for request in backend.instructions(upload, [upload.slice(number) for number in numbers]):
        assert send(request, part_of(BODY, request)).status_code == 200


@everywhere
def test_a_part_of_another_size_counts_as_missing(store: Store, backend: S3Backend) -> None:
    upload = begun(backend)
    send_parts(backend, upload, 1)
    named = {"Bucket": store.bucket, "Key": upload.parts_path, "UploadId": upload.begun["upload_id"]}
    store.client.upload_part(**named, PartNumber=2, Body=b"not this one")

    assert backend.missing(upload) == [upload.slice(2)]
    with pytest.raises(PartsMissing):
        backend.assemble(upload)
    assert not store.has(upload.parts_path)


@on("radosgw", "ministack")
def test_each_page_of_parts_is_asked_for_once_whatever_the_time_limit(store: Store, backend: S3Backend) -> None:
    """And what an earlier `begin` has left is looked for once. Here pages have two parts."""
    upload = upload_of(5 * PART_BYTES, part_size=PART_BYTES)
    forgotten = [backend.begin(upload, origin=None)["upload_id"] for _ in range(2)]
    upload = replace(upload, begun=backend.begin(upload, origin=None))
    named = {"Bucket": store.bucket, "Key": upload.parts_path, "UploadId": upload.begun["upload_id"]}
    for number in (1, 3, 5):
        store.client.upload_part(**named, PartNumber=number, Body=bytes(PART_BYTES))
    asked: list[str] = []

    def shorten(params: dict[str, Any], model: Any, **_: Any) -> None:
        params.update({"MaxParts": 2} if model.name == "ListParts" else {})

    def note(model: Any, **_: Any) -> None:
        asked.append(model.name)

    backend._client.sdk_once.meta.events.register("before-parameter-build.s3", shorten)
    backend._client.sdk_once.meta.events.register_last("before-call.s3", note)

    with time_limit(60):
        assert backend.missing(upload) == [upload.slice(2), upload.slice(4)]
    assert asked == ["ListParts"] * 2
    for number in (2, 4):
        store.client.upload_part(**named, PartNumber=number, Body=bytes(PART_BYTES))
    asked.clear()
    for _ in range(7):
        with time_limit(0), pytest.raises(OutOfTime):
            backend.assemble(upload)
        upload = replace(upload, progress=json.loads(json.dumps(upload.progress)))
    with time_limit(0):
        assert backend.assemble(upload).size == 5 * PART_BYTES

    listed, aborted = [*["ListParts"] * 3, "ListMultipartUploads"], ["AbortMultipartUpload"] * len(forgotten)
    assert asked == [*listed, *aborted, "CompleteMultipartUpload", "GetObject"]
    assert store.unfinished_uploads() == []


@on("radosgw")
def test_a_noted_list_is_of_one_multipart_upload(backend: S3Backend) -> None:
    """The upload was begun again after the notes were made."""
    upload = begun(backend)
    send_parts(backend, upload, 1, 2)
    with time_limit(0), pytest.raises(OutOfTime):
        backend.assemble(upload)
    again = replace(upload, begun=backend.begin(upload, origin=None))
    assert len(again.progress["parts"]) == 2

    with pytest.raises(PartsMissing):
        backend.assemble(again)

    assert again.progress == {}


@everywhere
def test_an_upload_that_the_store_has_forgotten_is_lost(store: Store, backend: S3Backend) -> None:
    """As after the lifecycle rule for unfinished uploads."""
    upload = begun(backend)
    store.client.abort_multipart_upload(Bucket=store.bucket, Key=upload.parts_path, UploadId=upload.begun["upload_id"])

    with pytest.raises(UploadLost):
        backend.missing(upload)
    with pytest.raises(UploadLost):
        backend.missing(replace(upload, begun={}))
    for lost in (upload, replace(upload, begun={})):
        with pytest.raises(UploadLost):
            store.backend(direct=False).write(lost, lost.slice(2), io.BytesIO(BODY))


@everywhere
@pytest.mark.parametrize(
    "remove", [S3Backend.abort, lambda backend, upload: backend.delete([upload.folder])], ids=["abort", "delete"]
)
def test_the_multipart_upload_of_an_unfinished_copy_is_found(
    store: Store, backend: S3Backend, remove: Callable[[S3Backend, Upload], object]
) -> None:
    """By abort, and by the deletion of the file's folder."""
    upload, other = uploaded(backend), begun(backend)
    verified = backend.assemble(upload)
    with time_limit(0), pytest.raises(OutOfTime):
        backend.publish(upload, verified)
    assert sorted(store.unfinished_uploads()) == sorted([upload.file_path, other.parts_path])

    remove(backend, replace(upload, progress={}))

    assert store.unfinished_uploads() == [other.parts_path]


@everywhere
def test_abort_finds_an_upload_of_the_former_version(store: Store, backend: S3Backend) -> None:
    """It lies beside the folders of files, and the path of another one may begin with its path."""
    upload = upload_of(len(BODY), part_size=PART_BYTES)
    old = replace(upload, parts_path="tenant/uploads/notes_20260102.txt")
    longer = replace(upload_of(len(BODY), part_size=PART_BYTES), parts_path=f"{old.parts_path}.gz")
    for each in (old, longer):
        backend.begin(each, origin=None)

    backend.abort(old)

    assert store.unfinished_uploads() == [longer.parts_path]


@on("radosgw", "ministack", "moto", quick=2)
def test_a_part_that_is_sent_again_during_completion_is_retryable(store: Store, backend: S3Backend) -> None:
    """Between the list of parts and its use. The next call lists them again."""
    upload = begun(backend)
    send_parts(backend, upload, 1, 2)
    late = backend.instructions(upload, [upload.slice(2)])[0]
    events = backend._client.sdk_once.meta.events

    def send_again(**_: Any) -> None:
        send(late, part_of(BODY, late)[::-1])

    events.register("before-send.s3.CompleteMultipartUpload", send_again)
    with pytest.raises(ObjectChanged):
        backend.assemble(upload)
    assert (store.has(upload.parts_path), upload.progress) == (False, {})
    events.unregister("before-send.s3.CompleteMultipartUpload", send_again)

    whole = backend.assemble(upload)

    assert read(backend, whole.path) == BODY[:PART_BYTES] + BODY[PART_BYTES:][::-1]


@on("ministack", "moto")
def test_a_crc32c_over_the_whole_object_is_requested_from_aws_and_no_other_is_trusted(
    store: Store, backend: S3Backend, server_name: str
) -> None:
    """Ministack returns a checksum of checksums; moto computes a CRC-32 over the whole object, and calls it CRC32C."""
    trusting = as_on_aws(backend)
    upload = upload_of(len(BODY), part_size=PART_BYTES, checksum=checksum_of(BODY, "crc32c"))
    upload = replace(upload, begun=trusting.begin(upload, origin=None))
    send_parts(backend, upload, 1, 2)

    whole = trusting.assemble(upload)

    head = store.client.head_object(Bucket=store.bucket, Key=upload.parts_path, ChecksumMode="ENABLED")
    assert (head["ChecksumType"], whole.checksums) == {
        "ministack": ("COMPOSITE", {}),
        "moto": ("FULL_OBJECT", {"crc32c": f"{zlib.crc32(BODY):08x}"}),
    }[server_name]
