"""What the front refuses of an altered request, each with its exact status; the unaltered request is taken."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from fileman.backends.values import ServeAs, UploadRequest
from tests.backends.gcs.stores import BODY, Store, checksum_of, only_request, send, upload_of

Change = Callable[[UploadRequest], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One thing changed of a request that would be taken."""

    status: int
    code: str
    change: Change


def _with_url(old: str, new: str) -> Change:
    def change(request: UploadRequest) -> dict[str, Any]:
        assert old in request.url
        return {"url": request.url.replace(old, new)}

    return change


ATTACKS = {
    "one byte more": Attack(status=400, code="EntityTooLarge", change=lambda _: {"body": BODY + b"!"}),
    "one byte less": Attack(status=400, code="EntityTooSmall", change=lambda _: {"body": BODY[:-1]}),
    "another type": Attack(
        status=403, code="SignatureDoesNotMatch", change=lambda _: {"headers": {"Content-Type": "text/html"}}
    ),
    "a wider length range": Attack(
        status=403,
        code="SignatureDoesNotMatch",
        change=lambda _: {"headers": {"x-goog-content-length-range": "0,9999"}},
    ),
    "no length range": Attack(
        status=403, code="SignatureDoesNotMatch", change=lambda _: {"headers": {"x-goog-content-length-range": None}}
    ),
    "other bytes than the checksum says": Attack(
        status=400, code="BadDigest", change=lambda _: {"body": BODY.swapcase()}
    ),
    "another checksum": Attack(
        status=403, code="SignatureDoesNotMatch", change=lambda _: {"headers": {"x-goog-hash": "crc32c=AAAAAA=="}}
    ),
    "an access rule of its own": Attack(
        status=403, code="AccessDenied", change=lambda _: {"headers": {"x-goog-acl": "public-read"}}
    ),
    "a copy from elsewhere": Attack(
        status=403, code="AccessDenied", change=lambda _: {"headers": {"x-goog-copy-source": "/other/object"}}
    ),
    "metadata of its own": Attack(
        status=403, code="AccessDenied", change=lambda _: {"headers": {"x-goog-meta-a": "b"}}
    ),
    "the finished file": Attack(status=403, code="SignatureDoesNotMatch", change=_with_url("/.uploads/", "/uploads/")),
    "a longer life": Attack(
        status=403, code="SignatureDoesNotMatch", change=_with_url("X-Goog-Expires=60", "X-Goog-Expires=600")
    ),
    "another signature": Attack(
        status=403, code="SignatureDoesNotMatch", change=_with_url("X-Goog-Signature=", "X-Goog-Signature=00")
    ),
    "no signature": Attack(
        status=403, code="AccessDenied", change=lambda request: {"url": request.url.partition("?")[0]}
    ),
    "used to read": Attack(status=403, code="SignatureDoesNotMatch", change=lambda _: {"method": "GET"}),
    "used to delete": Attack(status=403, code="SignatureDoesNotMatch", change=lambda _: {"method": "DELETE"}),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_grant_allows_nothing_but_what_was_granted(store: Store, attack: Attack) -> None:
    upload = upload_of(checksum=checksum_of(BODY, "crc32c"))
    backend = store.backend()
    request = only_request(backend, upload)
    altered = {"body": BODY, **attack.change(request)}

    answer = send(request, altered.pop("body"), **altered)

    assert (answer.status_code, attack.code in answer.text) == (attack.status, True)
    assert store.names() == []
    assert send(request, BODY).status_code == 200
    assert backend.stat(upload.upload_path).size == len(BODY)


def test_a_grant_ends_with_its_time(store: Store) -> None:
    upload = upload_of(expires_in=60, now=datetime.now(UTC) - timedelta(seconds=62))

    answer = send(only_request(store.backend(), upload), BODY)

    assert (answer.status_code, "ExpiredToken" in answer.text) == (400, True)
    assert store.names() == []


def test_a_grant_of_another_bucket_is_refused(store: Store) -> None:
    request = only_request(store.backend(), upload_of())
    other = replace(request, url=request.url.replace(store.bucket.name, f"{store.bucket.name}-2"))

    assert send(other, BODY).status_code == 403


@pytest.mark.parametrize(
    ("old", "new"),
    [("/stored?", "/other?"), ("inline", "attachment"), ("text%2Fplain", "text%2Fhtml"), ("Expires=60", "Expires=61")],
)
def test_a_download_address_serves_nothing_else(store: Store, old: str, new: str) -> None:
    store.put("stored")
    store.put("other", b"Somebody else's.")
    url = store.backend().get_url("stored", 60, serve_as=ServeAs(disposition="inline", content_type="text/plain"))
    assert requests.get(url, timeout=10).content == BODY
    assert old in url

    answer = requests.get(url.replace(old, new), timeout=10)

    assert (answer.status_code, "SignatureDoesNotMatch" in answer.text) == (403, True)


def test_a_download_address_ends_with_its_time(store: Store) -> None:
    store.put("stored")
    url = store.backend().get_url("stored", 5, now=datetime.now(UTC) - timedelta(seconds=7))

    answer = requests.get(url, timeout=10)

    assert (answer.status_code, "ExpiredToken" in answer.text) == (400, True)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD"])
def test_a_download_address_changes_nothing(store: Store, method: str) -> None:
    store.put("stored")
    url = store.backend().get_url("stored")

    assert requests.request(method, url, data=b"", timeout=10).status_code == 403
    assert store.bucket.blob("stored").download_as_bytes() == BODY
