"""Uploads in sessions, from initiate to their end: who may send, and what becomes of a session that is lost or over."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from django.utils import timezone

from fileman import cleanup
from fileman.caller import Caller
from fileman.errors import NotUploaded, StorageMisconfigured
from fileman.models import File, FileManager
from fileman.uploads import Ticket, UploadInstructions
from tests.backends.gcs.stores import Store, allowed_origin
from tests.backends.uploads import BODY, ORIGIN, checksum_of, part_of, send
from tests.uploads.clock import DAY, NOW
from tests.uploads.driver import abort, configured, file_of, finish, refresh, start

pytestmark = pytest.mark.django_db(transaction=True)
LARGE = BODY * 100
SECOND_ORIGIN = "https://second.example.com"


@pytest.fixture(autouse=True)
def _sessions(_plain_http: None) -> Any:
    with configured(SINGLE_REQUEST_MAX_BYTES=1024):
        yield


@pytest.fixture
def caller(store: Store, user: User) -> Caller:
    place = {"backend_type": "gcs", "backend_url": f"gs://{store.bucket.name}/files/", "settings": store.settings()}
    FileManager.objects.create(name="Google", **place, is_default=True)
    return Caller(user=user, origin=ORIGIN, site_url="https://files.example.com/")


def send_all(instructions: UploadInstructions | None, body: bytes = LARGE) -> None:
    assert instructions is not None
    for request in instructions.requests:
        assert send(request, part_of(body, request)).status_code in request.success_status


def session_of(ticket: Ticket) -> str:
    session: str = file_of(ticket).upload_state["begun"]["session"]
    return session


def is_cancelled(session: str) -> bool:
    return requests.put(session, headers={"Content-Range": "bytes */*"}, timeout=60).status_code == 499


def clean(now: datetime) -> None:
    cleanup.run(cleanup.Request(older_than=timedelta(0)), now=now)


@pytest.mark.parametrize("lost_by", ["a client, for refresh", "a client, for finalize", "a crash", "other bytes"])
def test_a_lost_session_begins_again(store: Store, caller: Caller, lost_by: str) -> None:
    """Cancelled by a client, never saved because of a crash, or ended by bytes of another checksum."""
    checksum = str(checksum_of(LARGE, "md5" if lost_by == "other bytes" else "crc32c"))
    ticket = start(caller, LARGE, checksum=checksum if lost_by == "other bytes" else None)
    assert ticket.instructions is not None
    old, (request,) = session_of(ticket), ticket.instructions.requests
    if lost_by == "other bytes":
        assert send(request, LARGE.replace(b"bytes", b"bytez", 1)).status_code == 400
    elif lost_by == "a crash":
        file = file_of(ticket)
        file.upload_state = {key: value for key, value in file.upload_state.items() if key not in {"begun", "origin"}}
        file.save()
    else:
        assert requests.delete(old, timeout=60).status_code == 499

    outcome = refresh(caller, ticket) if lost_by.endswith("refresh") else finish(caller, ticket)

    assert outcome.error is None or isinstance(outcome.error, NotUploaded)
    assert (session_of(ticket) != old, store.names()) == (True, [])
    send_all(outcome.instructions)
    file = finish(caller, ticket).file
    assert (file.upload_status, file.checksum, file.checksum_verified) == (File.COMPLETED, checksum, True)


def test_another_origin_gets_a_session_of_its_own(caller: Caller) -> None:
    """The same origin and a client without one continue the one that is there. A forbidden one changes nothing."""
    ticket = start(caller, LARGE)
    old = session_of(ticket)
    assert allowed_origin(old, ORIGIN) == ORIGIN

    for origin in (None, ORIGIN):
        refresh(replace(caller, origin=origin), ticket)
    with configured(ALLOWED_ORIGINS=[ORIGIN]), pytest.raises(StorageMisconfigured, match="ALLOWED_ORIGINS"):
        refresh(replace(caller, origin=SECOND_ORIGIN), ticket)
    assert session_of(ticket) == old

    refresh(replace(caller, origin=SECOND_ORIGIN), ticket)
    assert is_cancelled(old)
    assert allowed_origin(session_of(ticket), SECOND_ORIGIN) == SECOND_ORIGIN


def test_a_complete_session_is_kept_for_any_origin(caller: Caller) -> None:
    """A refresh never throws a whole upload away."""
    ticket = start(caller, LARGE)
    send_all(ticket.instructions)

    outcome = refresh(replace(caller, origin=SECOND_ORIGIN), ticket)

    assert (outcome.error, outcome.instructions) == (None, None)
    assert finish(caller, ticket).file.upload_status == File.COMPLETED


@pytest.mark.parametrize("by", ["abort", "cleanup"])
def test_the_end_of_an_upload_cancels_its_session(store: Store, caller: Caller, by: str) -> None:
    ticket = start(caller, LARGE)
    session = session_of(ticket)

    if by == "abort":
        abort(caller, ticket)
    else:
        clean(NOW + 8 * DAY)
        clean(NOW + 10 * DAY)
        assert File.objects.count() == 0

    assert is_cancelled(session)
    assert store.names() == []


def test_the_object_of_a_late_upload_is_swept_a_week_later(store: Store, caller: Caller) -> None:
    """A session can write for a week after its upload was given up."""
    now = timezone.now()
    ticket = start(caller, BODY, now=now)
    path = file_of(ticket).upload_path
    abort(caller, ticket, now=now)
    send_all(ticket.instructions, BODY)

    clean(now + 6 * DAY)
    assert store.names() == [path]
    clean(now + 8 * DAY)
    assert store.names() == []
