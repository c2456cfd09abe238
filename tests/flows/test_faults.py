"""What the storage or the process does wrong, at every point: nothing is lost, nothing half-done is shown.

Two things hold whatever fails: a completed file has its object, equal to the bytes that were sent; and what is stored
and not completed is found by cleanup. Whoever repeats the call ends where an undisturbed call would have ended.
"""

from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from fileman import cleanup
from fileman.models import File, FileManager, StorageDeletion, StorageUsage
from fileman.testing.memory import MemoryBackend
from tests.api import Api
from tests.flows.conftest import Configure
from tests.flows.http_client import codes
from tests.flows.storages import Storage, memory_storage
from tests.uploads.faults import break_storage

pytestmark = pytest.mark.django_db(transaction=True)
DATA = b"the bytes of the upload"


@pytest.fixture
def memory(transactional_db: None, configure: Configure) -> Storage:
    """A storage in memory where uploads in parts have to be begun."""
    configure(BACKENDS={"beginning": "tests.uploads.faults.Beginning"})
    storage = memory_storage()
    FileManager.objects.filter(pk=storage.manager.pk).update(backend_type="beginning")
    return storage


def send_parts(configure: Configure) -> None:
    configure(SINGLE_REQUEST_MAX_BYTES=3, PART_SIZE_BYTES=10)


def sweep(days: int = 30) -> None:
    """Cleanup long after, as often as the queue needs to see every grant lapse."""
    for day in range(days, days + 2):
        cleanup.run(cleanup.Request(older_than=timedelta(0)), now=timezone.now() + timedelta(days=day))


def assert_nothing_is_left(storage: Storage) -> None:
    """After cleanup neither rows nor objects nor reservations remain."""
    sweep()
    assert storage.everything() == []
    assert (File.objects.count(), StorageDeletion.objects.count()) == (0, 0)
    assert set(StorageUsage.objects.values_list("bytes", flat=True)) <= {0}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_ticket_that_cannot_begin_has_the_error(moment: str, api: Api, memory: Storage, configure: Configure) -> None:
    """Begin fails for the second of three files. The others go on; the key may be used again; nothing is left."""
    send_parts(configure)
    declared = [{"filename": "a.txt", "size": len(DATA)}] * 3
    configure(MAX_CONCURRENCY=1)

    failed_calls = break_storage(on="begin", moment=moment, number=1)

    payload = api.initiate(*declared, idempotencyKey="k")

    assert failed_calls == ["begin"]
    failed = [ticket for ticket in payload["files"] if ticket["errors"]]
    assert [(t["file"], t["uploadToken"], codes(t)) for t in failed] == [(None, None, ["STORAGE_UNAVAILABLE"])]
    assert sorted(File.objects.values_list("upload_status", flat=True)) == ["expired", "pending", "pending"]
    assert StorageUsage.objects.get().bytes == 2 * len(DATA)
    again = api.initiate(*declared, idempotencyKey="k")
    assert (again["success"], sorted(t["replayed"] for t in again["files"])) == (True, [False, True, True])
    for ticket in again["files"]:
        assert set(api.send(ticket["instructions"], DATA)) == {201}
        assert api.finalize(ticket["uploadToken"])["success"]
        assert api.delete(ticket["file"]["id"])["success"]
    assert_nothing_is_left(memory)


@pytest.mark.parametrize("atomic_requests", [False, True])
def test_no_transaction_is_open_while_the_storage_works(
    atomic_requests: bool, api: Api, memory: Storage, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every use case, also in a host project with ATOMIC_REQUESTS. No fault, only a look."""
    database = connections["default"]
    monkeypatch.setitem(database.settings_dict, "ATOMIC_REQUESTS", atomic_requests)
    seen: dict[str, set[bool]] = {}
    MemoryBackend.faults.append(lambda name, *_: seen.setdefault(name, set()).add(database.in_atomic_block))
    send_parts(configure)

    done = api.upload(DATA)
    assert b"".join(api.download(done["downloadUrl"])) == DATA
    assert api.delete(done["id"])["success"]
    aborted = api.start(DATA)
    api.refresh(uploadToken=aborted["uploadToken"])
    assert api.abort(aborted["uploadToken"])["success"]
    api.start(DATA)
    sweep()

    operations = {"begin", "write", "stat", "missing", "assemble", "read", "publish", "abort", "delete"}
    assert seen == {name: {False} for name in operations}
