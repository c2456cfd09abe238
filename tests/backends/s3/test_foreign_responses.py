"""Responses that are not the storage's: pages of proxies, responses that are cut. None of them counts as a fact."""

import io
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fileman.backends.s3.backend import S3Backend
from fileman.backends.time_limit import time_limit
from fileman.backends.values import Upload
from fileman.errors import FileMissing, StorageUnavailable
from tests.backends.s3.stores import BODY, PART_BYTES, Store, assembled, on, read, uploaded
from tests.servers.proxy import EMPTY, MAINTENANCE_PAGE, NOT_FOUND_PAGE, Answer, Fault, Proxy, answer_with, cut

XHTML_PAGE = replace(MAINTENANCE_PAGE, body=b'<?xml version="1.0"?><html><head/><body>We are back soon</body></html>')
NOT_FOUND_XHTML_PAGE = replace(XHTML_PAGE, status=404)
LOGIN = Answer(status=302, headers=(("Location", "https://login.example.com/"),))
SUCCESSES: dict[str, Fault] = {
    "a page": answer_with(MAINTENANCE_PAGE),
    "a page in XML": answer_with(XHTML_PAGE),
    "nothing": answer_with(EMPTY),
    "a status line that is cut": cut("status"),
}
FAILURES: dict[str, Fault] = {
    "a 404 page": answer_with(NOT_FOUND_PAGE),
    "a 404 page in XML": answer_with(NOT_FOUND_XHTML_PAGE),
}

NO_RESULT = Answer(status=200, body=b"<CompleteMultipartUploadResult/>")  # in the words of the storage
BELIEVED_BY_NONE = {**SUCCESSES, **FAILURES, "no result": answer_with(NO_RESULT)}

Call = Callable[[S3Backend, Upload], Any]
CALLS: dict[str, tuple[int, str, Call]] = {
    "stat": (0, "HEAD", lambda backend, upload: backend.stat(upload.upload_path)),
    "find": (0, "HEAD", lambda backend, upload: backend.find(upload.upload_path)),
    "missing": (0, "HEAD", lambda backend, upload: backend.missing(upload)),
    "assemble": (0, "HEAD", lambda backend, upload: backend.assemble(upload)),
    "read": (0, "GET", lambda backend, upload: list(backend.read(upload.upload_path))),
    "list": (0, "GET", lambda backend, upload: list(backend.list_objects(""))),
    "abort": (0, "GET", lambda backend, upload: backend.abort(upload)),
    "delete": (0, "POST", lambda backend, upload: backend.delete([upload.upload_path])),
    "missing parts": (PART_BYTES, "GET", lambda backend, upload: backend.missing(upload)),
    "assemble: list of parts": (PART_BYTES, "GET", lambda backend, upload: backend.assemble(upload)),
    "assemble: completion": (PART_BYTES, "POST", lambda backend, upload: backend.assemble(upload)),
    "assemble: look": (PART_BYTES, "HEAD", lambda backend, upload: backend.assemble(upload)),
    "abort parts: list": (PART_BYTES, "GET", lambda backend, upload: backend.abort(upload)),
    "abort parts": (PART_BYTES, "DELETE", lambda backend, upload: backend.abort(upload)),
    "begin": (PART_BYTES, "POST", lambda backend, upload: backend.begin(upload, origin=None)),
    "write: list of parts": (PART_BYTES, "GET", lambda backend, upload: write(backend, upload)),
    "write": (PART_BYTES, "PUT", lambda backend, upload: write(backend, begun_anew(backend, upload))),
}
IN_PARTS = {name: row for name, row in CALLS.items() if row[0]}
WITHOUT_HEAD = {name: row for name, row in IN_PARTS.items() if row[1] != "HEAD"}


def begun_anew(backend: S3Backend, upload: Upload) -> Upload:
    """Return the upload without its part."""
    return replace(upload, begun={"upload_id": backend._multipart.begin(upload)})


def write(backend: S3Backend, upload: Upload) -> None:
    backend.write(upload, upload.slice(1), io.BytesIO(BODY))


def assert_unavailable(call: Call, backend: S3Backend, upload: Upload) -> None:
    with time_limit(60), pytest.raises(StorageUnavailable) as raised:
        call(backend, upload)
    assert raised.value.retryable


@on("ministack")
@pytest.mark.parametrize("fault", SUCCESSES.values(), ids=SUCCESSES)
@pytest.mark.parametrize(("part_size", "method", "call"), CALLS.values(), ids=CALLS)
def test_a_success_that_is_not_the_storages_is_no_fact(
    store: Store, proxy: Proxy, backend: S3Backend, part_size: int, method: str, call: Call, fault: Fault
) -> None:
    upload = uploaded(backend, part_size=part_size)
    proxy.disturb(fault, method=method)

    assert_unavailable(call, backend, upload)


@on("ministack")
@pytest.mark.parametrize("fault", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize(("part_size", "method", "call"), WITHOUT_HEAD.values(), ids=WITHOUT_HEAD)
def test_a_404_without_the_storages_words_is_no_absence(
    store: Store, proxy: Proxy, backend: S3Backend, part_size: int, method: str, call: Call, fault: Fault
) -> None:
    """Neither UploadLost, which would begin the upload again, nor FileMissing."""
    upload = uploaded(backend, part_size=part_size)
    proxy.disturb(fault, method=method)

    assert_unavailable(call, backend, upload)


@on("ministack")
@pytest.mark.parametrize("fault", BELIEVED_BY_NONE.values(), ids=BELIEVED_BY_NONE)
@pytest.mark.parametrize(
    ("method", "target"), [("POST", "uploads$"), ("PUT", "partNumber="), ("POST", "uploadId=")], ids=str
)
def test_publishing_believes_no_other_response(
    store: Store, proxy: Proxy, backend: S3Backend, method: str, target: str, fault: Fault
) -> None:
    upload, verified = assembled(backend)
    proxy.disturb(fault, method=method, target=f"{upload.file_path}.*{target}")

    assert_unavailable(lambda backend, upload: backend.publish(upload, verified), backend, upload)

    if method == "PUT":
        assert upload.progress["sent"]  # the copy of a part may be sent again
    else:
        assert upload.progress == {}
        upload = replace(upload, file_path=f"{upload.folder}2/notes.txt")
    assert read(backend, backend.publish(upload, verified).path) == BODY


@on("ministack")
@pytest.mark.parametrize("call", [call for _, _, call in IN_PARTS.values()], ids=IN_PARTS)
def test_a_redirect_to_a_login_may_pass(store: Store, proxy: Proxy, backend: S3Backend, call: Call) -> None:
    """The SDK takes it for one to another region, whose search would be redirected without end."""
    upload = uploaded(backend, part_size=PART_BYTES)
    proxy.disturb(answer_with(LOGIN), times=None)
    proxy.seen.clear()

    assert_unavailable(call, backend, upload)

    assert len(proxy.seen) == 1


@on("ministack", "radosgw")
def test_the_404_of_a_head_is_an_absence(store: Store, proxy: Proxy, backend: S3Backend) -> None:
    """It has no body that could say whose it is. Nothing is deleted for it."""
    upload = uploaded(backend)
    proxy.disturb(answer_with(NOT_FOUND_PAGE), method="HEAD")

    with pytest.raises(FileMissing):
        backend.stat(upload.upload_path)


@on("ministack", "radosgw")
def test_a_head_that_is_cut_is_refused_or_true(store: Store, proxy: Proxy, backend: S3Backend) -> None:
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
def test_a_range_from_the_middle_must_be_one(store: Store, proxy: Proxy, backend: S3Backend) -> None:
    """A cache that ignores the header returns the object from its beginning."""
    upload = uploaded(backend)
    etag = (("ETag", f'"{backend.stat(upload.upload_path).etag}"'),)
    proxy.disturb(answer_with(Answer(status=200, headers=etag, body=BODY)), method="GET")

    with pytest.raises(StorageUnavailable):
        backend.read(upload.upload_path, start=5)


@on("ministack", "radosgw")
def test_a_deletion_that_is_not_confirmed_is_a_failure(store: Store, proxy: Proxy, backend: S3Backend) -> None:
    first, second = uploaded(backend), uploaded(backend)
    answer = f"<DeleteResult><Deleted><Key>{first.upload_path}</Key></Deleted></DeleteResult>"
    proxy.disturb(answer_with(Answer(status=200, body=answer.encode())), method="POST", target="delete")

    failures = backend.delete([first.upload_path, second.upload_path])

    assert [(failure.path, failure.reason) for failure in failures] == [(second.upload_path, "Unconfirmed")]


@on("ministack")
def test_the_log_names_the_kind_of_a_foreign_response_and_nothing_of_it(
    store: Store, proxy: Proxy, backend: S3Backend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="fileman")
    proxy.disturb(answer_with(MAINTENANCE_PAGE), method="HEAD")

    with pytest.raises(StorageUnavailable):
        backend.stat("tenant/secret-name")

    assert [record.getMessage() for record in caplog.records if record.name.startswith("fileman")] == [
        "The response was not one of S3: KeyError"
    ]
