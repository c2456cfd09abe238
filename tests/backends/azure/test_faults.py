"""Finalize on Azure while something else answers, answers break off, or requests are carried out late."""

from collections.abc import Iterator
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
    NOT_FOUND_PAGE,
    Proxy,
    answer_with,
)
from tests.uploads.driver import caller_of, configured, file_of, finish, start, token_of

BODY = b"as it was declared. " * 50
PART_BYTES = 600
WAYS = ["one request", "parts"]


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


def test_finalize_sends_these_requests_and_no_delete(sent: Sent) -> None:
    assert sent.finalize().error is None

    sent.assert_completed()
    assembly = ["GET", "PUT"] if len(sent.requests) > 1 else []
    assert [seen.method for seen in sent.proxy.seen] == [*assembly, "HEAD", "GET", "PUT", "PUT", "PUT", "HEAD"]


def test_each_call_makes_progress_though_one_request_fits_into_it(sent: Sent) -> None:
    """The time limit is always over"""
    with configured(FINALIZE_BUDGET_SECONDS=0.0):
        outcomes = [sent.finalize().error for _ in range(12)]

    codes = [error.code if error else None for error in outcomes]
    finished = codes.index(None)
    assert set(codes[:finished]) == {ErrorCode.UPLOAD_IN_PROGRESS}
    sent.assert_completed()


def test_a_deleted_upload_that_an_ingress_denies_is_deleted_by_the_next_cleanup(
    store: Store, proxy: Proxy, manager: FileManager, user: User, django_capture_on_commit_callbacks: Any
) -> None:
    """Its 404 does not say that a blob is absent."""
    sent = Sent(store, proxy, user)
    sent.proxy.disturb(answer_with(NOT_FOUND_PAGE), times=None)
    with django_capture_on_commit_callbacks(execute=True):
        uploads.abort(caller=caller_of(sent.user), upload_token=token_of(sent.ticket), now=timezone.now())
    cleanup.run(cleanup.Request(), now=timezone.now() + timedelta(days=2))
    sent.proxy.calm()
    assert [found.name for found in sent.store.container.list_blobs()] == [sent.file.upload_path]

    cleanup.run(cleanup.Request(), now=timezone.now() + timedelta(days=12))

    assert list(sent.store.container.list_blobs()) == []
