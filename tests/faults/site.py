"""A site whose storage is behind a proxy: an honest client, a hostile one, and what must hold whatever they meet."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import requests
from django.utils import timezone

from fileman import cleanup
from fileman.models import File, StorageDeletion, StorageUsage
from tests.api import Api
from tests.flows.http_client import Json, content, send, sha256, slice_of
from tests.flows.storages import Storage
from tests.servers.proxy import Proxy

MOST_CALLS = 40
"""An upload that is not over after so many calls of one verb is stuck."""
MOST_REFRESHES = 10
LONG_AFTER = timedelta(days=30)
HOSTILE = b"hostile bytes! "


@dataclass(kw_only=True)
class Site:
    """One storage, reached through the proxy alone. `storage.everything()` bypasses it."""

    api: Api
    proxy: Proxy
    storage: Storage
    size: int
    """Bytes of each upload."""
    bypasses: bool = False
    """Clients send and download past the proxy, because the server knows signed URLs of its own address only."""
    seconds: list[float] = field(default_factory=list)
    """How long each finalize call took."""
    calls: list[int] = field(default_factory=list)
    """How many requests each finalize call sent."""

    @property
    def data(self) -> bytes:
        return content(self.size)

    # The verbs

    def initiate(self, **key: str) -> Json:
        declared = {"filename": "notes.txt", "size": self.size, "checksum": sha256(self.data)}
        return self.api.initiate(declared, **key)

    def start(self, **key: str) -> Json:
        """Return the ticket of an upload whose checksum is declared, initiated as often as the client would."""
        for _ in range(MOST_CALLS):
            payload = self.initiate(**key)
            (ticket,) = payload["files"]
            if payload["success"]:
                accepted: Json = ticket
                return accepted
            assert_may_go_on(ticket)
        raise AssertionError(f"The upload cannot begin: {ticket}")

    def start_and_send(self) -> Json:
        ticket = self.start()
        self.send(ticket["instructions"])
        return ticket

    def send(self, instructions: Json) -> None:
        """Send what is asked for. Whether it has arrived is for the server to find out."""
        for request in instructions["requests"]:
            self._send_one(request, slice_of(request, self.data))

    def finalize(self, ticket: Json) -> Json:
        began, sent = time.monotonic(), len(self.proxy.seen)
        try:
            return self.api.finalize(ticket["uploadToken"])
        finally:
            self.seconds.append(time.monotonic() - began)
            self.calls.append(len(self.proxy.seen) - sent)

    def finish(self, ticket: Json) -> Json:
        """Finalize as the documentation tells clients to, until the upload is completed. Return the file."""
        for _ in range(MOST_CALLS):
            payload = self.finalize(ticket)
            if payload["success"]:
                completed: Json = payload["file"]
                return completed
            assert_may_go_on(payload)
            self.send_missing(ticket, payload["instructions"])
        raise AssertionError(f"The upload is stuck: {payload}")

    def send_missing(self, ticket: Json, instructions: Json | None) -> None:
        """Send what instructions ask for, and refresh until nothing is missing."""
        for _ in range(MOST_REFRESHES):
            if instructions is None:
                return
            self.send(instructions)
            payload = self.api.refresh(uploadToken=ticket["uploadToken"])
            instructions = payload["instructions"]
        raise AssertionError(f"The upload stays incomplete: {instructions}")

    def overwrite(self, ticket: Json) -> None:
        """Write other bytes by the requests that the client was granted at the beginning, as far as they are taken."""
        for request in ticket["instructions"]["requests"]:
            self._send_one(request, (HOSTILE * (request["length"] // len(HOSTILE) + 1))[: request["length"]])

    def _send_one(self, request: Json, body: bytes) -> None:
        with suppress(requests.RequestException):
            send({**request, "url": self._reached(request["url"])}, body)

    def download(self, file_id: str) -> bytes:
        shown = self.api.file(file_id)
        assert shown is not None
        served = requests.get(self._reached(shown["downloadUrl"]), timeout=60)
        assert served.status_code == 200, served.text
        return served.content

    def _reached(self, url: str) -> str:
        return url.replace(urlsplit(self.proxy.url).netloc, self.proxy.upstream) if self.bypasses else url

    # What must hold

    def everything(self) -> list[str]:
        """Return the paths of everything stored, but for broken-off probes, which the bucket's lifecycle rule ends."""
        return [path for path in self.storage.everything() if "/probe-" not in path]

    def assert_intact(self, file: Json) -> None:
        """The only file is completed, and served with the bytes that were sent and verified."""
        row = File.objects.get(upload_status=File.COMPLETED)
        assert (row.checksum, row.checksum_verified) == (sha256(self.data), True)
        assert row.file_path in self.everything()
        assert sha256(self.download(file["id"])) == row.checksum

    def assert_all_is_known(self) -> None:
        """Every object is one of a row or stands in the deletion queue, and the usage is that of the rows."""
        queued = set(StorageDeletion.objects.values_list("path", flat=True))
        completed = set(File.objects.filter(upload_status=File.COMPLETED).values_list("file_path", flat=True))
        others = [str(key) for key in File.objects.exclude(upload_status=File.COMPLETED).values_list("pk", flat=True)]
        for path in set(self.everything()) - queued - completed:
            assert any(key in path for key in others), path
        self.assert_usage()

    def assert_usage(self) -> None:
        rows = File.objects.exclude(upload_status__in=File.ENDED)
        used = StorageUsage.objects.first()
        assert (used.bytes if used else 0) == sum(row.file_size for row in rows)

    def sweep(self) -> None:
        """Run cleanup long after, as often as the queue needs to see every grant lapse."""
        for days in range(2):
            now = timezone.now() + LONG_AFTER + timedelta(days=days)
            report = cleanup.run(cleanup.Request(older_than=timedelta(0)), now=now)
            assert report.failed == 0

    def assert_only(self, *paths: str) -> None:
        """After cleanup the storage holds these paths, and no row is left but theirs."""
        self.sweep()
        assert self.everything() == sorted(paths)
        assert set(File.objects.values_list("file_path", flat=True)) == set(paths)
        assert StorageDeletion.objects.count() == 0
        self.assert_usage()


def assert_may_go_on(payload: Json) -> None:
    """The error is one that a client waits out, or that an operator can mend; the upload has not failed."""
    (error,) = payload["errors"]
    assert error["retryable"] or error["code"] == "STORAGE_MISCONFIGURED", error
    assert not File.objects.filter(upload_status=File.FAILED).exists()
