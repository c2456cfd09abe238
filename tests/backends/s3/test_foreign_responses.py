"""Responses that are not the storage's: pages of proxies, responses that are cut. None of them counts as a fact."""

import io
from collections.abc import Callable
from dataclasses import replace

import pytest

from fileman.backends.base import Backend
from fileman.backends.time_limit import time_limit
from fileman.backends.values import Upload
from fileman.errors import StorageUnavailable
from tests.backends.s3.stores import PART_BYTES, Store, assembled, on, uploaded
from tests.backends.uploads import BODY, Call, begun, checksum_of, next_try, read
from tests.servers.proxy import NOT_FOUND_PAGE, PAGES, XHTML_PAGE, Answer, Fault, Proxy, answer_with, cut

NOT_FOUND = (NOT_FOUND_PAGE, replace(XHTML_PAGE, status=404))
NO_RESULT = Answer(status=200, body=b"<CompleteMultipartUploadResult/>")  # in the words of the storage
FAULTS: list[Fault] = [cut("status"), *map(answer_with, (*PAGES, *NOT_FOUND))]
LATER_REQUESTS: dict[str, tuple[dict[str, str], Call]] = {
    "assemble: completion": ({"method": "POST"}, lambda backend, upload: backend.assemble(upload)),
    "assemble: look": ({"header": "Range"}, lambda backend, upload: backend.assemble(upload)),
    "abort": ({"method": "DELETE"}, lambda backend, upload: backend.abort(upload)),
    "write: list of parts": ({"method": "GET"}, lambda backend, upload: write(backend, upload)),
    "write": ({"method": "PUT"}, lambda backend, upload: write(backend, begun(backend, upload))),
}
"""Requests of a large upload that are not the first of their call. tests/backends/test_trouble.py has the first."""


def write(backend: Backend, upload: Upload) -> None:
    backend.write(upload, upload.slice(1), io.BytesIO(BODY))


def assert_unavailable(call: Callable[[], object]) -> None:
    with time_limit(60), pytest.raises(StorageUnavailable) as raised:
        call()
    assert raised.value.retryable


@on("ministack")
@pytest.mark.parametrize(("which", "call"), LATER_REQUESTS.values(), ids=LATER_REQUESTS)
def test_a_foreign_response_is_no_fact(proxy: Proxy, backend: Backend, which: dict[str, str], call: Call) -> None:
    """Neither UploadLost, which would begin the upload again, nor FileMissing."""
    for fault in FAULTS:
        proxy.calm()
        upload = uploaded(backend, part_size=PART_BYTES)
        proxy.disturb(fault, **which)
        assert_unavailable(lambda upload=upload: call(backend, upload))  # type: ignore[misc]


@on("ministack")
@pytest.mark.parametrize(("method", "target"), [("POST", "uploads$"), ("PUT", "partNumber="), ("POST", "uploadId=")])
def test_publishing_believes_no_other_response(proxy: Proxy, backend: Backend, method: str, target: str) -> None:
    for fault in (*FAULTS, answer_with(NO_RESULT)):
        upload, verified = assembled(backend)
        proxy.disturb(fault, method=method, target=f"{upload.file_path}.*{target}")

        assert_unavailable(lambda upload=upload, verified=verified: backend.publish(upload, verified))  # type: ignore[misc]

        if method == "PUT":
            assert upload.progress["sent"]  # the copy of a part may be sent again
        else:
            upload = next_try(upload)
        assert read(backend, backend.publish(upload, verified).path) == BODY


@on("ministack", "radosgw")
@pytest.mark.parametrize("body", [b"", b"short", bytes(range(200)) * 50])
def test_one_response_has_the_facts_and_first_bytes(store: Store, proxy: Proxy, backend: Backend, body: bytes) -> None:
    """Unless a checksum was declared, which only a HEAD tells."""
    upload = uploaded(backend)
    store.client.put_object(Bucket=store.bucket, Key=upload.upload_path, Body=body, ContentType="text/plain")
    described = backend.stat(upload.upload_path)
    proxy.seen.clear()

    assert backend.assemble(upload) == replace(described, beginning=body[:4096])
    assert [seen.method for seen in proxy.seen] == (["GET"] if body else ["GET", "HEAD"])
    assert backend.assemble(replace(upload, checksum=checksum_of(body, "sha256"))) == described


@on("ministack", "radosgw")
def test_a_head_that_is_cut_is_refused_or_true(proxy: Proxy, backend: Backend) -> None:
    upload = uploaded(backend)
    true = backend.stat(upload.upload_path)
    proxy.disturb(cut("headers"), method="HEAD")

    with time_limit(60):
        try:
            stored = backend.stat(upload.upload_path)
        except StorageUnavailable:
            return

    assert (stored.size, stored.etag) == (true.size, true.etag)


@on("ministack")
def test_a_range_from_the_middle_must_be_one(proxy: Proxy, backend: Backend) -> None:
    """A cache that ignores the header returns the object from its beginning."""
    upload = uploaded(backend)
    etag = (("ETag", f'"{backend.stat(upload.upload_path).etag}"'),)
    proxy.disturb(answer_with(Answer(status=200, headers=etag, body=BODY)), method="GET")

    with pytest.raises(StorageUnavailable):
        backend.read(upload.upload_path, start=5)


@on("ministack", "radosgw")
def test_a_deletion_that_is_not_confirmed_is_a_failure(proxy: Proxy, backend: Backend) -> None:
    first, second = uploaded(backend), uploaded(backend)
    answer = f"<DeleteResult><Deleted><Key>{first.upload_path}</Key></Deleted></DeleteResult>"
    proxy.disturb(answer_with(Answer(status=200, body=answer.encode())), method="POST", target="delete")

    failures = backend.delete([first.upload_path, second.upload_path])

    assert [(failure.path, failure.reason) for failure in failures] == [(second.upload_path, "Unconfirmed")]
