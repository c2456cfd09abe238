"""Altered requests are refused, each with its exact status; the unaltered request is accepted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from google.api_core.exceptions import MethodNotImplemented

from fileman.backends.values import UploadRequest
from tests.backends.gcs.stores import Store
from tests.backends.uploads import BODY, checksum_of, only_request, send, upload_of

Change = Callable[[UploadRequest], dict[str, Any]]


def _headers(**changes: str | None) -> Change:
    return lambda _: {"headers": {name.replace("_", "-"): value for name, value in changes.items()}}


def _url(old: str, new: str) -> Change:
    def change(request: UploadRequest) -> dict[str, Any]:
        assert old in request.url
        return {"url": request.url.replace(old, new)}

    return change


ATTACKS: dict[str, tuple[int, str, Change]] = {
    "one byte more": (400, "EntityTooLarge", lambda _: {"body": BODY + b"!"}),
    "one byte less": (400, "EntityTooSmall", lambda _: {"body": BODY[:-1]}),
    "bytes that do not match the checksum": (400, "BadDigest", lambda _: {"body": BODY.swapcase()}),
    "another type": (403, "SignatureDoesNotMatch", _headers(Content_Type="text/html")),
    "a wider length range": (403, "SignatureDoesNotMatch", _headers(x_goog_content_length_range="0,9999")),
    "no length range": (403, "SignatureDoesNotMatch", _headers(x_goog_content_length_range=None)),
    "another checksum": (403, "SignatureDoesNotMatch", _headers(x_goog_hash="crc32c=AAAAAA==")),
    "an access rule": (403, "AccessDenied", _headers(x_goog_acl="public-read")),
    "a copy from elsewhere": (403, "AccessDenied", _headers(x_goog_copy_source="/other/object")),
    "metadata": (403, "AccessDenied", _headers(x_goog_meta_a="b")),
    "the finished file": (403, "SignatureDoesNotMatch", _url("/.uploads/", "/uploads/")),
    "another bucket": (403, "SignatureDoesNotMatch", _url("/bucket-", "/bucket-2-")),
    "a longer life": (403, "SignatureDoesNotMatch", _url("X-Goog-Expires=60", "X-Goog-Expires=600")),
    "another signature": (403, "SignatureDoesNotMatch", _url("X-Goog-Signature=", "X-Goog-Signature=00")),
    "no signature": (403, "AccessDenied", lambda request: {"url": request.url.partition("?")[0]}),
    "used to read": (403, "SignatureDoesNotMatch", lambda _: {"method": "GET"}),
    "used to delete": (403, "SignatureDoesNotMatch", lambda _: {"method": "DELETE"}),
}


@pytest.mark.parametrize(("status", "code", "change"), ATTACKS.values(), ids=ATTACKS)
def test_a_grant_allows_nothing_but_what_was_granted(store: Store, status: int, code: str, change: Change) -> None:
    upload = upload_of(checksum=checksum_of(BODY, "crc32c"))
    backend = store.backend()
    request = only_request(backend, upload)

    answer = send(request, **{"body": BODY, **change(request)})

    assert (answer.status_code, code in answer.text) == (status, True)
    assert store.names() == []
    assert send(request, BODY).status_code == 200
    assert backend.stat(upload.upload_path).size == len(BODY)


def test_a_grant_ends_with_its_time(store: Store) -> None:
    upload = upload_of(expires_in=60, now=datetime.now(UTC) - timedelta(seconds=62))

    answer = send(only_request(store.backend(), upload), BODY)

    assert (answer.status_code, "ExpiredToken" in answer.text) == (400, True)
    assert store.names() == []


@pytest.mark.parametrize(("old", "new"), [("attachment", "inline"), ("octet-stream", "html"), ("ires=300", "ires=301")])
def test_a_download_url_serves_nothing_else(store: Store, old: str, new: str) -> None:
    store.put("stored")
    url = store.backend().get_url("stored")
    assert requests.get(url, timeout=60).content == BODY
    assert old in url

    answer = requests.get(url.replace(old, new), timeout=60)

    assert (answer.status_code, "SignatureDoesNotMatch" in answer.text) == (403, True)


def test_no_call_goes_through_that_is_not_checked(store: Store) -> None:
    """The stand-in serves neither calls that it does not know, nor callers without a token."""
    blob = store.put("stored")
    with pytest.raises(MethodNotImplemented):
        store.bucket.blob("composed").compose([blob])

    assert requests.get(f"{store.server.endpoint_url}/storage/v1{blob.path}", timeout=60).status_code == 401
    assert requests.post(f"{store.server.endpoint_url}/batch/storage/v1", timeout=60).status_code == 401
