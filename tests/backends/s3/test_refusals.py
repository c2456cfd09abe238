"""What the servers refuse, by exact status, and that nothing is stored where they refuse."""

import time
from urllib.parse import urlsplit

import pytest
import requests

from tests.backends.s3.attacks import ATTACKS, possible_on, post_grant, put_grant
from tests.backends.s3.refusals import PAGE, recorded, shown, table
from tests.backends.s3.stores import BODY, Store, new_store, on, send, upload_of

TAKEN_BY_RADOSGW = {
    "POST: other bytes than the SHA-256 says",
    "PUT: other bytes than the SHA-256 says",
    "PUT: a header more (x-amz-acl)",
    "PUT: a header more (Content-Encoding)",
}
"""radosgw 16 looks neither at checksums nor at headers that are not signed. Everything else is refused.

The object that is served is a copy without the client's headers, and finalize refuses one with an encoding."""


@pytest.fixture(scope="module")
def stores() -> dict[str, Store]:
    return {}


@pytest.fixture
def shared_store(request: pytest.FixtureRequest, server_name: str, stores: dict[str, Store]) -> Store:
    """One bucket per server for all attacks; each uses keys of its own."""
    server = request.getfixturevalue(f"{server_name}_server")
    if server_name not in stores:
        stores[server_name] = new_store(server)
    return stores[server_name]


@on("radosgw", "ministack", "rclone", "moto")
@pytest.mark.parametrize("name", ATTACKS)
def test_each_server_answers_each_attack_as_recorded(shared_store: Store, server_name: str, name: str) -> None:
    if name not in set(possible_on(shared_store)):
        assert server_name not in recorded()[name]
        return

    outcome = ATTACKS[name](shared_store)

    assert outcome.status == recorded()[name][server_name]
    if outcome.status >= 400:
        assert not outcome.took_effect


@pytest.mark.parametrize("name", ATTACKS)
def test_the_strict_server_refuses_all_but_what_it_does_not_know(name: str) -> None:
    """The record itself cannot become lax unnoticed"""
    assert (recorded()[name]["radosgw"] >= 400) is (name not in TAKEN_BY_RADOSGW)


def test_the_checksums_that_radosgw_ignores_are_refused_by_a_server_that_knows_them() -> None:
    """By PUT; no server here looks at the checksum of a POST, whose object finalize verifies by its own means"""
    assert recorded()["PUT: other bytes than the SHA-256 says"]["ministack"] == 400


@on("radosgw", "ministack", "moto")
def test_a_form_as_granted_is_taken(shared_store: Store) -> None:
    """All fields first, the file last"""
    outcome = post_grant(shared_store).sent()

    assert (outcome.status, outcome.took_effect) == (201, True)


@on("radosgw", "ministack", "moto", "rclone")
def test_a_put_as_granted_is_taken(shared_store: Store) -> None:
    outcome = put_grant(shared_store).sent()

    assert (outcome.status, outcome.took_effect) == (200, True)


@on("radosgw")
@pytest.mark.parametrize("upload_method", ["post", "put"])
def test_addresses_with_the_bucket_in_the_host_are_taken(shared_store: Store, upload_method: str) -> None:
    """No name server knows the host, so that the test goes to the address and names the host in its header"""
    port = urlsplit(shared_store.server.endpoint_url).port
    endpoint, host = f"http://localhost:{port}", f"{shared_store.bucket}.localhost:{port}"
    backend = shared_store.backend(endpoint_url=endpoint, addressing_style="virtual", upload_method=upload_method)
    upload = upload_of(len(BODY))
    [request] = backend.instructions(upload, [upload.slice(1)])

    def reached(url: str) -> str:
        assert urlsplit(url).netloc == host
        return url.replace(host, urlsplit(shared_store.server.endpoint_url).netloc)

    assert send(request, BODY, url=reached(request.url), headers={"Host": host}) in request.success_status
    answer = requests.get(reached(backend.get_url(upload.upload_path)), headers={"Host": host}, timeout=10)

    assert answer.content == BODY
    assert (shared_store.head(upload.upload_path) or {})["ContentType"] == "text/plain"


@on("radosgw", "ministack", "moto", "rclone")
def test_the_type_is_stored_as_granted(shared_store: Store) -> None:
    backend = shared_store.backend()
    upload = upload_of(len(BODY), content_type="image/svg+xml")
    [request] = backend.instructions(upload, backend.missing(upload))

    send(request, BODY)

    stored = backend.stat(upload.upload_path)
    assert (stored.content_type, stored.size, stored.content_encoding) == ("image/svg+xml", len(BODY), "")


@on("radosgw")
def test_two_seconds_are_two_seconds(shared_store: Store) -> None:
    """By form, by PUT and by download address"""
    backend = shared_store.backend(download_expires_in=2)
    granted = [upload_of(len(BODY), expires_in=2) for _ in range(2)]
    form = backend.instructions(granted[0], [granted[0].slice(1)])[0]
    put = shared_store.backend(upload_method="put").instructions(granted[1], [granted[1].slice(1)])[0]
    shared_store.client.put_object(Bucket=shared_store.bucket, Key="tenant/uploads/kept", Body=BODY)
    address = backend.get_url("tenant/uploads/kept")

    time.sleep(3)

    assert (send(form, BODY), send(put, BODY), _get(address)) == (403, 403, 403)
    assert not any(shared_store.has(upload.upload_path) for upload in granted)


def test_the_page_shows_what_was_recorded() -> None:
    assert shown(PAGE.read_text()) == table(recorded())


def _get(address: str) -> int:
    return requests.get(address, timeout=10).status_code
