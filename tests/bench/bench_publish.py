"""What publishing by copy costs in one finalize: requests to the storage, milliseconds, and its share of the call.

The servers are the local ones of the tests: the requests are those that a real storage gets, the times are not. The
figures stand in docs/adr/0007-publish-by-copy.md.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.test import Client

from fileman.backends import forget_backends, get_backend
from fileman.models import FileManager
from tests.api import Api
from tests.flows.http_client import content, send_all
from tests.flows.storages import Storage, azure_storage, file_storage, gcs_storage, s3_storage
from tests.servers import ServerMissing, server
from tests.uploads.driver import configured

MIB = 1024**2
SIZES_MIB = (1, 64, 256)
"""The last one is sent in parts."""
ROUNDS = 3
CLOUDS: dict[str, Callable[[Any], Storage]] = {
    "moto": s3_storage,
    "radosgw": s3_storage,
    "azurite": azure_storage,
    "gcs": gcs_storage,
}


def main() -> None:
    with configured(ALLOW_INSECURE_ENDPOINTS=True, DEFAULT_MAX_FILE_SIZE=0):
        _measure_all()


def _measure_all() -> None:
    client = Client()
    client.force_login(User.objects.create_user("bench"))
    with tempfile.TemporaryDirectory() as folder:
        _measure("file", Api(client), file_storage(Path(folder)))
    for name, new_storage in CLOUDS.items():
        try:
            with server(name) as started:
                _measure(name, Api(client), new_storage(started))
        except ServerMissing as missing:
            print(f"publish on {name}: {missing}")


def _measure(name: str, api: Api, storage: Storage) -> None:
    for size in SIZES_MIB:
        data = content(size * MIB)
        whole, published, sent, sent_to_publish = min(_finalize_once(api, storage, data) for _ in range(ROUNDS))
        print(
            f"publish on {name}, {size} MiB: {sent_to_publish} of {sent} requests, "
            f"{published:.1f} of {whole:.1f} ms, ratio {published / whole:.2f}"
        )
    FileManager.objects.filter(pk=storage.manager.pk).update(is_default=False, name=name)
    forget_backends()


def _finalize_once(api: Api, storage: Storage, data: bytes) -> tuple[float, float, int, int]:
    """Milliseconds of finalize and of publish within it, requests of finalize and of publish."""
    ticket = api.start(data, "notes.bin")
    _send(api, storage, ticket, data)
    backend = get_backend(storage.manager)
    taken: dict[str, float] = {}
    with _counted_requests(backend) as requests:

        def publish(*arguments: Any) -> Any:
            before, started = len(requests), time.perf_counter()
            published = type(backend).publish(backend, *arguments)
            taken["milliseconds"] = (time.perf_counter() - started) * 1000
            taken["requests"] = len(requests) - before
            return published

        with mock.patch.object(backend, "publish", publish):
            started = time.perf_counter()
            payload = api.finalize(ticket["uploadToken"])
            milliseconds = (time.perf_counter() - started) * 1000
    assert payload["success"], payload
    sent = len(requests)
    api.delete(payload["file"]["id"])
    return milliseconds, taken.get("milliseconds", 0), sent, int(taken.get("requests", 0))


def _send(api: Api, storage: Storage, ticket: dict[str, Any], data: bytes) -> None:
    instructions = ticket["instructions"]
    if not storage.is_direct:
        api.send(instructions, data)
        return
    while instructions:
        send_all(instructions, data)
        more = instructions["hasMore"]
        instructions = api.refresh(uploadToken=ticket["uploadToken"])["instructions"] if more else None


@contextmanager
def _counted_requests(backend: Any) -> Iterator[list[str]]:
    """Every HTTP request to the storage, whatever library sends it; the stand-ins' own ones go to other ports."""
    settings = backend.settings
    endpoint = getattr(settings, "endpoint_url", "") or getattr(settings, "endpoint", "")
    port = urlsplit(endpoint).port
    sent: list[str] = []
    original = HTTPConnection.putrequest

    def putrequest(self: HTTPConnection, method: str, url: str, *rest: Any, **options: Any) -> None:
        if port in {None, self.port}:
            sent.append(f"{method} {url}")
        original(self, method, url, *rest, **options)

    with mock.patch.object(HTTPConnection, "putrequest", putrequest):
        yield sent
