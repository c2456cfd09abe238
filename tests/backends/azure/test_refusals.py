"""Requests that Azure itself refuses, by exact status. The page for operators shows the same table."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
import requests

from fileman.backends.azure.backend import AzureBackend
from fileman.backends.values import ServeAs, Upload
from tests.backends.azure.stores import BODY, Store, make_upload
from tests.backends.documents import table
from tests.backends.uploads import send

BLOCK = {"x-ms-blob-type": "BlockBlob"}
EMPTY_MD5 = "1B2M2Y8AsgTpgAmY7PhCfg=="
LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


class Target:
    """One upload and its signed request."""

    def __init__(self, store: Store, *, parts: bool, now: datetime | None = None) -> None:
        self.store = store
        self.backend = store.backend()
        self.upload: Upload = make_upload(self.backend, parts=parts, now=now or datetime.now(UTC))
        self.request = self.backend.instructions(self.upload, list(self.upload.slices()))[0]
        self.body = BODY[: self.request.slice.length]

    @property
    def url(self) -> str:
        return self.request.url

    def put(self, url: str | None = None, headers: dict[str, str] | None = None) -> int:
        headers = dict(self.request.headers) if headers is None else headers
        return requests.put(url or self.url, data=self.body, headers=headers, timeout=10).status_code

    def ask(self, method: str, url: str | None = None) -> int:
        return requests.request(method, url or self.url, timeout=10).status_code

    def names(self) -> list[str]:
        return [found.name for found in self.store.container.list_blobs(include=["uncommittedblobs"])]


Attempt = Callable[[Target], int]
SINGLE: dict[str, tuple[int, Attempt]] = {
    "PUT as granted": (201, lambda t: t.put()),
    "PUT of another length": (201, lambda t: send(t.request, BODY + b"1").status_code),
    "PUT without x-ms-blob-type": (400, lambda t: t.put(headers={"Content-Type": "text/plain"})),
    "PUT with the MD5 of other bytes": (400, lambda t: t.put(headers={**BLOCK, "Content-MD5": EMPTY_MD5})),
    "PUT with another signature": (403, lambda t: t.put(_changed(t.url, "sig", "A" * 43 + "%3D"))),
    "PUT with a later expiry": (403, lambda t: t.put(_changed(t.url, "se", "2099-01-01T00%3A00%3A00Z"))),
    "PUT with more permissions": (403, lambda t: t.put(_changed(t.url, "sp", "cwd"))),
    "PUT to another blob": (403, lambda t: t.put(t.url.replace("?", "0?"))),
    "PUT to the file path": (403, lambda t: t.put(_moved(t))),
    "PUT without a signature": (403, lambda t: t.put(t.url.partition("?")[0])),
    "GET with the signature for PUT": (403, lambda t: t.ask("GET")),
    "DELETE with the signature for PUT": (403, lambda t: t.ask("DELETE")),
    "Put Block with the signature for PUT": (403, lambda t: t.put(t.url + "&comp=block&blockid=MDAwMDE%3D", {})),
    "List of the container with the signature for PUT": (403, lambda t: t.ask("GET", _container_list(t))),
}
TWICE = "PUT again, after it is stored"
EXPIRED = "PUT after the expiry"
PARTS: dict[str, tuple[int, Attempt]] = {
    "Put Block as granted": (201, lambda t: t.put()),
    "Put Block with another signature": (403, lambda t: t.put(_changed(t.url, "sig", "A" * 43 + "%3D"))),
    "Put Block with a later expiry": (403, lambda t: t.put(_changed(t.url, "se", "2099-01-01T00%3A00%3A00Z"))),
    "Put Block with more permissions": (403, lambda t: t.put(_changed(t.url, "sp", "wrd"))),
    "Put Block to another blob": (403, lambda t: t.put(t.url.replace("?", "0?"))),
    "Put Block to the file path": (403, lambda t: t.put(_moved(t))),
    "Put Block with an id that is not base64": (400, lambda t: t.put(_changed(t.url, "blockid", "00001"))),
    "GET with the signature for blocks": (403, lambda t: t.ask("GET")),
    "DELETE with the signature for blocks": (403, lambda t: t.ask("DELETE")),
}
EXPIRED_BLOCK = "Put Block after the expiry"
DOWNLOADS: dict[str, tuple[int, Callable[[str, str], int]]] = {
    "GET of a download URL": (200, lambda url, _: _status("GET", url)),
    "GET of another blob": (403, lambda url, other: _status("GET", _swapped(url, other))),
    "GET with another type": (403, lambda url, _: _status("GET", _changed(url, "rsct", "text%2Fhtml"))),
    "GET with another disposition": (403, lambda url, _: _status("GET", _changed(url, "rscd", "inline"))),
    "PUT with the signature for GET": (403, lambda url, _: _status("PUT", url)),
    "DELETE with the signature for GET": (403, lambda url, _: _status("DELETE", url)),
}
EXPIRED_DOWNLOAD = "GET after the expiry"


def _changed(url: str, name: str, value: str) -> str:
    changed, count = re.subn(rf"(?<=[?&]){name}=[^&]*", f"{name}={value}", url)
    assert count == 1
    return changed


def _swapped(url: str, paths: str) -> str:
    path, other = paths.split(" ")
    return url.replace(path, other)


def _moved(target: Target) -> str:
    return target.url.replace(quote(target.upload.upload_path), quote(target.upload.file_path))


def _container_list(target: Target) -> str:
    place, _, signature = target.url.partition("?")
    return f"{place.partition('/.uploads')[0]}?restype=container&comp=list&{signature}"


def _status(method: str, url: str) -> int:
    return requests.request(method, url, headers=BLOCK if method == "PUT" else {}, timeout=10).status_code


def _check(target: Target, status: int, attempt: Attempt) -> None:
    assert attempt(target) == status
    assert target.names() == ([target.upload.upload_path] if status < 400 else [])


@pytest.mark.parametrize("name", SINGLE)
def test_one_request(store: Store, name: str) -> None:
    _check(Target(store, parts=False), *SINGLE[name])


@pytest.mark.parametrize("name", PARTS)
def test_blocks(store: Store, name: str) -> None:
    _check(Target(store, parts=True), *PARTS[name])


@pytest.mark.parametrize("parts", [False, True])
def test_an_expired_signature_is_refused(store: Store, parts: bool) -> None:
    """The time is `now`, not the clock"""
    _check(Target(store, parts=parts, now=LONG_AGO), 403, lambda t: t.put())


def test_a_stored_blob_is_not_overwritten(store: Store) -> None:
    """The permission `c` only creates"""
    target = Target(store, parts=False)
    assert target.put() == 201

    assert send(target.request, BODY[::-1]).status_code == 403

    assert store.blob(target.upload.upload_path).download_blob().readall() == BODY


@pytest.fixture
def stored(store: Store) -> tuple[AzureBackend, str, str]:
    """A backend, and the paths of two files in it."""
    for name in ("uploads/one", "uploads/two"):
        store.put(name, BODY)
    return store.backend(), "uploads/one", "uploads/two"


@pytest.mark.parametrize("name", DOWNLOADS)
def test_downloads(store: Store, stored: tuple[AzureBackend, str, str], name: str) -> None:
    backend, path, other = stored
    status, attempt = DOWNLOADS[name]

    assert attempt(backend.get_url(path, serve_as=ServeAs(filename="one.txt")), f"{path} {other}") == status

    assert store.blob(path).download_blob().readall() == BODY


def test_an_expired_download_is_refused(stored: tuple[AzureBackend, str, str]) -> None:
    backend, path, _ = stored

    assert _status("GET", backend.get_url(path, expires_in=60, now=LONG_AGO)) == 403


def test_the_page_shows_the_same_statuses() -> None:
    expected = {name: str(status) for name, (status, _) in {**SINGLE, **PARTS, **DOWNLOADS}.items()}
    expected |= dict.fromkeys((TWICE, EXPIRED, EXPIRED_BLOCK, EXPIRED_DOWNLOAD), "403")

    assert table("azure", "request") == expected
