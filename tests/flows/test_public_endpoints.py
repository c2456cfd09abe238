"""Storages that this server and browsers reach by different hosts. Each host refuses the requests of the other side."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from fileman.backends import get_backend
from fileman.models import File
from tests.flows.conftest import Configure, storage_of
from tests.flows.http_client import content, fetch, sha256
from tests.flows.reference_client import Uploader
from tests.flows.storages import MIB, Storage
from tests.servers.proxy import Answer, Exchange, Fault, Proxy, answer_with, proxy_to

DATA = content(16 * MIB)


@contextmanager
def two_hosts(kind: str, request: pytest.FixtureRequest) -> Iterator[tuple[Storage, Proxy, Proxy]]:
    """A storage with the proxy that this server uses, and the one that clients use, as localhost."""
    server = request.getfixturevalue(f"{kind}_server")
    url: str = server.endpoint_url
    with proxy_to(url) as internal, proxy_to(url) as public:
        public.url = public.url.replace("127.0.0.1", "localhost")
        public.disturb(answer_with(503), method="PUT", target="partNumber=2|blockid=MDAwMDI|upload_id=")
        internal.disturb(for_server_alone(is_server=True), times=None)
        public.disturb(for_server_alone(is_server=False), times=None)
        settings = {"radosgw": {"endpoint_url": internal.url}, "gcs": {"endpoint": internal.url}}.get(kind)
        settings = settings or {"connection_string": server.connection_string.replace(url, internal.url)}
        yield storage_of(kind, request, public_endpoint_url=public.url, **settings), internal, public


def for_server_alone(*, is_server: bool) -> Fault:
    """Let requests of this server pass, or those of clients. Only it has credentials, asks for offsets and deletes."""

    def pass_or_refuse(exchange: Exchange) -> None:
        headers = {name.lower(): value for name, value in exchange.seen.headers}
        asks = headers.get("content-range", "").startswith("bytes */") or exchange.seen.method == "DELETE"
        is_servers = "authorization" in headers or asks
        exchange.respond(exchange.forward() if is_servers is is_server else Answer(status=403))

    return pass_or_refuse


@pytest.mark.parametrize("kind", ["radosgw", "azurite", "gcs"])
def test_each_side_uses_its_own_host_and_a_changed_one_serves_existing_files(
    kind: str, request: pytest.FixtureRequest, uploader: Uploader, configure: Configure
) -> None:
    """A small file, then a large one by a client that refreshes after an error; both are downloaded."""
    configure(SINGLE_REQUEST_MAX_BYTES=MIB, PART_SIZE_BYTES=5 * MIB, MAX_CONCURRENCY=1)
    with two_hosts(kind, request) as (storage, internal, public):
        for data in (DATA[:1000], DATA):
            uploader.path.write_bytes(data)
            assert uploader.run()[0] == 0
            listed = uploader.site.call("{ files { edges { node { downloadUrl } } } }")["files"]["edges"]
            assert listed[0]["node"]["downloadUrl"].startswith(f"{public.url}/")
            assert sha256(fetch(listed[0]["node"]["downloadUrl"]).content) == sha256(data)
        assert get_backend(storage.manager).validate_configuration() == (True, [])
        seen = [*internal.seen, *public.seen]
        assert [one.fault for one in seen if not one.statuses] == ["answer_with"]

        public.calm()
        manager, file = storage.manager, File.objects.latest("created")
        moved_to = public.url.replace("localhost", "127.0.0.1")
        manager.settings = {**manager.settings, "public_endpoint_url": moved_to}
        manager.save()
        moved = get_backend(manager).get_url(file.file_path or "")
        assert moved.startswith(f"{moved_to}/")
        assert sha256(requests.get(moved, timeout=60).content) == sha256(DATA)
