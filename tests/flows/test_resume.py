"""The reference client in Python, killed again and again: a fresh process goes on where it was, on every storage."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from fileman import cleanup
from fileman.backends import forget_backends
from fileman.models import File
from tests.flows.conftest import Configure, storage_of
from tests.flows.http_client import content, fetch, send, sha256, slice_of
from tests.flows.reference_client import Uploader
from tests.flows.storages import MIB, Storage

MORE = [pytest.param(kind, marks=pytest.mark.long) for kind in ("moto", "radosgw_through_us")]


def let_addresses_lapse(uploader: Uploader, storage: Storage, data: bytes) -> None:
    """Wait until what the killed process was given is refused. A session's address lapses with the session alone."""
    given = uploader.site.refresh(uploadToken=uploader.token)["instructions"]
    lapse = datetime.fromisoformat(given["expiresAt"]) + timedelta(seconds=1.1)
    time.sleep(max(0.0, (lapse - datetime.now(UTC)).total_seconds()))
    if storage.verifies_signatures and not given["ordered"]:
        first = given["requests"][0]
        assert send(first, slice_of(first, data)) not in first["successStatus"]


def upload_with_two_kills(uploader: Uploader, storage: Storage, data: bytes, configure: Configure) -> None:
    """Killed twice, between the kills every address lapses; the third process ends it, and nothing began anew."""
    uploader.path.write_bytes(data)
    configure(DEFAULT_UPLOAD_EXPIRES_IN=2, MAX_CONCURRENCY=1)
    first = uploader.kill_after(more_bytes=len(data) // 3)
    let_addresses_lapse(uploader, storage, data)
    configure(DEFAULT_UPLOAD_EXPIRES_IN=3600)
    forget_backends()
    second = uploader.kill_after(more_bytes=len(data) // 3)

    status, _, messages = uploader.run()

    assert status == 0, messages
    assert messages.rpartition("]")[2] == " 100% "
    assert 0 < first < second < len(data)
    file = File.objects.get()
    assert (file.upload_status, file.file_size) == ("completed", len(data))
    listed = uploader.site.call("{ files { edges { node { downloadUrl filePath } } } }")["files"]["edges"]
    shown = listed[0]["node"]
    assert sha256(fetch(shown["downloadUrl"]).content) == sha256(data)
    assert not uploader.kept.exists()
    assert shown["filePath"] in storage.everything()


@pytest.mark.parametrize("kind", ["file", "radosgw", "gcs", *MORE])
def test_a_client_killed_twice_ends_the_upload_in_a_third_process(
    kind: str, request: pytest.FixtureRequest, uploader: Uploader, configure: Configure
) -> None:
    """25 MB in parts of 5 MiB, or twice that in one session; the same SHA-256."""
    storage = storage_of(kind, request)
    configure(SINGLE_REQUEST_MAX_BYTES=MIB, PART_SIZE_BYTES=5 * MIB)

    upload_with_two_kills(uploader, storage, content((50 if kind == "gcs" else 25) * MIB), configure)


@pytest.mark.parametrize("ending", ["abort", "expiry"])
@pytest.mark.parametrize("kind", ["file", "radosgw", "azurite", *MORE])
def test_parts_of_a_killed_client_are_gone_after_its_end(
    kind: str, ending: str, request: pytest.FixtureRequest, uploader: Uploader, configure: Configure
) -> None:
    storage = storage_of(kind, request)
    configure(SINGLE_REQUEST_MAX_BYTES=MIB, PART_SIZE_BYTES=5 * MIB, MAX_CONCURRENCY=1)
    uploader.path.write_bytes(content(15 * MIB))
    uploader.kill_after(more_bytes=8 * MIB)
    assert storage.everything() != []

    if ending == "abort":
        assert uploader.site.abort(uploader.token)["success"]
    else:
        File.objects.update(expires_at=timezone.now() - timedelta(hours=1))
        for minutes in (0, 1):
            cleanup.run(cleanup.Request(older_than=timedelta(0)), now=timezone.now() + timedelta(minutes=minutes))
        assert not File.objects.exists()

    assert storage.everything() == []
