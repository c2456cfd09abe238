"""Finalize on Azure while something else answers, answers break off, or requests are carried out late."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from django.utils import timezone

from fileman import cleanup, uploads
from fileman.errors import ErrorCode
from fileman.models import File, FileManager
from fileman.uploads import Outcome
from tests.backends.azure.stores import Store
from tests.servers.proxy import (
    EMPTY,
    MAINTENANCE_PAGE,
    NOT_FOUND_PAGE,
    Answer,
    Fault,
    Proxy,
    answer_with,
    cut,
    defer,
    lose,
    reset,
)
from tests.uploads.driver import caller_of, configured, file_of, finish, start, token_of

BODY = b"as it was declared. " * 50
OTHER = BODY[::-1]
PART_BYTES = 600
WAYS = ["one request", "parts"]
CAPTIVE_PORTAL = Answer(status=302, headers=(("Location", "http://127.0.0.1:9/login"),))
FAULTS: dict[str, Fault] = {
    "a maintenance page": answer_with(MAINTENANCE_PAGE),
    "an empty success": answer_with(EMPTY),
    "an ingress' 404": answer_with(NOT_FOUND_PAGE),
    "an ingress' 403": answer_with(403),
    "a captive portal": answer_with(CAPTIVE_PORTAL),
    "a gateway's 503": answer_with(503),
    "an error after the effect": answer_with(500, after_effect=True),
    "no response": lose,
    "a reset": reset,
    "a response cut in its status": cut("status"),
    "a response cut in its headers": cut("headers"),
    "a response cut in its body": cut("body"),
}


class Sent:
    """An upload whose bytes are in Azure, and its file manager behind the proxy."""

    def __init__(self, store: Store, proxy: Proxy, user: User) -> None:
        self.store, self.proxy, self.user = store, proxy, user
        self.ticket = start(user, BODY, content_type="text/plain", now=timezone.now())
        assert self.ticket.instructions
        self.file, self.requests = file_of(self.ticket), self.ticket.instructions.requests
        self.send(BODY)
        proxy.seen.clear()

    def send(self, body: bytes) -> set[int]:
        """Send all bytes by the signed requests, past the proxy's faults."""
        return {
            requests.put(
                request.url, body[request.slice.offset :][: request.slice.length], headers=dict(request.headers)
            ).status_code
            for request in self.requests
        }

    def finalize(self) -> Outcome:
        return finish(self.user, self.ticket, now=timezone.now())

    def assert_completed(self) -> None:
        """The row names a blob of the declared bytes, unchanged since the commit."""
        self.file.refresh_from_db()
        assert (self.file.upload_status, self.file.file_size) == (File.COMPLETED, len(BODY))
        assert self.file.file_path
        blob = self.store.blob(self.file.file_path)
        found = blob.get_blob_properties()
        assert (found.etag.strip('"'), found.metadata) == (self.file.etag, {})
        assert blob.download_blob().readall() == BODY


@pytest.fixture
def manager(store: Store, proxy: Proxy, db: None) -> FileManager:
    return FileManager.objects.create(
        name="Azure", backend_type="azure", settings={**store.settings, "endpoint": proxy.url}, is_default=True
    )


@pytest.fixture(params=WAYS)
def sent(
    request: pytest.FixtureRequest, store: Store, proxy: Proxy, manager: FileManager, user: User
) -> Iterator[Sent]:
    small = {"SINGLE_REQUEST_MAX_BYTES": PART_BYTES, "PART_SIZE_BYTES": PART_BYTES} if request.param == "parts" else {}
    with configured(**small):
        yield Sent(store, proxy, user)


@pytest.fixture
def make(store: Store, proxy: Proxy, manager: FileManager, user: User) -> Callable[[], Sent]:
    return lambda: Sent(store, proxy, user)


def test_finalize_sends_these_requests_and_no_delete(sent: Sent) -> None:
    assert sent.finalize().error is None

    sent.assert_completed()
    assembly = ["GET", "PUT"] if len(sent.requests) > 1 else []
    assert [seen.method for seen in sent.proxy.seen] == [*assembly, "HEAD", "GET", "PUT", "PUT", "PUT", "HEAD"]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_at_any_request_of_finalize_costs_a_call_and_no_bytes(make: Callable[[], Sent], name: str) -> None:
    """An upload that fails loses its bytes, so only the storage itself may contradict it"""
    for at in range(6):
        sent = make()
        sent.proxy.disturb(FAULTS[name], skip=at)

        first = sent.finalize()
        sent.file.refresh_from_db()
        met = [seen.fault != "" for seen in sent.proxy.seen]
        sent.proxy.calm()

        assert met[: at + 1] == [False] * at + [True]
        if first.error is not None:
            assert (first.error.code, sent.file.upload_status) == (ErrorCode.STORAGE_UNAVAILABLE, File.PENDING)
            assert sent.finalize().error is None, f"request {at}"
        sent.assert_completed()
        assert "DELETE" not in {seen.method for seen in sent.proxy.seen}


@pytest.mark.parametrize(
    ("sent", "target"),
    [
        ("parts", "comp=blocklist"),
        *((way, target) for way in WAYS for target in ("uploads/.*notes", "comp=properties", "comp=metadata")),
    ],
    indirect=["sent"],
)
def test_a_request_of_an_earlier_call_that_is_carried_out_last_changes_nothing(sent: Sent, target: str) -> None:
    """Meanwhile the client has written its upload path again, where Azure lets it"""
    sent.proxy.disturb(defer, method="PUT", target=target)
    first = sent.finalize()
    assert first.error
    assert first.error.code == ErrorCode.STORAGE_UNAVAILABLE
    assert sent.finalize().error is None
    assert sent.send(OTHER) == {201} if len(sent.requests) > 1 else {403}

    sent.proxy.release()

    sent.assert_completed()
    assert sent.finalize().error is None


def test_each_call_makes_progress_though_one_request_fits_into_it(sent: Sent) -> None:
    """The time limit is always over"""
    with configured(FINALIZE_BUDGET_SECONDS=0.0):
        outcomes = [sent.finalize().error for _ in range(12)]

    codes = [error.code if error else None for error in outcomes]
    finished = codes.index(None)
    assert set(codes[:finished]) == {ErrorCode.UPLOAD_IN_PROGRESS}
    sent.assert_completed()


def test_a_deleted_upload_that_an_ingress_denies_is_deleted_by_the_next_cleanup(
    make: Callable[[], Sent], django_capture_on_commit_callbacks: Any
) -> None:
    """Its 404 does not say that a blob is absent"""
    sent = make()
    sent.proxy.disturb(answer_with(NOT_FOUND_PAGE), times=None)
    with django_capture_on_commit_callbacks(execute=True):
        uploads.abort(caller=caller_of(sent.user), upload_token=token_of(sent.ticket), now=timezone.now())
    cleanup.run(cleanup.Request(), now=timezone.now() + timedelta(days=2))
    sent.proxy.calm()
    assert [found.name for found in sent.store.container.list_blobs()] == [sent.file.upload_path]

    cleanup.run(cleanup.Request(), now=timezone.now() + timedelta(days=12))

    assert list(sent.store.container.list_blobs()) == []
