"""The refusals of each server, as docs/backends/s3.md shows them, and that a refused request has no effect."""

import re
from functools import cache
from urllib.parse import urlsplit

import pytest
import requests

from tests.backends.documents import page_of
from tests.backends.s3.attacks import ATTACKS, new_grant
from tests.backends.s3.stores import Store, new_store, on
from tests.backends.uploads import BODY, send, upload_of

SERVERS = ("radosgw", "seaweedfs", "ministack", "rclone", "moto")
ACCEPTED_BY_RADOSGW = {
    "POST: bytes that do not match the SHA-256",
    "PUT: bytes that do not match the SHA-256",
    "PUT: an additional header (x-amz-acl)",
    "PUT: an additional header (Content-Encoding)",
}
"""radosgw 16 ignores checksums and unsigned headers, and refuses everything else.

The served object is a copy without the client's headers, and finalize refuses an object with an encoding."""

ACCEPTED_BY_SEAWEEDFS = {
    "POST: an additional field (acl)",
    "POST: the file before the fields",
    "PUT: an additional header (Content-Encoding)",
}
"""It refuses a wrong checksum itself, and with a POST it looks at no other fields than those of the policy."""

bucket_of = cache(new_store)


@cache
def shown() -> dict[str, dict[str, str]]:
    """Return the cells of the page's table: attempt -> server -> what it answers."""
    table = r"^\| attempt of a client \| (.*) \|\n\|[-|]+\n((?:\|.*\n)+)"
    (head, lines), *_ = re.findall(table, page_of("s3"), re.MULTILINE)
    assert tuple(head.split(" | ")) == SERVERS
    rows = [line.strip("| ").split(" | ") for line in lines.splitlines()]
    return {name: dict(zip(SERVERS, cells, strict=True)) for name, *cells in rows}


def cell(status: int) -> str:
    return f"{status}" if status >= 400 else f"**accepted** ({status})"


@pytest.fixture
def shared_store(request: pytest.FixtureRequest, server_name: str) -> Store:
    """One bucket per server for all attacks; each uses keys of its own."""
    return bucket_of(request.getfixturevalue(f"{server_name}_server"))


@on(*SERVERS)
@pytest.mark.parametrize("name", ATTACKS)
def test_each_server_answers_each_attack_as_the_page_shows(shared_store: Store, server_name: str, name: str) -> None:
    if name.startswith("POST") and not shared_store.server.takes_post:
        assert shown()[name][server_name] == "no POST"
        return

    status, took_effect = ATTACKS[name](shared_store)

    assert shown()[name][server_name] == cell(status)
    if status >= 400:
        assert not took_effect


def test_the_strict_servers_refuse_all_other_attacks() -> None:
    """So the page cannot become lax unnoticed. Ministack refuses a wrong checksum; finalize verifies it anyway."""
    assert shown().keys() == ATTACKS.keys()
    assert {name for name in ATTACKS if "accepted" in shown()[name]["radosgw"]} == ACCEPTED_BY_RADOSGW
    assert shown()["PUT: bytes that do not match the SHA-256"]["ministack"] == "400"
    assert {name for name in ATTACKS if "accepted" in shown()[name]["seaweedfs"]} == ACCEPTED_BY_SEAWEEDFS


@on(*SERVERS)
@pytest.mark.parametrize(("upload_method", "status"), [("post", 201), ("put", 200)])
def test_a_request_as_granted_is_accepted(shared_store: Store, upload_method: str, status: int) -> None:
    if upload_method == "post" and not shared_store.server.takes_post:
        status = 400
    granted = new_grant(shared_store, upload_method=upload_method)

    assert granted.sent() == (status, status < 300)
    if status < 300:
        head = shared_store.head(granted.upload.upload_path) or {}
        assert (head["ContentType"], head["ContentLength"]) == ("text/plain", len(BODY))


@on("radosgw")
@pytest.mark.parametrize("upload_method", ["post", "put"])
def test_urls_with_the_bucket_in_the_host_name_work(shared_store: Store, upload_method: str) -> None:
    """No name server knows the host, so the test sends it in the header."""
    port = urlsplit(shared_store.server.endpoint_url).port
    endpoint, host = f"http://localhost:{port}", f"{shared_store.bucket}.localhost:{port}"
    backend = shared_store.backend(endpoint_url=endpoint, addressing_style="virtual", upload_method=upload_method)
    upload = upload_of(len(BODY))
    [request] = backend.instructions(upload, [upload.slice(1)])

    def reached(url: str) -> str:
        assert urlsplit(url).netloc == host
        return url.replace(host, urlsplit(shared_store.server.endpoint_url).netloc)

    assert send(request, BODY, url=reached(request.url), headers={"Host": host}).status_code in request.success_status
    response = requests.get(reached(backend.get_url(upload.upload_path)), headers={"Host": host}, timeout=60)

    assert response.content == BODY
    assert (shared_store.head(upload.upload_path) or {})["ContentType"] == "text/plain"
