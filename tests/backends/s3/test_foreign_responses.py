"""Responses that are not the storage's: pages of proxies, responses that are cut. None of them counts as a fact."""

import io
from collections.abc import Callable
from dataclasses import replace

import pytest

from fileman.backends.base import Backend
from fileman.backends.time_limit import time_limit
from fileman.backends.values import Upload
from fileman.errors import StorageUnavailable
from tests.backends.s3.stores import PART_BYTES, assembled, on, uploaded
from tests.backends.uploads import BODY, Call, begun, next_try, read
from tests.servers.proxy import (
    EMPTY,
    MAINTENANCE_PAGE,
    NOT_FOUND_PAGE,
    XHTML_PAGE,
    Answer,
    Fault,
    Proxy,
    answer_with,
    cut,
)

PAGES = (MAINTENANCE_PAGE, XHTML_PAGE, EMPTY)
NOT_FOUND = (NOT_FOUND_PAGE, replace(XHTML_PAGE, status=404))
NO_RESULT = Answer(status=200, body=b"<CompleteMultipartUploadResult/>")  # in the words of the storage
FAULTS: list[Fault] = [cut("status"), *map(answer_with, (*PAGES, *NOT_FOUND))]
LATER_REQUESTS: dict[str, tuple[str, Call]] = {
    "assemble: completion": ("POST", lambda backend, upload: backend.assemble(upload)),
    "assemble: look": ("HEAD", lambda backend, upload: backend.assemble(upload)),
    "abort": ("DELETE", lambda backend, upload: backend.abort(upload)),
    "write: list of parts": ("GET", lambda backend, upload: write(backend, upload)),
    "write": ("PUT", lambda backend, upload: write(backend, begun(backend, upload))),
}
"""Requests of a large upload that are not the first of their call. tests/backends/test_trouble.py has the first."""


def write(backend: Backend, upload: Upload) -> None:
    backend.write(upload, upload.slice(1), io.BytesIO(BODY))


def assert_unavailable(call: Callable[[], object]) -> None:
    with time_limit(60), pytest.raises(StorageUnavailable) as raised:
        call()
    assert raised.value.retryable


@on("ministack")
@pytest.mark.parametrize(("method", "call"), LATER_REQUESTS.values(), ids=LATER_REQUESTS)
def test_a_response_that_is_not_the_storages_is_no_fact(
    proxy: Proxy, backend: Backend, method: str, call: Call
) -> None:
    """Neither UploadLost, which would begin the upload again, nor FileMissing. But a HEAD's 404 may be an absence."""
    for fault in FAULTS[: -len(NOT_FOUND)] if method == "HEAD" else FAULTS:
        proxy.calm()
        upload = uploaded(backend, part_size=PART_BYTES)
        proxy.disturb(fault, method=method)
        assert_unavailable(lambda upload=upload: call(backend, upload))  # type: ignore[misc]


@on("ministack")
@pytest.mark.parametrize(
    ("method", "target"), [("POST", "uploads$"), ("PUT", "partNumber="), ("POST", "uploadId=")], ids=str
)
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
