"""Large files: we open one resumable session, the client writes to it, we ask it for its offset."""

import io
from contextlib import suppress
from dataclasses import replace

import pytest
import requests

from fileman.backends.gcs.backend import GCSBackend
from fileman.backends.time_limit import time_limit
from fileman.backends.values import Upload
from fileman.errors import SizeMismatch, StorageMisconfigured, StorageUnavailable, UploadInProgress, UploadLost
from tests.backends.gcs.stores import (
    BODY,
    ORIGIN,
    Store,
    allowed_origin,
    begun,
    changed,
    checksum_of,
    impatient,
    only_request,
    send,
    upload_of,
)
from tests.servers.gcs.faults import Fault
from tests.servers.proxy import MAINTENANCE_PAGE, answer_with, cut, hang, proxy_to, reset
from tests.servers.proxy import Fault as ServerFault

KIB = 1024
BIG = bytes(range(256)) * 4 * 1000
"""1000 KiB."""


@pytest.fixture
def backend(store: Store) -> GCSBackend:
    return store.backend()


@pytest.fixture
def upload(backend: GCSBackend) -> Upload:
    """A begun upload of BIG."""
    return begun(backend, upload_of(len(BIG), session=True))


def _cut(store: Store, backend: GCSBackend, upload: Upload, after_bytes: int) -> None:
    """Send the remainder, of which `after_bytes` arrive."""
    request = only_request(backend, upload)
    store.server.inject(Fault(method="PUT", path_contains="upload_id=", cut_after_bytes=after_bytes))
    with pytest.raises(requests.ConnectionError):
        send(request, BIG[request.slice.offset :])


def test_after_a_lost_response_nothing_is_missing(store: Store, backend: GCSBackend, upload: Upload) -> None:
    request = only_request(backend, upload)
    store.server.inject(Fault(method="PUT", path_contains="upload_id=", drop_answer=True))

    with pytest.raises(requests.ConnectionError):
        send(request, BIG)

    assert backend.missing(upload) == []


def test_a_session_takes_the_declared_size_only(store: Store, backend: GCSBackend, upload: Upload) -> None:
    longer = BIG + b"!"
    headers = {"Content-Range": f"bytes 0-{len(BIG)}/{len(longer)}"}
    (request,) = backend.instructions(upload, list(upload.slices()))

    assert send(request, longer, headers=headers).status_code == 400
    assert send(request, longer, headers={"Content-Range": None}).status_code == 400
    assert store.names() == []


@pytest.mark.parametrize("algorithm", ["crc32c", "md5"])
def test_a_session_takes_the_declared_checksum_only(store: Store, backend: GCSBackend, algorithm: str) -> None:
    upload = begun(backend, upload_of(session=True, checksum=checksum_of(BODY, algorithm)))

    assert send(only_request(backend, upload), BODY.swapcase()).status_code == 400
    assert store.names() == []


def test_a_session_never_replaces_the_object_at_the_upload_path(
    store: Store, backend: GCSBackend, upload: Upload
) -> None:
    """Of two sessions for one upload, the first to end makes the object."""
    request = only_request(backend, upload)
    winner = store.put(upload.upload_path, BIG.swapcase())

    assert send(request, BIG).status_code == 412

    assert store.bucket.get_blob(upload.upload_path).generation == winner.generation
    assert backend.missing(upload) == []


@pytest.mark.parametrize("origin", [ORIGIN, "https://files.example.com", None])
def test_an_allowed_origin_gets_a_session_of_its_own(backend: GCSBackend, origin: str | None) -> None:
    """Without one the session admits no browser."""
    with changed(ALLOWED_ORIGINS=[ORIGIN], PUBLIC_URL="https://files.example.com/"):
        session = begun(backend, upload_of(session=True), origin=origin).begun["session"]

    for asking in (ORIGIN, "https://files.example.com", "https://elsewhere.example.com"):
        assert allowed_origin(session, asking) == (asking if asking == origin else None)


@pytest.mark.parametrize("origin", ["https://elsewhere.example.com", "null", f"{ORIGIN}.evil.com"])
def test_another_origin_gets_no_session(backend: GCSBackend, origin: str) -> None:
    allowed = changed(ALLOWED_ORIGINS=[ORIGIN], PUBLIC_URL="https://files.example.com/")
    with allowed, pytest.raises(StorageMisconfigured, match="ALLOWED_ORIGINS"):
        begun(backend, upload_of(session=True), origin=origin)


def test_a_session_that_cannot_be_cancelled_now_is_tried_again(
    store: Store, backend: GCSBackend, upload: Upload
) -> None:
    store.server.inject(Fault(method="DELETE", path_contains="upload_id=", status=503, times=2))

    with pytest.raises(StorageUnavailable):
        backend.abort(upload)

    backend.abort(upload)
    with pytest.raises(UploadLost):
        backend.missing(upload)


@pytest.mark.parametrize("is_noted", [True, False])
def test_a_lost_session_has_to_begin_again_unless_its_object_is_there(
    backend: GCSBackend, upload: Upload, is_noted: bool
) -> None:
    """Google does not know it, or we do not."""
    lost = replace(upload, begun={"session": f"{upload.begun['session']}x"} if is_noted else {})
    with pytest.raises(UploadLost):
        backend.missing(lost)

    send(only_request(backend, upload), BIG)

    assert backend.missing(lost) == []


@pytest.mark.parametrize("status", [400, 404, 410, 412, 499])
def test_every_status_of_a_session_that_is_gone_means_lost(
    store: Store, backend: GCSBackend, upload: Upload, status: int
) -> None:
    store.server.inject(Fault(method="PUT", path_contains="upload_id=", status=status))

    with pytest.raises(UploadLost):
        backend.missing(upload)


@pytest.mark.parametrize("fault", [answer_with(MAINTENANCE_PAGE), answer_with(503), cut("status"), reset])
def test_what_stands_in_for_the_storage_ends_no_session(
    store: Store, backend: GCSBackend, upload: Upload, fault: ServerFault
) -> None:
    """The bytes that have arrived are kept, and their number is known again."""
    _cut(store, backend, upload, 600 * KIB)
    with proxy_to(store.server.endpoint) as proxy:
        session = upload.begun["session"].replace(store.server.endpoint, proxy.url)
        proxied = replace(upload, begun={"session": session})
        proxy.disturb(fault, target="upload_id=", times=None)
        with pytest.raises(StorageUnavailable):
            backend.missing(proxied)
        proxy.calm()

        assert [part.offset for part in backend.missing(proxied)] == [512 * KIB]


def test_a_silent_session_costs_one_time_out_in_a_time_limit(store: Store, backend: GCSBackend, upload: Upload) -> None:
    """Asked for its bytes, and cancelled."""
    with proxy_to(store.server.endpoint) as proxy:
        session = upload.begun["session"].replace(store.server.endpoint, proxy.url)
        proxied = replace(upload, begun={"session": session})
        proxy.disturb(hang, target="upload_id=", times=None)
        for call in (backend.missing, backend.abort):
            with impatient(), time_limit(60), pytest.raises(StorageUnavailable):
                call(proxied)

        assert [seen.method for seen in proxy.seen] == ["PUT", "DELETE"]


def test_one_unavailable_response_is_overcome_and_two_are_not(
    store: Store, backend: GCSBackend, upload: Upload
) -> None:
    """Two attempts."""
    store.server.inject(Fault(method="PUT", path_contains="upload_id=", status=503))
    assert backend.missing(upload) == list(upload.slices())

    store.server.inject(Fault(method="PUT", path_contains="upload_id=", status=503, times=2))
    with pytest.raises(StorageUnavailable):
        backend.missing(upload)


# Through us


@pytest.fixture
def through_us(store: Store) -> GCSBackend:
    return store.backend(direct=False)


def test_a_session_through_us_continues_where_it_broke_off(store: Store, through_us: GCSBackend) -> None:
    upload = begun(through_us, upload_of(len(BIG), session=True), origin=None)
    store.server.inject(Fault(method="PUT", path_contains="upload_id=", times=2, cut_after_bytes=600 * KIB))
    with pytest.raises(StorageUnavailable):
        through_us.write(upload, upload.slice(1), io.BytesIO(BIG))
    store.server.clear_faults()

    (rest,) = through_us.missing(upload)
    stored = through_us.write(upload, rest, io.BytesIO(BIG[rest.offset :]))

    assert rest.offset == 512 * KIB
    assert "sha256" not in stored.checksums
    assert stored.checksums["crc32c"] == checksum_of(BIG, "crc32c").hexdigest


def test_a_session_keeps_the_bytes_of_a_stream_that_ended_early(through_us: GCSBackend) -> None:
    """No object is stored, and the rest may follow."""
    upload = begun(through_us, upload_of(len(BIG), session=True), origin=None)

    with pytest.raises(SizeMismatch):
        through_us.write(upload, upload.slice(1), io.BytesIO(BIG[: 600 * KIB]))

    while rest := through_us.missing(upload):
        assert rest[0].offset in {0, 256 * KIB, 512 * KIB}
        with suppress(UploadInProgress):  # the broken transfer was still arriving
            through_us.write(upload, rest[0], io.BytesIO(BIG[rest[0].offset :]))
    assert b"".join(through_us.read(upload.upload_path)) == BIG
