"""Large files: parts of exact length, completed by us, and nothing left behind."""

import io
import zlib
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fileman.backends.s3.backend import S3Backend
from fileman.backends.s3.multipart import S3Multipart
from fileman.backends.values import Upload
from fileman.errors import ObjectChanged, PartsMissing, SizeMismatch, UploadLost
from tests.backends.s3.stores import PART_BYTES, Store, budget, checksum_of, on, part_of, send, upload_of

BODY = bytes(range(256)) * (PART_BYTES // 256) + b"the last part is shorter"
everywhere = on("radosgw", "ministack", "moto", "rclone")


def begun(backend: S3Backend) -> Upload:
    upload = upload_of(len(BODY), part_size=PART_BYTES)
    return replace(upload, begun=backend.begin(upload, origin=None))


def send_parts(backend: S3Backend, upload: Upload, *numbers: int) -> None:
    for request in backend.instructions(upload, [upload.slice(number) for number in numbers]):
        assert send(request, part_of(BODY, request)) == 200


@everywhere
def test_parts_become_one_object_at_the_file_path(store: Store) -> None:
    backend = store.backend()
    upload = begun(backend)

    assert backend.missing(upload) == [upload.slice(1), upload.slice(2)]
    send_parts(backend, upload, 2)
    assert backend.missing(upload) == [upload.slice(1)]
    send_parts(backend, upload, 1)
    assert backend.missing(upload) == []
    whole = backend.assemble(upload, budget())
    published = backend.publish(upload, whole, budget())

    assert (whole.path, whole.size, whole.content_type) == (upload.file_path, len(BODY), "text/plain")
    assert published.etag == whole.etag
    assert b"".join(backend.read(upload.file_path)) == BODY
    assert (store.unfinished_uploads(), store.has(upload.upload_path)) == ([], False)


@everywhere
def test_a_part_of_another_size_counts_as_missing(store: Store) -> None:
    """Whoever put it there"""
    backend = store.backend()
    upload = begun(backend)
    send_parts(backend, upload, 1)
    named = {"Bucket": store.bucket, "Key": upload.file_path, "UploadId": upload.begun["upload_id"]}
    store.client.upload_part(**named, PartNumber=2, Body=b"not this one")

    assert backend.missing(upload) == [upload.slice(2)]
    with pytest.raises(PartsMissing):
        backend.assemble(upload, budget())
    assert not store.has(upload.file_path)


@on("radosgw", "ministack")
def test_parts_beyond_one_page_are_all_seen(store: Store) -> None:
    """S3 lists 1000 parts at a time; here pages are shorter"""
    backend = store.backend()
    upload = upload_of(7, part_size=1)
    upload = replace(upload, begun=backend.begin(upload, origin=None))
    named = {"Bucket": store.bucket, "Key": upload.file_path, "UploadId": upload.begun["upload_id"]}
    for number in (1, 3, 4, 5, 7):
        store.client.upload_part(**named, PartNumber=number, Body=b"x")
    asked: list[dict[str, Any]] = []

    def shorten(params: dict[str, Any], **_: Any) -> None:
        params["MaxParts"] = 2
        asked.append(dict(params))

    backend._client.sdk.meta.events.register("before-parameter-build.s3.ListParts", shorten)

    missing = [part.part_number for part in backend.missing(upload)]

    assert missing == [2, 6]
    assert len(asked) == 3


@everywhere
def test_a_completed_upload_is_found_again_by_its_object(store: Store) -> None:
    """A crash after completion must not look like nothing uploaded"""
    backend = store.backend()
    upload = begun(backend)
    send_parts(backend, upload, 1, 2)
    first = backend.assemble(upload, budget())

    again = store.backend()

    assert again.missing(upload) == []
    assert again.assemble(upload, budget()).etag == first.etag


@everywhere
def test_an_upload_that_the_store_has_forgotten_is_lost(store: Store) -> None:
    """As after the bucket's lifecycle rule for unfinished uploads"""
    backend = store.backend()
    upload = begun(backend)
    store.client.abort_multipart_upload(Bucket=store.bucket, Key=upload.file_path, UploadId=upload.begun["upload_id"])

    with pytest.raises(UploadLost):
        backend.missing(upload)
    with pytest.raises(UploadLost):
        backend.missing(replace(upload, begun={}))
    for lost in (upload, replace(upload, begun={})):
        with pytest.raises(UploadLost):
            store.backend(direct=False).write(lost, lost.slice(2), io.BytesIO(BODY))


@everywhere
def test_abort_finds_uploads_whose_id_was_never_written_down(store: Store) -> None:
    """And leaves those of other files alone"""
    backend = store.backend()
    upload, other = begun(backend), begun(backend)
    backend.begin(upload, origin=None)
    send_parts(backend, upload, 1)

    backend.abort(replace(upload, begun={}))

    assert store.unfinished_uploads() == [other.file_path]


@everywhere
def test_an_object_of_another_size_is_not_taken_for_the_assembled_one(store: Store) -> None:
    backend = store.backend()
    upload = begun(backend)
    store.client.put_object(Bucket=store.bucket, Key=upload.file_path, Body=b"short")
    store.client.abort_multipart_upload(Bucket=store.bucket, Key=upload.file_path, UploadId=upload.begun["upload_id"])

    with pytest.raises(SizeMismatch, match="The stored file has 5 bytes, but 5242904 were declared"):
        backend.assemble(upload, budget())


@everywhere
def test_what_was_verified_is_what_is_published(store: Store) -> None:
    backend = store.backend()
    upload = begun(backend)
    send_parts(backend, upload, 1, 2)
    whole = backend.assemble(upload, budget())
    store.client.put_object(Bucket=store.bucket, Key=upload.file_path, Body=b"swapped")

    with pytest.raises(ObjectChanged):
        backend.publish(upload, whole, budget())


@on("radosgw", "ministack", "moto")
def test_a_part_that_is_sent_again_while_we_complete_is_not_an_operators_fault(store: Store) -> None:
    """Between our list of the parts and its use; the next call takes what is there then"""
    backend = store.backend()
    upload = begun(backend)
    send_parts(backend, upload, 1, 2)
    late = backend.instructions(upload, [upload.slice(2)])[0]
    events = backend._client.sdk.meta.events

    def send_again(**_: Any) -> None:
        send(late, part_of(BODY, late)[::-1])

    events.register("before-send.s3.CompleteMultipartUpload", send_again)
    with pytest.raises(ObjectChanged):
        backend.assemble(upload, budget())
    assert not store.has(upload.file_path)
    events.unregister("before-send.s3.CompleteMultipartUpload", send_again)

    whole = backend.assemble(upload, budget())

    assert b"".join(backend.read(whole.path)) == BODY[:PART_BYTES] + BODY[PART_BYTES:][::-1]


@everywhere
def test_the_etag_of_parts_is_never_taken_for_an_md5(store: Store) -> None:
    """What a store calls an MD5 is one (rclone hashes the whole file)"""
    backend = store.backend()
    upload = begun(backend)
    send_parts(backend, upload, 1, 2)

    whole = backend.assemble(upload, budget())

    assert whole.checksums in ({}, {"md5": checksum_of(BODY, "md5").hexdigest})
    assert (whole.checksums == {}) is ("-" in whole.etag)


@on("ministack")
def test_the_storage_is_asked_for_a_crc32c_over_the_whole_object_on_aws_alone(store: Store) -> None:
    """Ministack stands in for AWS here, and answers with a checksum over checksums, which is not taken"""
    backend = store.backend()
    as_on_aws = replace(backend.settings, endpoint_url=None)
    multipart = S3Multipart(backend._client, as_on_aws, backend._objects)
    upload = upload_of(len(BODY), part_size=PART_BYTES, checksum=checksum_of(BODY, "crc32c"))
    upload = replace(upload, begun={"upload_id": multipart.begin(upload)})
    named = {"Bucket": store.bucket, "Key": upload.file_path}
    send_parts(backend, upload, 1, 2)
    listed = store.client.list_parts(**named, UploadId=upload.begun["upload_id"])["Parts"]

    whole = multipart.assemble(upload)

    head = store.client.head_object(**named, ChecksumMode="ENABLED")
    assert ["ChecksumCRC32C" in part for part in listed] == [True, True]
    assert head["ChecksumType"] == "COMPOSITE"
    assert (whole.size, whole.checksums) == (len(BODY), {})


@on("moto")
def test_a_checksum_over_the_whole_object_is_taken(store: Store) -> None:
    """Moto stands in for AWS here; what it computes under the name of CRC32C is a CRC-32"""
    backend = store.backend()
    as_on_aws = replace(backend.settings, endpoint_url=None)
    multipart = S3Multipart(backend._client, as_on_aws, backend._objects)
    upload = upload_of(len(BODY), part_size=PART_BYTES, checksum=checksum_of(BODY, "crc32c"))
    upload = replace(upload, begun={"upload_id": multipart.begin(upload)})
    send_parts(backend, upload, 1, 2)

    whole = multipart.assemble(upload)

    assert whole.checksums == {"crc32c": f"{zlib.crc32(BODY):08x}"}


@on("radosgw", "ministack")
def test_the_upload_id_is_dead_once_we_have_completed_it(store: Store) -> None:
    """The one request that names a file path cannot change the file"""
    backend = store.backend()
    upload = begun(backend)
    send_parts(backend, upload, 1, 2)
    backend.assemble(upload, budget())

    late = backend.instructions(upload, [upload.slice(2)])[0]

    assert send(late, part_of(BODY, late)) == 404
    with pytest.raises(ClientError):
        store.client.list_parts(Bucket=store.bucket, Key=upload.file_path, UploadId=upload.begun["upload_id"])
    assert b"".join(backend.read(upload.file_path)) == BODY
