"""Large files: we open one resumable session, the client writes to it, we ask it for its offset."""

import io
from contextlib import suppress
from dataclasses import replace

import pytest

from fileman.backends.base import Backend
from fileman.backends.values import Upload
from fileman.errors import SizeMismatch, StorageMisconfigured, StorageUnavailable, UploadInProgress, UploadLost
from tests.backends.gcs.stores import Store, allowed_origin
from tests.backends.uploads import BODY, ORIGIN, begun, checksum_of, only_request, send, upload_of
from tests.servers.proxy import Proxy, answer_with, json_answer
from tests.uploads.driver import configured

KIB = 1024
BIG = bytes(range(256)) * 4 * 1000
"""1000 KiB."""


@pytest.fixture
def upload(backend: Backend) -> Upload:
    """A begun upload of BIG."""
    return begun(backend, upload_of(len(BIG), session=True))


def test_a_session_takes_the_declared_size_only(store: Store, backend: Backend, upload: Upload) -> None:
    longer = BIG + b"!"
    headers = {"Content-Range": f"bytes 0-{len(BIG)}/{len(longer)}"}
    (request,) = backend.instructions(upload, list(upload.slices()))

    assert send(request, longer, headers=headers).status_code == 400
    assert send(request, longer, headers={"Content-Range": None}).status_code == 400
    assert store.names() == []


@pytest.mark.parametrize("algorithm", ["crc32c", "md5"])
def test_a_session_takes_the_declared_checksum_only(store: Store, backend: Backend, algorithm: str) -> None:
    upload = begun(backend, upload_of(session=True, checksum=checksum_of(BODY, algorithm)))

    assert send(only_request(backend, upload), BODY.swapcase()).status_code == 400
    assert store.names() == []


def test_a_session_never_replaces_the_object_at_the_upload_path(store: Store, backend: Backend, upload: Upload) -> None:
    """Of two sessions for one upload, the first to end makes the object."""
    request = only_request(backend, upload)
    winner = store.put(upload.upload_path, BIG.swapcase())

    assert send(request, BIG).status_code == 412

    assert store.bucket.get_blob(upload.upload_path).generation == winner.generation
    assert backend.missing(upload) == []


@pytest.mark.parametrize("origin", [ORIGIN, "https://files.example.com", None])
def test_an_allowed_origin_gets_a_session_of_its_own(backend: Backend, origin: str | None) -> None:
    """Without one the session admits no browser."""
    with configured(ALLOWED_ORIGINS=[ORIGIN], PUBLIC_URL="https://files.example.com/"):
        session = begun(backend, upload_of(session=True), origin=origin).begun["session"]

    for asking in (ORIGIN, "https://files.example.com", "https://elsewhere.example.com"):
        assert allowed_origin(session, asking) == (asking if asking == origin else None)


@pytest.mark.parametrize("origin", ["https://elsewhere.example.com", "null", f"{ORIGIN}.evil.com"])
def test_another_origin_gets_no_session(backend: Backend, origin: str) -> None:
    allowed = configured(ALLOWED_ORIGINS=[ORIGIN], PUBLIC_URL="https://files.example.com/")
    with allowed, pytest.raises(StorageMisconfigured, match="ALLOWED_ORIGINS"):
        begun(backend, upload_of(session=True), origin=origin)


def test_a_session_that_cannot_be_cancelled_now_is_tried_again(proxy: Proxy, backend: Backend, upload: Upload) -> None:
    proxy.disturb(answer_with(503), method="DELETE", target="upload_id=", times=2)

    with pytest.raises(StorageUnavailable):
        backend.abort(upload)

    backend.abort(upload)
    with pytest.raises(UploadLost):
        backend.missing(upload)


@pytest.mark.parametrize("is_noted", [True, False])
def test_a_lost_session_begins_again_without_its_object(backend: Backend, upload: Upload, is_noted: bool) -> None:
    """Google does not know it, or we do not."""
    lost = replace(upload, begun={"session": f"{upload.begun['session']}x"} if is_noted else {})
    with pytest.raises(UploadLost):
        backend.missing(lost)

    send(only_request(backend, upload), BIG)

    assert backend.missing(lost) == []


@pytest.mark.parametrize("status", [400, 404, 410, 412, 499])
def test_every_status_of_a_gone_session_means_lost(proxy: Proxy, backend: Backend, upload: Upload, status: int) -> None:
    error = {"error": {"errors": [{"reason": "gone", "message": "It is gone."}]}}
    proxy.disturb(answer_with(json_answer(error, status=status)), method="PUT", target="upload_id=")

    with pytest.raises(UploadLost):
        backend.missing(upload)


def test_a_session_keeps_the_bytes_of_a_stream_that_ended_early(store: Store) -> None:
    """No object is stored, and the rest may follow."""
    through_us = store.backend(direct=False)
    upload = begun(through_us, upload_of(len(BIG), session=True), origin=None)

    with pytest.raises(SizeMismatch):
        through_us.write(upload, upload.slice(1), io.BytesIO(BIG[: 600 * KIB]))

    while rest := through_us.missing(upload):
        assert rest[0].offset in {0, 256 * KIB, 512 * KIB}
        with suppress(UploadInProgress):  # the broken transfer was still arriving
            through_us.write(upload, rest[0], io.BytesIO(BIG[rest[0].offset :]))
    assert b"".join(through_us.read(upload.upload_path)) == BIG
