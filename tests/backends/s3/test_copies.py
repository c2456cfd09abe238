"""publish: one path for each publishing request, pinned to the verified bytes, whatever happens to the requests."""

from dataclasses import replace

import pytest
from django.conf import settings
from django.test import override_settings

from fileman.backends.s3.backend import S3Backend
from fileman.backends.time_limit import time_limit
from fileman.backends.values import StoredObject, Upload
from fileman.errors import ObjectChanged, OutOfTime, StorageUnavailable
from tests.backends.s3.stores import Store, as_on_aws, assembled, on, uploaded
from tests.backends.uploads import BODY, checksum_of, read
from tests.servers.proxy import Proxy, answer_with, delay, hold

OTHER_BODY = BODY[::-1]
MD5 = checksum_of(BODY, "md5").hexdigest
SOURCE = "x-amz-copy-source"
by_parts = on("radosgw", "ministack", "moto", quick=1)


def swap(store: Store, upload: Upload) -> None:
    """Put other bytes at the upload path, as a client with a valid signed request can."""
    store.client.put_object(Bucket=store.bucket, Key=upload.upload_path, Body=OTHER_BODY, ContentType="text/plain")


def assert_nothing_published(store: Store, upload: Upload) -> None:
    assert not store.has(upload.file_path)
    assert store.unfinished_uploads() == []
    assert upload.progress == {}


def verbs(proxy: Proxy) -> list[str]:
    """Return the requests so far as the SDK names them."""
    return [_name(seen.method, seen.target, {name.lower() for name, _ in seen.headers}) for seen in proxy.seen]


def _name(method: str, target: str, headers: set[str]) -> str:
    if SOURCE in headers:
        return "UploadPartCopy" if "uploadId=" in target else "CopyObject"
    names = {"HEAD": "HeadObject", "DELETE": "AbortMultipartUpload", "GET": "ListParts"}
    return names.get(method) or ("CompleteMultipartUpload" if "uploadId=" in target else "CreateMultipartUpload")


def begin_copy(backend: S3Backend, upload: Upload, verified: StoredObject, *, calls: int) -> None:
    """Take so many steps of publishing, one request each."""
    for _ in range(calls):
        with time_limit(0), pytest.raises(OutOfTime):
            backend.publish(upload, verified)


@by_parts
@pytest.mark.parametrize("calls", [0, 3])
def test_a_copy_is_made_of_the_verified_bytes_and_proves_it(proxy: Proxy, backend: S3Backend, calls: int) -> None:
    """Also in calls with time for one request."""
    upload, verified = assembled(backend)
    proxy.seen.clear()

    begin_copy(backend, upload, verified, calls=calls)
    published = backend.publish(upload, verified)

    assert verbs(proxy) == ["CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload", "HeadObject"]
    assert (published.path, published.checksums["md5"], read(backend, published.path)) == (upload.file_path, MD5, BODY)
    assert (backend.find(upload.file_path) or published).checksums["md5"] == MD5


@on("seaweedfs")
def test_a_copy_whose_etag_is_no_md5_is_published_without_one(backend: S3Backend) -> None:
    """SeaweedFS copies more than 4 MiB in pieces. The published object is then verified again."""
    upload, verified = assembled(backend, body := BODY * 200_000)

    published = backend.publish(upload, verified)

    assert (published.checksums, read(backend, published.path)) == ({}, body)


@on("radosgw", "moto", quick=1)
@pytest.mark.parametrize("calls", [0, 1])
def test_bytes_that_are_swapped_before_the_copy_are_not_published(store: Store, backend: S3Backend, calls: int) -> None:
    """These stores ignore the condition of a copy."""
    upload, verified = assembled(backend)
    begin_copy(backend, upload, verified, calls=calls)
    swap(store, upload)

    with pytest.raises(ObjectChanged):
        backend.publish(upload, verified)

    assert_nothing_published(store, upload)


@on("radosgw", "moto", quick=1)
def test_a_second_copy_of_the_part_with_other_bytes_is_not_published(store: Store, backend: S3Backend) -> None:
    """A load balancer repeats the request after the client has swapped the bytes, and before Complete."""
    upload, verified = assembled(backend)
    begin_copy(backend, upload, verified, calls=2)
    swap(store, upload)
    source = {"Bucket": store.bucket, "Key": upload.upload_path}
    part = {"Key": upload.file_path, "UploadId": upload.progress["copy_id"], "PartNumber": 1}
    store.client.upload_part_copy(Bucket=store.bucket, **part, CopySource=source)

    with pytest.raises(ObjectChanged):
        backend.publish(upload, verified)

    assert_nothing_published(store, upload)


@by_parts
@pytest.mark.usefixtures("impatient")
def test_a_copy_that_outlasts_the_timeout_is_found_and_completed(proxy: Proxy, backend: S3Backend) -> None:
    upload, verified = assembled(backend)
    proxy.disturb(hold, header=SOURCE, times=None)
    proxy.seen.clear()

    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            backend.publish(upload, verified)
    proxy.release()
    published = backend.publish(upload, verified)

    expected = ["CreateMultipartUpload", "UploadPartCopy", "ListParts", "UploadPartCopy", "ListParts"]
    assert verbs(proxy) == [*expected, "CompleteMultipartUpload", "HeadObject"]
    assert (published.checksums["md5"], read(backend, published.path)) == (MD5, BODY)


@by_parts
@pytest.mark.parametrize(
    ("method", "target"),
    [("POST", "uploads$"), ("PUT", "partNumber=1"), ("POST", "uploadId=")],
    ids=["create", "part", "complete"],
)
def test_no_publishing_request_is_repeated(proxy: Proxy, backend: S3Backend, method: str, target: str) -> None:
    """Not by the SDK either, which repeats other requests that the store answers with 503."""
    upload, verified = assembled(backend)
    proxy.disturb(answer_with(503), method=method, target=f"{upload.file_path}.*{target}", times=None)
    proxy.seen.clear()

    with pytest.raises(StorageUnavailable):
        backend.publish(upload, verified)

    assert len(verbs(proxy)) == len(set(verbs(proxy)))
    assert ("sent" in upload.progress) is (method == "PUT")  # the copy of the part goes on in the next call


@by_parts
def test_a_published_object_that_was_not_looked_at_is_only_looked_at_again(proxy: Proxy, backend: S3Backend) -> None:
    upload, verified = assembled(backend)
    proxy.disturb(answer_with(503), method="HEAD", target=upload.file_path)
    with time_limit(20), pytest.raises(StorageUnavailable):
        backend.publish(upload, verified)
    proxy.seen.clear()

    published = backend.publish(upload, verified)

    assert verbs(proxy) == ["HeadObject"]
    assert published.checksums["md5"] == MD5


@on("ministack")
@pytest.mark.usefixtures("impatient")
def test_a_copy_on_aws_is_sent_once_and_found_later(proxy: Proxy, backend: S3Backend) -> None:
    upload, verified = assembled(backend)
    proxy.disturb(delay(0.5), header=SOURCE)

    with pytest.raises(StorageUnavailable):
        as_on_aws(backend).publish(upload, verified)

    assert upload.progress == {}
    assert verbs(proxy).count("CopyObject") == 1
    assert (backend.find(upload.file_path) or verified).path == upload.file_path


@on("radosgw")
def test_swapped_bytes_under_kms_are_never_taken_for_the_verified_ones(store: Store) -> None:
    """No ETag proves anything there, so finalize reads what publish returns without a checksum."""
    with override_settings(FILEMAN_SETTINGS={**settings.FILEMAN_SETTINGS, "KMS_KEY_ID": "testkey-1"}):
        backend = store.backend(server_side_encryption="aws:kms")
        upload = uploaded(backend)
        verified = replace(backend.assemble(upload), checksums={"md5": MD5, "sha256": "as finalize has read it"})
        encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "testkey-1"}
        store.client.put_object(Bucket=store.bucket, Key=upload.upload_path, Body=OTHER_BODY, **encrypted)

        with pytest.raises(ObjectChanged):
            backend.publish(upload, verified)
        published = backend.publish(upload, replace(verified, checksums={}))

    assert (published.checksums, read(backend, published.path)) == ({}, OTHER_BODY)
    assert not backend.capabilities.pins_copies
