"""Requests that are carried out when everybody has gone on: they change nothing that was verified."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone

from fileman import conf, uploads
from fileman.caller import Caller
from fileman.models import File
from tests.faults.conftest import for_kinds
from tests.faults.site import MOST_CALLS, Site, assert_may_go_on
from tests.flows.conftest import Configure
from tests.flows.http_client import Json
from tests.servers import AzureServer
from tests.servers.proxy import Exchange, answer_with, hold

PUBLISHING: dict[str, tuple[str, dict[str, Any]]] = {
    "copy_into_s3": ("radosgw", {"method": "PUT", "header": "x-amz-copy-source"}),
    "completion_of_that_copy": ("radosgw", {"method": "POST", "target": r"/uploads/.*\?uploadId="}),
    "completion_of_a_copy_in_seaweedfs": ("seaweedfs", {"method": "POST", "target": r"/uploads/.*\?uploadId="}),
    "completion_of_parts": ("radosgw_parts", {"method": "POST", "target": r"\?uploadId="}),
    "copy_into_azure": ("azurite", {"method": "PUT", "header": "x-ms-copy-source"}),
    "copy_of_blocks": ("azurite_parts", {"method": "PUT", "header": "x-ms-copy-source"}),
    "block_list": ("azurite_parts", {"method": "PUT", "target": "comp=blocklist"}),
    "rewrite": ("gcs", {"method": "POST", "target": "/rewriteTo/"}),
    "rewrite_without_preconditions": ("fake_gcs", {"method": "POST", "target": "/rewriteTo/"}),
    "rewrite_of_a_session": ("gcs_session", {"method": "POST", "target": "/rewriteTo/"}),
}


@pytest.mark.parametrize(
    ("site", "request_held"), [pytest.param(*case, id=name) for name, case in PUBLISHING.items()], indirect=["site"]
)
def test_a_publishing_request_that_comes_late_changes_nothing(site: Site, request_held: dict[str, Any]) -> None:
    """It is held and times out. The next calls complete the file, the client writes again, then it is carried out."""
    ticket = site.start_and_send()
    site.proxy.disturb(hold, **request_held)
    assert_may_go_on(site.finalize(ticket))
    assert len(site.proxy.waiting) == 1, "no such request was sent"
    file = site.finish(ticket)
    site.overwrite(ticket)

    site.proxy.release()

    site.assert_intact(file)
    site.overwrite(ticket)
    site.assert_intact(file)
    site.sweep()
    site.assert_intact(file)
    assert site.api.delete(file["id"])["success"]
    site.assert_only()


@pytest.mark.parametrize("site", ["gcs", "fake_gcs"], indirect=True)
@pytest.mark.parametrize("ignored", ["nothing", r"if\w*Match=\d+&?", r"(if|source)\w*=\d+&?"])
def test_bytes_that_come_between_check_and_copy_are_not_published(site: Site, ignored: str) -> None:
    """Whichever conditions of the copy a store ignores. Without any, the copy is made, compared and deleted."""
    ticket = site.start_and_send()

    def swap(exchange: Exchange) -> None:
        site.overwrite(ticket)
        exchange._handler.path = re.sub(ignored, "", exchange._handler.path)
        exchange.respond(exchange.forward())

    site.proxy.disturb(swap, method="POST", target="/rewriteTo/")
    assert_may_go_on(site.finalize(ticket))
    assert not File.objects.filter(upload_status=File.COMPLETED).exists()
    site.send(ticket["instructions"])
    file = site.finish(ticket)

    site.assert_intact(file)
    assert site.api.delete(file["id"])["success"]
    site.assert_only()


@pytest.fixture
def patient(configure: Configure) -> None:
    """A stalled call waits longer than a whole finalize call takes."""
    configure(STORAGE_READ_TIMEOUT_SECONDS=2, FINALIZE_BUDGET_SECONDS=20)


def outlive_the_lease(site: Site, user: User, start: Callable[[], Json], *, early: bool) -> None:
    """Let an attempt stall at its first storage call. Another completes the file, the client writes, the first goes on.

    Then the same with its second call, and so on. `early`: the client writes before the other attempt verifies.
    """
    for number in count():
        ticket, served = start(), b""
        with stalled_finalize(site, ticket, at=number) as is_stalled:
            if is_stalled and early:
                site.overwrite(ticket)
            if is_stalled:
                finish_after_the_lease(user, ticket)
                served = site.download(ticket["file"]["id"])
                site.overwrite(ticket)
        file = site.finish(ticket)
        assert not is_stalled or site.download(file["id"]) == served
        if not early:
            site.assert_intact(file)
        site.assert_all_is_known()
        assert site.api.delete(file["id"])["success"]
        site.assert_only()
        if not is_stalled:
            assert number > 1
            return


@for_kinds("radosgw", "azurite_parts", "gcs_session")
def test_an_attempt_that_outlives_its_lease_changes_nothing(site: Site, user: User, patient: None) -> None:
    outlive_the_lease(site, user, site.start_and_send, early=False)


@for_kinds("radosgw_parts", "azurite", "gcs")
def test_an_attempt_that_outlives_its_lease_brings_no_old_bytes_back(site: Site, user: User, patient: None) -> None:
    """Without a declared checksum, so that the other bytes may be completed."""

    def start() -> Json:
        ticket = site.api.start(site.data)
        site.send(ticket["instructions"])
        return ticket

    outlive_the_lease(site, user, start, early=True)


@contextmanager
def stalled_finalize(site: Site, ticket: Json, *, at: int) -> Iterator[bool]:
    """Run the block while a finalize call waits for the answer to one of its storage calls, then let it go on.

    Yields False if it ended before that call.
    """
    site.proxy.disturb(hold, skip=at)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(in_a_thread, lambda: site.finalize(ticket))
        while not site.proxy.waiting and not first.done():
            time.sleep(0.002)
        site.proxy.calm()
        try:
            yield not first.done()
        finally:
            site.proxy.release()
        payload = first.result()
    if not payload["success"]:
        assert payload["errors"][0]["retryable"], payload


def in_a_thread(call: Callable[[], Json]) -> Json:
    try:
        return call()
    finally:
        connections.close_all()


def finish_after_the_lease(user: User, ticket: Json) -> None:
    """Finalize as if the lease of the attempt that holds it were over."""
    later = timezone.now() + conf.settings().LEASE * 2
    for _ in range(MOST_CALLS):
        outcome = uploads.finalize(caller=Caller(user=user), upload_token=ticket["uploadToken"], now=later)
        if outcome.error is None:
            return
        assert outcome.error.retryable, outcome.error
    raise AssertionError(f"The upload is stuck: {outcome.error}")


@pytest.mark.parametrize("site", ["azurite_parts", pytest.param("azurite", marks=pytest.mark.long)], indirect=True)
def test_no_finalize_call_deletes_whatever_breaks_off(site: Site, azurite_server: AzureServer) -> None:
    """Finalize breaks off at each storage call, and another tool of the operator touches the uploaded blob then."""
    for number in count():
        ticket = site.start_and_send()
        site.proxy.disturb(hold, method="DELETE", times=None)
        site.proxy.disturb(answer_with(503), skip=number)
        is_over = site.finalize(ticket)["success"]
        touch(azurite_server, File.objects.get())
        file = site.finish(ticket)
        site.proxy.calm()

        assert site.proxy.waiting == []
        site.assert_intact(file)
        assert site.api.delete(file["id"])["success"]
        site.assert_only()
        if is_over:
            return


def touch(server: AzureServer, file: File) -> None:
    """Change the ETag of the uploaded blob and not its bytes."""
    with BlobServiceClient.from_connection_string(server.connection_string) as service:
        blob = service.get_blob_client(file.file_manager.settings["container_name"], file.upload_path)
        with suppress(ResourceNotFoundError):  # its blocks are not committed yet
            blob.set_blob_metadata({"scanned": "yes"})
