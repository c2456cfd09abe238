"""Bytes that go through this server: the upload view and the content view, over HTTP."""

import errno
import hashlib
import http.client
import os
import socket
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, urlsplit

import pytest
import requests
from django.test import override_settings
from django.utils import timezone

from fileman import tokens
from fileman.backends import get_backend
from fileman.backends.filesystem.backend import FilesystemBackend
from fileman.models import File, FileManager
from tests.backends.filesystem.folder import failing
from tests.flows.conftest import Configure, storage_of
from tests.flows.http_client import Json, Site, content, fetch, sha256
from tests.flows.storages import MIB, Storage, file_storage
from tests.servers import nginx
from tests.servers.fixtures import or_give_up

DATA = bytes(range(100))
CHUNKED = b"64\r\n" + DATA + b"\r\n0\r\n\r\n"
OUTSIDE = ("bytes=100-", "bytes=100-200", "bytes=-0", "bytes=" + "9" * 40 + "-")
SEVERAL_OR_NONSENSE = ("bytes=0-1,5-6", "bytes=5-2", "bytes=-", "bytes=a-b", "bits=0-1", "bytes=--5")
HARMLESS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@pytest.fixture
def local(request: pytest.FixtureRequest, transactional_db: None) -> Storage:
    return storage_of("file", request)


@pytest.fixture
def ticket(local: Storage, site: Site) -> Json:
    """An upload of DATA that waits for its bytes."""
    return site.start(DATA)


def url_of(ticket: Json) -> str:
    url: str = ticket["instructions"]["requests"][0]["url"]
    return url


def resigned(purpose: str, grant: Json) -> str:
    return tokens.sign(purpose, grant, expires_at=datetime.fromtimestamp(grant["exp"], UTC))


def put(url: str, body: Any, **headers: str) -> requests.Response:
    return requests.put(url, data=body, headers=headers, timeout=30)


def raw(url: str, head: str, body: bytes = b"") -> int:
    """The status of a request written byte by byte; the body ends when the client stops sending."""
    address = urlsplit(url)
    with closing(socket.create_connection((address.hostname, address.port), timeout=30)) as wire:
        wire.sendall(f"PUT {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n{head}\r\n".encode() + body)
        wire.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(wire)
        answer.begin()
        return answer.status


def assert_untouched(ticket: Json, local: Storage, site: Site) -> None:
    """Nothing was stored, and the right bytes are still taken."""
    assert local.everything() == []
    assert File.objects.get().upload_status == File.PENDING
    assert put(url_of(ticket), DATA).status_code == 201
    file = site.finalize(ticket["uploadToken"])["file"]
    assert fetch(file["downloadUrl"]).content == DATA


class TestUpload:
    """PUT /fileman/upload/<signed>."""

    @pytest.mark.parametrize(("body", "status"), [(DATA[:-1], 400), (b"", 400), (DATA + b"x", 413), (DATA * 9, 413)])
    def test_a_body_of_another_length_than_signed_is_refused(
        self, body: bytes, status: int, ticket: Json, local: Storage, site: Site
    ) -> None:
        """Before a byte of it is read, so what is told is what the address takes, not where the body ended."""
        answer = put(url_of(ticket), body)

        assert answer.status_code == status
        assert "This URL accepts exactly 100 bytes." in answer.text
        assert_untouched(ticket, local, site)

    @pytest.mark.parametrize(
        ("head", "body", "status"),
        [
            ("", CHUNKED, 411),
            ("Transfer-Encoding: chunked\r\n", CHUNKED, 411),
            ("Transfer-Encoding: chunked\r\nContent-Length: 100\r\n", CHUNKED, 411),
            ("Content-Length: 100\r\n", DATA[:50], 400),
        ],
        ids=["neither", "chunked", "both", "breaks off"],
    )
    def test_a_body_of_unknown_length_or_that_breaks_off_is_refused(
        self, head: str, body: bytes, status: int, ticket: Json, local: Storage, site: Site
    ) -> None:
        assert raw(url_of(ticket), head, body) == status
        assert_untouched(ticket, local, site)

    def test_a_tampered_address_is_refused(self, ticket: Json, local: Storage, site: Site) -> None:
        base, _, signed = url_of(ticket).rpartition("/")
        changed = "A" if signed[90] != "A" else "B"
        grant = tokens.unsign(tokens.UPLOAD, signed, now=timezone.now())
        forged = [signed[:90] + changed + signed[91:], signed[:90], resigned(tokens.CONTENT, grant)]

        assert [put(f"{base}/{text}", DATA).status_code for text in forged] == [403] * 3
        assert_untouched(ticket, local, site)

    def test_of_twenty_senders_at_once_one_is_taken(self, ticket: Json, local: Storage, site: Site) -> None:
        bodies = [bytes([number]) * 100 for number in range(20)]

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda body: put(url_of(ticket), body), bodies))

        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses) == [201] + [409] * 19
        assert {answer.json()["code"] for answer in answers if answer.content} == {"UPLOAD_IN_PROGRESS"}
        file = site.finalize(ticket["uploadToken"])["file"]
        assert put(url_of(ticket), DATA).status_code == 409
        assert fetch(file["downloadUrl"]).content == bodies[statuses.index(201)]

    def test_only_put_is_answered_and_no_cookie_is_set(self, ticket: Json, local: Storage) -> None:
        """The address is the authority; cookies have no part in it."""
        answers = [requests.request(verb, url_of(ticket), data=DATA, timeout=30) for verb in ("POST", "GET", "DELETE")]
        taken = put(url_of(ticket), DATA)

        assert [answer.status_code for answer in answers] == [405] * 3
        assert (taken.status_code, dict(taken.cookies)) == (201, {})
        assert "no-store" in taken.headers["Cache-Control"]


DISK_ERRORS = [
    ("write", errno.ENOSPC, (507, "STORAGE_UNAVAILABLE")),
    ("link", errno.EDQUOT, (507, "STORAGE_UNAVAILABLE")),
    ("fsync", errno.EIO, (503, "STORAGE_UNAVAILABLE")),
    ("link", errno.EROFS, (503, "STORAGE_MISCONFIGURED")),
]


@pytest.mark.parametrize(("call", "number", "answered"), DISK_ERRORS)
def test_a_disk_that_takes_nothing_is_told_from_a_full_one(
    call: str,
    number: int,
    answered: tuple[int, str],
    ticket: Json,
    local: Storage,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is stored, no path of the server is told, and once the disk takes it the same address works."""
    with monkeypatch.context() as broken:
        broken.setattr(os, call, failing(number))
        answer = put(url_of(ticket), DATA)

    assert (answer.status_code, answer.json()["code"]) == answered
    assert local.manager.settings["base_path"] not in answer.text
    assert_untouched(ticket, local, site)


@pytest.fixture
def shown(local: Storage, site: Site) -> Json:
    """A completed file with DATA in it."""
    ticket = site.start(DATA)
    assert put(url_of(ticket), DATA).status_code == 201
    file: Json = site.finalize(ticket["uploadToken"])["file"]
    return file


@pytest.fixture(params=["this server", "nginx"])
def served(
    request: pytest.FixtureRequest, shown: Json, local: Storage, site: Site, configure: Configure
) -> Iterator[Json]:
    """The same file, whoever sends its bytes."""
    if request.param == "this server":
        yield shown
        return
    configure(SENDFILE="X-Accel-Redirect")
    with nginx_before(site, local.manager) as url:
        yield {**shown, "downloadUrl": shown["downloadUrl"].replace(site.url, url)}


@contextmanager
def nginx_before(site: Site, manager: FileManager) -> Iterator[str]:
    """Yield the URL of an nginx that sends the files of a manager, or skip the test."""
    upstream = int(site.url.rpartition(":")[2])
    with or_give_up(), nginx.serve(upstream, base_path=manager.settings["base_path"]) as port:
        yield f"http://127.0.0.1:{port}"


def test_nginx_sends_exactly_the_checked_file(site: Site, tmp_path: Path, configure: Configure) -> None:
    """Whatever characters its path has, without following a link, and only if our view says so."""
    folder, name = tmp_path / "ü %41 +#;&", "uploads/%2e%2e ö+#;&'.txt"
    manager = file_storage(folder).manager
    (folder / name).write_bytes(DATA)
    configure(SENDFILE="X-Accel-Redirect")
    with nginx_before(site, manager) as url:
        signed = get_backend(manager).get_url(name)
        sent = fetch(f"{url}{signed}").content
        unsigned = fetch(f"{url}/fileman-files{quote(f'{folder}/{name}')}").status_code
        checked = get_backend(manager).stat(name)
        (folder / name).unlink()
        (folder / name).symlink_to(__file__)
        linked = fetch(f"{url}{signed}").status_code
        with patch.object(FilesystemBackend, "stat", return_value=checked):  # replaced after the check
            replaced = fetch(f"{url}{signed}").status_code

    assert (sent, unsigned, linked, replaced) == (DATA, 404, 503, 403)


class TestContent:
    """GET /fileman/content/<signed>."""

    @pytest.mark.parametrize(
        ("asked", "status", "said", "content"),
        [
            ("Bytes=0-0", 206, "bytes 0-0/100", DATA[:1]),
            ("bytes=10-19", 206, "bytes 10-19/100", DATA[10:20]),
            ("bytes=90-", 206, "bytes 90-99/100", DATA[90:]),
            ("bytes=-5", 206, "bytes 95-99/100", DATA[95:]),
            ("bytes=-500", 206, "bytes 0-99/100", DATA),
            ("bytes=50-5000", 206, "bytes 50-99/100", DATA[50:]),
            ("bytes=0-9999999999999999999", 206, "bytes 0-99/100", DATA),
            *((asked, 416, "bytes */100", b"") for asked in OUTSIDE),
            *((asked, 200, None, DATA) for asked in SEVERAL_OR_NONSENSE),
        ],
    )
    def test_ranges(self, asked: str, status: int, said: str | None, content: bytes, shown: Json) -> None:
        answer = fetch(shown["downloadUrl"], Range=asked)

        assert (answer.status_code, answer.headers.get("Content-Range"), answer.content) == (status, said, content)
        assert answer.headers["Content-Length"] == str(len(content))

    def test_an_interrupted_download_goes_on_only_with_the_same_object(self, served: Json) -> None:
        """RFC 9110, section 13: validators, and what each condition does with them."""
        whole = fetch(served["downloadUrl"]).headers
        etag, modified = whole["ETag"], whole["Last-Modified"]
        cases = [
            ({"If-Range": etag, "Range": "bytes=5-"}, 206, DATA[5:]),
            ({"If-Range": modified, "Range": "bytes=5-"}, 206, DATA[5:]),
            ({"If-Range": '"other"', "Range": "bytes=5-"}, 200, DATA),
            ({"If-Range": "Fri, 01 Jan 1971 00:00:00 GMT", "Range": "bytes=5-"}, 200, DATA),
            ({"If-None-Match": etag}, 304, b""),
            ({"If-None-Match": '"other"'}, 200, DATA),
            ({"If-Modified-Since": modified}, 304, b""),
            ({"If-Match": '"other"'}, 412, b""),
            ({"If-Unmodified-Since": "Fri, 01 Jan 1971 00:00:00 GMT"}, 412, b""),
        ]
        answers = [fetch(served["downloadUrl"], **headers) for headers, _, _ in cases]

        seen = [(answer.status_code, answer.content if answer.ok else b"") for answer in answers]
        assert seen == [case[1:] for case in cases]
        assert {answer.headers["ETag"] for answer in answers if answer.status_code != 412} == {etag}

    def test_the_answer_can_do_no_harm_in_a_browser(self, served: Json) -> None:
        answers = [fetch(served["downloadUrl"]), fetch(served["downloadUrl"], Range="bytes=0-1")]
        answers.append(requests.head(served["downloadUrl"], timeout=30))

        for answer in answers:
            assert {name: answer.headers[name] for name in HARMLESS} == HARMLESS
            assert {"private", "no-store"} <= set(answer.headers["Cache-Control"].split(", "))
            assert "Set-Cookie" not in answer.headers
            assert answer.headers["Content-Disposition"] == 'attachment; filename="notes.txt"'
        assert (answers[2].status_code, answers[2].content, answers[2].headers["Content-Length"]) == (200, b"", "100")
        assert answers[2].headers["Accept-Ranges"] == "bytes"

    def test_an_address_that_was_edited_or_has_expired_or_is_for_uploads_is_refused(self, shown: Json) -> None:
        base, _, signed = shown["downloadUrl"].rpartition("/")
        grant = tokens.unsign(tokens.CONTENT, signed, now=timezone.now())
        with override_settings(SECRET_KEY="mine"):
            mine = resigned(tokens.CONTENT, {**grant, "path": "other"})
        old = resigned(tokens.CONTENT, {**grant, "exp": grant["exp"] - 400})

        for text in (mine, mine[:90] + signed[90:], old, resigned(tokens.UPLOAD, grant)):
            answer = fetch(f"{base}/{text}")
            assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED")
        gone = fetch(f"{base}/{resigned(tokens.CONTENT, {**grant, 'manager': '0' * 32})}")
        assert (gone.status_code, gone.json()["code"]) == (404, "NOT_FOUND")

    @pytest.mark.parametrize(("asked", "lives"), [(None, 300), (60, 60), (301, 300), (10**9, 300), (-5, 1), (0, 1)])
    def test_no_reader_gets_a_longer_lifetime_than_the_file_manager_gives(
        self, asked: int | None, lives: int, shown: Json, site: Site
    ) -> None:
        """What is asked for, from a second to download_expires_in."""
        query = "query ($id: ID!, $s: Int) { file(id: $id) { downloadUrl(expiresIn: $s) completedAt } }"
        variables = {"id": shown["id"]} | ({} if asked is None else {"s": asked})
        signed = site.call(query, variables)["file"]["downloadUrl"].rpartition("/")[2]

        grant = tokens.unsign(tokens.CONTENT, signed, now=timezone.now())

        now = File.objects.get().completed_at.timestamp()  # type: ignore[union-attr]
        assert lives - 1 <= grant["exp"] - now <= lives + 30


def test_memory_does_not_grow_with_the_file(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> None:
    """64 MB in and out again; client and server together never hold 8 MB more."""
    storage_of("file", request)
    large = tmp_path / "large.bin"
    large.write_bytes(content(64 * MIB))
    ticket = site.initiate({"filename": "large.bin", "size": 64 * MIB})["files"][0]
    received = hashlib.sha256()
    tracemalloc.start()
    try:
        with large.open("rb") as body:
            assert requests.put(url_of(ticket), data=body, timeout=60).status_code == 201
        file = site.finalize(ticket["uploadToken"])["file"]
        with requests.get(file["downloadUrl"], stream=True, timeout=60) as answer:
            for piece in answer.iter_content(MIB):
                received.update(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert f"sha256:{received.hexdigest()}" == file["checksum"] == sha256(large.read_bytes())
    assert peak < 8 * MIB
