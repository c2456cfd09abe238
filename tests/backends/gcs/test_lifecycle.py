"""Files from initiate to their end, where the storage is a bucket of Google's."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from django.utils import timezone

from fileman import cleanup, uploads
from fileman.backends import get_backend
from fileman.backends.gcs.backend import GCSBackend
from fileman.caller import Caller
from fileman.errors import NotUploaded, StorageMisconfigured
from fileman.models import File, FileManager
from fileman.uploads import DeclaredFile, InitiateRequest, Outcome, Ticket, UploadInstructions
from fileman.uploads._finalize import finalize
from fileman.uploads.instructions import build_upload
from tests.backends.gcs.scripted_server import Answer, answering
from tests.backends.gcs.stores import BODY, ORIGIN, Store, allowed_origin, changed, checksum_of, send
from tests.servers.proxy import answer_with, proxy_to

pytestmark = pytest.mark.django_db(transaction=True)
LARGE = BODY * 40_000
"""Above what one request carries in these tests; 1.1 MB."""


@pytest.fixture(autouse=True)
def _small_single_requests(_plain_http: None) -> Any:
    with changed(SINGLE_REQUEST_MAX_BYTES=1024):
        yield


@pytest.fixture
def manager(store: Store) -> FileManager:
    return FileManager.objects.create(
        name="Google",
        backend_type="gcs",
        backend_url=f"gs://{store.bucket.name}/files/",
        settings=store.settings(),
        is_default=True,
    )


@pytest.fixture
def caller(user: User) -> Caller:
    return Caller(user=user, origin=ORIGIN, site_url="https://files.example.com/")


def initiate(caller: Caller, manager: FileManager, body: bytes, **declared: Any) -> Ticket:
    file = DeclaredFile(filename="notes.txt", size=len(body), content_type="text/plain", **declared)
    request = InitiateRequest(files=[file], file_manager_id=manager.pk)
    (ticket,) = uploads.initiate(caller=caller, request=request, now=timezone.now()).tickets
    return ticket


def start(caller: Caller, manager: FileManager, body: bytes, **declared: Any) -> Ticket:
    ticket = initiate(caller, manager, body, **declared)
    assert ticket.errors == ()
    return ticket


def send_all(instructions: UploadInstructions | None, body: bytes) -> None:
    assert instructions is not None
    for request in instructions.requests:
        answer = send(request, body[request.slice.offset : request.slice.offset + request.slice.length])
        assert answer.status_code in request.success_status


def finish(caller: Caller, ticket: Ticket, **claims: Any) -> Outcome:
    assert ticket.upload_token is not None
    return finalize(caller=caller, upload_token=ticket.upload_token, now=timezone.now(), **claims)


def refresh(caller: Caller, ticket: Ticket) -> Outcome:
    return uploads.refresh(caller=caller, upload_token=ticket.upload_token, now=timezone.now())


def file_of(ticket: Ticket) -> File:
    """Read the row as it is now."""
    assert ticket.file is not None
    return File.objects.get(pk=ticket.file.pk)


def abort(caller: Caller, ticket: Ticket) -> None:
    assert ticket.upload_token is not None
    uploads.abort(caller=caller, upload_token=ticket.upload_token, now=timezone.now())


def session_of(ticket: Ticket) -> str:
    session: str = file_of(ticket).upload_state["begun"]["session"]
    return session


def is_cancelled(session: str) -> bool:
    return requests.put(session, headers={"Content-Range": "bytes */*"}, timeout=10).status_code == 499


@pytest.mark.parametrize("body", [BODY, LARGE], ids=["single", "session"])
def test_without_a_declared_checksum_googles_own_is_kept(caller: Caller, manager: FileManager, body: bytes) -> None:
    ticket = start(caller, manager, body)
    send_all(ticket.instructions, body)

    file = finish(caller, ticket, file_size=len(body)).file

    assert type(get_backend(manager)) is GCSBackend
    assert (file.upload_status, file.checksum) == (File.COMPLETED, str(checksum_of(body, "crc32c")))
    assert file.checksum_verified is True


@pytest.mark.parametrize("algorithm", ["crc32c", "md5"])
def test_bytes_refused_for_their_checksum_are_requested_again(
    store: Store, caller: Caller, manager: FileManager, algorithm: str
) -> None:
    """The session has lost them all, so another one begins."""
    ticket = start(caller, manager, LARGE, checksum=str(checksum_of(LARGE, algorithm)))
    assert ticket.instructions is not None
    (request,) = ticket.instructions.requests
    assert send(request, LARGE.replace(b"bytes", b"bytez", 1)).status_code == 400

    early = finish(caller, ticket)

    assert isinstance(early.error, NotUploaded)
    assert store.names() == []
    send_all(early.instructions, LARGE)
    file = finish(caller, ticket).file
    assert (file.upload_status, file.checksum) == (File.COMPLETED, str(checksum_of(LARGE, algorithm)))


def finish_in_calls(caller: Caller, ticket: Ticket) -> list[str | None]:
    """Finalize until the upload is completed, and return the code of each call's error."""
    codes: list[str | None] = []
    while len(codes) < 20 and (not codes or codes[-1]):
        error = finish(caller, ticket).error
        codes.append(str(error.code) if error else None)
    return codes


def test_a_copy_whose_token_is_refused_is_finished_by_another(
    store: Store, caller: Caller, manager: FileManager
) -> None:
    """A token that is too old: the next call begins the rewrite again, at another path."""
    store.server.set_unfinished_rewrite_steps(1)
    with proxy_to(store.server.endpoint) as proxy:
        manager.settings = store.settings(endpoint=proxy.url)
        manager.save()
        proxy.disturb(answer_with(410), target="rewriteToken=")
        ticket = start(caller, manager, LARGE)
        send_all(ticket.instructions, LARGE)

        assert finish_in_calls(caller, ticket) == ["UPLOAD_IN_PROGRESS", None]
        assert_published(ticket, LARGE, tries=2)


def assert_published(ticket: Ticket, body: bytes, *, tries: int) -> None:
    file = file_of(ticket)
    assert (file.upload_status, file.tries) == (File.COMPLETED, tries)
    assert file.file_path is not None
    assert b"".join(get_backend(file.file_manager).read(file.file_path)) == body


def test_a_page_in_place_of_tokens_stops_its_own_manager_only(
    store: Store, caller: Caller, manager: FileManager
) -> None:
    """Each of its calls is STORAGE_UNAVAILABLE, and cleanup goes on to the next manager."""
    start(caller, manager, BODY)
    broken = start(caller, manager, LARGE)
    with answering(lambda _: Answer(body=b"<html>Welcome</html>")) as page:
        other = FileManager.objects.create(
            name="A page",  # worked before the healthy one
            backend_type="gcs",
            backend_url=f"gs://{store.bucket.name}/other/",
            settings=store.settings(credentials={**store.server.service_account_info, "token_uri": page}),
        )
        (refusal,) = initiate(caller, other, LARGE).errors
        row = file_of(broken)
        row.file_manager = other
        row.save()
        for error in (refusal, finish(caller, broken).error):
            assert error is not None
            assert (error.code, error.retryable) == ("STORAGE_UNAVAILABLE", True)
        later = timezone.now() + timedelta(days=16)
        _clean(later)
        _clean(later + timedelta(days=2))

    assert {file.file_manager.name for file in File.objects.all()} == {"A page"}


@pytest.mark.parametrize("by", ["refresh", "finalize", "finalize after a crash"])
def test_a_forgotten_session_begins_again(store: Store, caller: Caller, manager: FileManager, by: str) -> None:
    """Cancelled by a client, or older than a week; or never saved because of a crash."""
    ticket = start(caller, manager, LARGE)
    old = session_of(ticket)
    if by.endswith("crash"):
        file = file_of(ticket)
        file.upload_state = {key: value for key, value in file.upload_state.items() if key not in {"begun", "origin"}}
        file.save()
    else:
        assert requests.delete(old, timeout=10).status_code == 499

    outcome = refresh(caller, ticket) if by == "refresh" else finish(caller, ticket)

    assert outcome.error is None or isinstance(outcome.error, NotUploaded)
    assert session_of(ticket) != old
    send_all(outcome.instructions, LARGE)
    assert finish(caller, ticket).file.upload_status == File.COMPLETED


def test_another_origin_gets_a_session_of_its_own(caller: Caller, manager: FileManager) -> None:
    """A client without an origin continues the one that is there."""
    other = "https://second.example.com"
    ticket = start(caller, manager, LARGE)
    old = session_of(ticket)
    assert allowed_origin(old, ORIGIN) == ORIGIN

    refresh(replace(caller, origin=None), ticket)
    assert session_of(ticket) == old

    refresh(replace(caller, origin=other), ticket)
    assert is_cancelled(old)
    assert allowed_origin(session_of(ticket), other) == other


def test_a_refresh_from_a_forbidden_origin_changes_nothing(caller: Caller, manager: FileManager) -> None:
    """The bytes in the session are not lost."""
    ticket = start(caller, manager, LARGE)
    old = session_of(ticket)
    stranger = replace(caller, origin="https://elsewhere.example.com")

    with changed(ALLOWED_ORIGINS=[ORIGIN]), pytest.raises(StorageMisconfigured, match="ALLOWED_ORIGINS"):
        refresh(stranger, ticket)

    assert session_of(ticket) == old
    send_all(ticket.instructions, LARGE)
    assert finish(caller, ticket).file.upload_status == File.COMPLETED


def test_a_complete_session_is_kept_for_any_origin(caller: Caller, manager: FileManager) -> None:
    """A refresh never throws a whole upload away."""
    ticket = start(caller, manager, LARGE)
    send_all(ticket.instructions, LARGE)

    outcome = refresh(replace(caller, origin="https://second.example.com"), ticket)

    assert (outcome.error, outcome.instructions) == (None, None)
    assert finish(caller, ticket).file.upload_status == File.COMPLETED


@pytest.mark.parametrize("by", ["abort", "cleanup"])
def test_the_end_of_an_upload_cancels_its_session(store: Store, caller: Caller, manager: FileManager, by: str) -> None:
    ticket = start(caller, manager, LARGE)
    session = session_of(ticket)
    later = timezone.now() + timedelta(days=8)

    if by == "abort":
        abort(caller, ticket)
    else:
        _clean(later)
        _clean(later + timedelta(days=2))
        assert File.objects.count() == 0

    assert is_cancelled(session)
    assert store.names() == []


def test_the_object_of_a_late_session_is_swept_a_week_later(store: Store, caller: Caller, manager: FileManager) -> None:
    """A session can write for a week after its upload was given up."""
    ticket = start(caller, manager, BODY)
    path = build_upload(file_of(ticket), now=timezone.now()).upload_path
    abort(caller, ticket)
    send_all(ticket.instructions, BODY)

    _clean(timezone.now() + timedelta(days=6))
    assert store.names() == [path]
    _clean(timezone.now() + timedelta(days=8))
    assert store.names() == []


def _clean(now: datetime) -> None:
    cleanup.run(cleanup.Request(older_than=timedelta(0)), now=now)
