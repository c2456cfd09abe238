"""Stores that support less than AWS. A hook in front of a real server returns their refusals."""

import io
from dataclasses import replace
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError

from fileman.backends.s3.backend import S3Backend
from fileman.backends.time_limit import time_limit
from fileman.errors import OutOfTime, StorageUnavailable, UploadInProgress
from tests.backends.s3.stores import PART_BYTES, Store, as_on_aws, assembled, on, uploaded
from tests.backends.uploads import BODY, checksum_of, read, upload_of


def refuse(
    backend: S3Backend, operation: str, header: str = "", *, status: int = 501, code: str = "NotImplemented"
) -> None:
    """Let a store refuse an operation, if the request has this header."""

    def respond(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        if header and header not in request.headers:
            return None
        response = AWSResponse(request.url, status, {}, None)
        response._content = f"<Error><Code>{code}</Code></Error>".encode()
        return response

    for client in (backend._client.sdk, backend._client.sdk_once, backend._client.streaming_sdk):
        client.meta.events.register(f"before-send.s3.{operation}", respond)


@on("ministack")
@pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (400, "InvalidRequest")])
def test_an_object_is_copied_whole_if_parts_cannot_be(store: Store, backend: S3Backend, status: int, code: str) -> None:
    """The copy is pinned to the ETag, and the multipart upload that was begun for it is aborted."""
    first, second = uploaded(backend), uploaded(backend)
    refuse(backend, "UploadPartCopy", status=status, code=code)

    published = backend.publish(first, backend.assemble(first))

    assert published.etag == published.checksums["md5"] == checksum_of(BODY, "md5").hexdigest
    assert store.unfinished_uploads() == []
    refuse(backend, "CreateMultipartUpload", status=500, code="InternalError")
    assert backend.publish(second, backend.assemble(second)).size == len(BODY)


@on("ministack")
def test_a_failure_to_abort_an_unusable_multipart_upload_is_no_reason_to_copy(store: Store, backend: S3Backend) -> None:
    """The next call goes on with aborting, and the one after it copies to a path of its own."""
    upload, verified = assembled(backend)
    refuse(backend, "UploadPartCopy")
    for expected, kept in ((OutOfTime, True), (OutOfTime, True), (UploadInProgress, False)):
        with time_limit(0), pytest.raises(expected):
            backend.publish(upload, verified)
        assert bool(upload.progress) is kept
        assert not store.has(upload.file_path)

    assert backend.publish(upload, verified).size == len(BODY)
    assert store.unfinished_uploads() == []


@on("ministack")
@pytest.mark.parametrize("refusal", [None, (501, "NotImplemented"), (400, "InvalidArgument")])
def test_the_first_write_omits_an_unsupported_condition(store: Store, refusal: tuple[int, str] | None) -> None:
    """The body is read once. An existing object is still refused, and nothing else is left in the store."""
    backend = store.backend(direct=False)
    upload = upload_of(len(BODY))
    if refusal:
        refuse(backend, "PutObject", "If-None-Match", status=refusal[0], code=refusal[1])

    backend.write(upload, upload.slice(1), io.BytesIO(BODY))
    with pytest.raises(UploadInProgress):
        backend.write(upload, upload.slice(1), io.BytesIO(b"Other bytes of the same size"))

    assert read(backend, upload.upload_path) == BODY
    assert [stored.path for stored in backend.list_objects("")] == [upload.upload_path]


@on("ministack")
def test_no_byte_is_read_while_the_store_does_not_say_what_it_supports(store: Store) -> None:
    backend = store.backend(direct=False)
    upload, body = upload_of(len(BODY)), io.BytesIO(BODY)
    refuse(backend, "PutObject", "If-None-Match", status=503, code="SlowDown")

    with pytest.raises(StorageUnavailable):
        backend.write(upload, upload.slice(1), body)

    assert (body.tell(), list(backend.list_objects(""))) == (0, [])


@on("ministack", "radosgw")
@pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (400, "InvalidRequest"), (403, "AccessDenied")])
def test_without_batches_objects_go_one_by_one(store: Store, backend: S3Backend, status: int, code: str) -> None:
    """With all their versions."""
    store.client.put_bucket_versioning(Bucket=store.bucket, VersioningConfiguration={"Status": "Enabled"})
    first, second = uploaded(backend), uploaded(backend)
    refuse(backend, "DeleteObjects", status=status, code=code)

    assert backend.delete([first.upload_path, "tenant/absent", second.upload_path]) == []

    listed = store.client.list_object_versions(Bucket=store.bucket)
    assert (listed.get("Versions", []), listed.get("DeleteMarkers", [])) == ([], [])


@on("ministack")
def test_a_failed_deletion_is_reported_with_its_path(store: Store, backend: S3Backend) -> None:
    upload = uploaded(backend)
    refuse(backend, "DeleteObjects")
    refuse(backend, "DeleteObject", status=403, code="AccessDenied")

    failures = backend.delete([upload.upload_path])

    assert [(failure.path, failure.reason) for failure in failures] == [(upload.upload_path, "AccessDenied")]
    assert store.has(upload.upload_path)


@on("ministack")
def test_parts_are_begun_without_an_unsupported_crc32c(backend: S3Backend) -> None:
    trusting = as_on_aws(backend)
    refuse(backend, "CreateMultipartUpload", "x-amz-checksum-type", status=400, code="InvalidArgument")
    upload = upload_of(len(BODY), part_size=PART_BYTES, checksum=checksum_of(BODY, "crc32c"))

    begun = trusting.begin(upload, origin=None)

    assert trusting.missing(replace(upload, begun=begun)) == [upload.slice(1)]


@on("ministack")
def test_abort_uses_the_saved_id_if_uploads_cannot_be_listed(store: Store, backend: S3Backend) -> None:
    upload = uploaded(backend, part_size=PART_BYTES)
    refuse(backend, "ListMultipartUploads")

    backend.abort(upload)

    assert store.unfinished_uploads() == []


@on("ministack")
def test_a_completion_that_outlasts_the_timeout_continues_in_the_next_call(backend: S3Backend) -> None:
    """As with thousands of parts: the store continues on its own."""
    upload = uploaded(backend, part_size=PART_BYTES)

    def time_out(request: AWSPreparedRequest, **_: Any) -> None:
        raise ReadTimeoutError(endpoint_url=request.url)

    events = backend._client.sdk_once.meta.events
    events.register("before-send.s3.CompleteMultipartUpload", time_out)
    with pytest.raises(UploadInProgress):
        backend.assemble(upload)
    events.unregister("before-send.s3.CompleteMultipartUpload", time_out)

    assert backend.assemble(upload).size == len(BODY)


@on("radosgw")
def test_a_file_that_ceph_refuses_as_a_form_is_sent_by_put(backend: S3Backend) -> None:
    assert backend.find(uploaded(backend, bytes(4 * 1024**2 - 1)).upload_path)  # a form would end after 4 MiB
