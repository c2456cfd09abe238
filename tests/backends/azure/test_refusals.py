"""Requests that Azure itself refuses, by exact status. The page for operators shows the same table."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from fileman.backends.values import ServeAs
from tests.backends.azure.stores import BODY, Store, make_upload
from tests.backends.documents import table
from tests.backends.uploads import send, uploaded

EMPTY_MD5 = "1B2M2Y8AsgTpgAmY7PhCfg=="
LONG_AGO = datetime.now(UTC) - timedelta(hours=1)
Change = Callable[[str], str]
Attempt = tuple[int, Change, dict[str, Any]]
"""The status, the change of the signed URL, and what else is sent than was granted."""


def changed(old: str, new: str) -> Change:
    """Return the change of the one place in a URL that matches."""

    def change(url: str) -> str:
        made, count = re.subn(old, new, url)
        assert count == 1
        return made

    return change


def with_query(name: str, value: str) -> Change:
    return changed(rf"(?<=[?&]{name}=)[^&]*", value)


UPLOADS: dict[str, Attempt] = {
    "as granted": (201, str, {}),
    "with another signature": (403, with_query("sig", "A" * 43 + "%3D"), {}),
    "with a later expiry": (403, with_query("se", "2099-01-01T00%3A00%3A00Z"), {}),
    "with more permissions": (403, with_query("sp", "cwd"), {}),
    "to another blob": (403, changed(r"\?", "0?"), {}),
    "to the file path": (403, changed(r"/\.uploads/[^/]*/([^?]*)", r"/uploads/\1/1/picture_20260102.png"), {}),
}
SINGLE = {f"PUT {name}": attempt for name, attempt in UPLOADS.items()} | {
    "PUT of another length": (201, str, {"body": BODY + b"1"}),
    "PUT without x-ms-blob-type": (400, str, {"headers": {"x-ms-blob-type": None}}),
    "PUT with the MD5 of other bytes": (400, str, {"headers": {"Content-MD5": EMPTY_MD5}}),
    "PUT without a signature": (403, changed(r"\?.*", ""), {}),
    "GET with the signature for PUT": (403, str, {"method": "GET"}),
    "DELETE with the signature for PUT": (403, str, {"method": "DELETE"}),
    "Put Block with the signature for PUT": (403, changed("$", "&comp=block&blockid=MDAwMDE%3D"), {}),
    "List of the container with the signature for PUT": (
        *(403, changed(r"/\.uploads/.*\?", "?restype=container&comp=list&"), {"method": "GET"}),
    ),
}
PARTS = {f"Put Block {name}": attempt for name, attempt in UPLOADS.items()} | {
    "Put Block with an id that is not base64": (400, with_query("blockid", "00001"), {}),
    "GET with the signature for blocks": (403, str, {"method": "GET"}),
    "DELETE with the signature for blocks": (403, str, {"method": "DELETE"}),
}
DOWNLOADS: dict[str, Attempt] = {
    "GET of a download URL": (200, str, {}),
    "GET of another blob": (403, changed("/uploads/one", "/uploads/two"), {}),
    "GET with another type": (403, with_query("rsct", "text%2Fhtml"), {}),
    "GET with another disposition": (403, with_query("rscd", "inline"), {}),
    "PUT with the signature for GET": (403, str, {"method": "PUT", "headers": {"x-ms-blob-type": "BlockBlob"}}),
    "DELETE with the signature for GET": (403, str, {"method": "DELETE"}),
}
EXPIRED = "PUT after the expiry", "PUT again, after it is stored", "Put Block after the expiry", "GET after the expiry"


def check(store: Store, attempt: Attempt, *, parts: bool, now: datetime | None = None) -> None:
    status, change, how = attempt
    backend = store.backend()
    upload = make_upload(backend, parts=parts, now=now or datetime.now(UTC))
    request = backend.instructions(upload, list(upload.slices()))[0]

    answer = send(request, **{"body": BODY[: request.slice.length], "url": change(request.url), **how})

    assert answer.status_code == status
    names = [found.name for found in store.container.list_blobs(include=["uncommittedblobs"])]
    assert names == ([upload.upload_path] if status < 400 else [])


@pytest.mark.parametrize("name", SINGLE)
def test_one_request(store: Store, name: str) -> None:
    check(store, SINGLE[name], parts=False)


@pytest.mark.parametrize("name", PARTS)
def test_blocks(store: Store, name: str) -> None:
    check(store, PARTS[name], parts=True)


@pytest.mark.parametrize("parts", [False, True])
def test_an_expired_signature_is_refused(store: Store, parts: bool) -> None:
    """The time is `now`, not the clock"""
    check(store, (403, str, {}), parts=parts, now=LONG_AGO)


def test_a_stored_blob_is_not_overwritten(store: Store) -> None:
    """The permission `c` only creates"""
    backend = store.backend()
    upload = uploaded(backend, make_upload(backend), BODY)
    [request] = backend.instructions(upload, list(upload.slices()))

    assert send(request, BODY[::-1]).status_code == 403

    assert store.blob(upload.upload_path).download_blob().readall() == BODY


@pytest.mark.parametrize("attempt", [*DOWNLOADS.values(), None], ids=[*DOWNLOADS, "expired"])
def test_downloads(store: Store, attempt: Attempt | None) -> None:
    status, change, how = attempt or (403, str, {})
    for path in ("uploads/one", "uploads/two"):
        store.put(path, BODY)
    now = None if attempt else LONG_AGO
    url = store.backend().get_url("uploads/one", 60, serve_as=ServeAs(filename="one.txt"), now=now)

    assert requests.request(url=change(url), timeout=60, **{"method": "GET", **how}).status_code == status

    assert store.blob("uploads/one").download_blob().readall() == BODY


def test_the_page_shows_the_same_statuses() -> None:
    expected = {name: str(status) for name, (status, *_) in {**SINGLE, **PARTS, **DOWNLOADS}.items()}

    assert table("azure", "request") == expected | dict.fromkeys(EXPIRED, "403")
