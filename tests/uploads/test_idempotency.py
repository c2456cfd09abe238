"""Idempotency keys: a client that never got its answer asks again and gets the same uploads."""

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from fileman import tokens
from fileman.caller import Caller
from fileman.errors import IdempotencyKeyReused, InvalidInput, NotFound, QuotaExceeded, StorageUnavailable
from fileman.models import File, FileManager, StorageDeletion, StorageUsage
from fileman.testing.memory import MemoryBackend
from fileman.uploads import Batch, DeclaredFile, InitiateRequest, idempotency
from tests.uploads.driver import configured, declared, extra_inserts, file_of, finish, initiate, send, token_of
from tests.uploads.faults import at_once


def ids(batch: Batch) -> list[Any]:
    return [ticket.file.pk if ticket.file else None for ticket in batch.tickets]


@pytest.mark.parametrize(
    "other",
    [{"filename": "b.txt"}, {"size": 6}, {"metadata": {"a": 1}}, {"content_type": "text/csv"}, {"client_ref": "x"}],
)
def test_the_same_key_with_another_input_is_refused(user: User, manager: FileManager, other: dict[str, Any]) -> None:
    initiate(user, declared("a.txt"), idempotency_key="k")
    with pytest.raises(IdempotencyKeyReused) as refusal:
        initiate(user, declared(**{"filename": "a.txt", **other}), idempotency_key="k")
    assert refusal.value.field == ("idempotencyKey",)
    assert File.objects.count() == 1


def test_a_key_of_an_earlier_release_finds_its_uploads(user: User, manager: FileManager) -> None:
    """A client repeats its call after an upgrade. The fingerprint is that of fileman 0.1."""
    initiate(user, DeclaredFile(filename="a.png", size=1), idempotency_key="k")
    fingerprint = File.objects.get().idempotency_fingerprint
    assert fingerprint == "fc8d4ea629b7a661e9645f305ec2b2790e93cb96abda41c25a7127c0cff5129f"


def test_keys_of_different_users_do_not_meet(user: User, other_user: User, manager: FileManager) -> None:
    mine = initiate(user, declared(), idempotency_key="k")
    theirs = initiate(other_user, declared("other.txt"), idempotency_key="k")
    assert ids(mine) != ids(theirs)
    assert not theirs.tickets[0].replayed


def test_who_has_left_the_group_replays_none_of_its_uploads(user: User, group: Group, manager: FileManager) -> None:
    """No token and no URL for what the default of that group took."""
    FileManager.objects.filter(pk=manager.pk).update(group=group)
    user.groups.add(group)
    (ticket,) = initiate(user, declared(), idempotency_key="k").tickets
    user.groups.clear()
    FileManager.objects.create(name="For everybody", backend_type="memory", is_default=True)
    before = File.objects.values().get()
    with pytest.raises(NotFound) as refusal:
        initiate(user, declared(), idempotency_key="k")
    assert refusal.value.field == ("idempotencyKey",)
    assert File.objects.values().get() == before
    user.groups.add(group)
    (again,) = initiate(user, declared(), idempotency_key="k").tickets
    assert (again.file, again.replayed) == (ticket.file, True)


@pytest.mark.parametrize("key", ["", "x" * 129])
def test_a_key_has_1_to_128_characters(user: User, manager: FileManager, key: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 128"):
        initiate(user, declared(), idempotency_key=key)
    assert initiate(user, declared(), idempotency_key="\ud800" + "x" * 127).success


def test_refused_files_are_refused_again_and_the_others_replayed(user: User, manager: FileManager) -> None:
    batches = [initiate(user, declared(), declared(size=0), idempotency_key="k") for _ in range(2)]
    assert ids(batches[0]) == ids(batches[1])
    assert [[e.code.value for e in ticket.errors] for ticket in batches[1].tickets] == [[], ["EMPTY_FILE"]]
    assert File.objects.count() == 1


def test_a_replay_beyond_the_quota_leaves_the_token_of_0_1_alone(user: User, manager: FileManager) -> None:
    files = declared("a.txt"), declared("b.txt", size=20)
    with configured(DEFAULT_MAX_FILE_SIZE=10):
        initiate(user, *files, idempotency_key="k")
    File.objects.update(upload_token=tokens.digest("held"), token_nonce="")
    with configured(USER_QUOTA_BYTES=10), pytest.raises(QuotaExceeded):
        initiate(user, *files, idempotency_key="k")
    assert File.objects.get().upload_token == tokens.digest("held")


def test_the_key_is_stored_as_a_digest(user: User, manager: FileManager) -> None:
    (ticket,) = initiate(user, declared(), idempotency_key="my key").tickets
    row = file_of(ticket)
    assert len(row.idempotency_digest) == len(row.idempotency_fingerprint) == 64
    assert "my key" not in repr(File.objects.values().get())


@configured(SINGLE_REQUEST_MAX_BYTES=4, PART_SIZE_BYTES=3)
def test_a_replay_that_the_storage_cannot_serve_leaves_the_earlier_upload_alone(
    user: User, manager: FileManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes have arrived; the same key finds it again once the storage answers."""
    (first,) = initiate(user, declared(), idempotency_key="k").tickets
    send(first)
    with monkeypatch.context() as patch:
        patch.setattr(MemoryBackend, "instructions", Mock(side_effect=StorageUnavailable))
        (refused,) = initiate(user, declared(), idempotency_key="k").tickets
    assert [error.code for error in refused.errors] == ["STORAGE_UNAVAILABLE"]
    assert (refused.file, refused.upload_token) == (None, None)
    row = file_of(first)
    assert (row.upload_status, StorageUsage.objects.get().bytes, StorageDeletion.objects.count()) == ("pending", 5, 0)
    (again,) = initiate(user, declared(), idempotency_key="k").tickets
    assert (again.file, again.replayed) == (row, True)
    assert finish(user, again).file.upload_status == "completed"


@pytest.mark.parametrize("part_size", [2, 5], ids=["parts", "one request"])
def test_fifty_files_take_as_many_statements_as_one(user: User, manager: FileManager, part_size: int) -> None:
    initiate(user, declared())  # the row that counts the user's bytes exists from here on
    statements: dict[tuple[str, int], int] = {}
    with configured(SINGLE_REQUEST_MAX_BYTES=part_size, PART_SIZE_BYTES=part_size):
        for call in ("new", "replayed"):
            for count in (1, 50):
                with CaptureQueriesContext(connection) as captured:
                    batch = initiate(user, *[declared()] * count, idempotency_key=f"{count}")
                assert {ticket.replayed for ticket in batch.tickets} == {call == "replayed"}
                statements[call, count] = len(captured)
    assert statements["new", 50] == statements["new", 1] + extra_inserts(50)
    assert statements["replayed", 50] == statements["replayed", 1]
    assert [query["sql"] for query in captured if query["sql"].startswith("UPDATE")] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limits", [{}, {"USER_QUOTA_BYTES": 5}, {"MAX_PENDING_UPLOADS": 1}])
def test_the_same_calls_at_once_make_one_upload(user: User, manager: FileManager, limits: dict[str, int]) -> None:
    """Even if that one upload is all that the user may have."""
    with configured(**limits):
        answers = at_once(20, lambda _: initiate(User.objects.get(pk=user.pk), declared(), idempotency_key="k"))
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    batches = [answer for answer in answers if isinstance(answer, Batch)]
    assert len({str(ids(batch)) for batch in batches}) == 1
    assert len({token_of(batch.tickets[0]) for batch in batches}) == 1
    assert File.objects.count() == 1
    assert StorageUsage.objects.get().bytes == 5
    send(batches[0].tickets[0])
    assert finish(user, batches[19].tickets[0]).file.upload_status == "completed"


@pytest.mark.django_db(transaction=True)
def test_a_call_at_once_leaves_a_connection_without_autocommit_usable(
    user: User, manager: FileManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = initiate(user, declared(), idempotency_key="k")
    request = InitiateRequest(files=[declared()], idempotency_key="k")
    found = idempotency.find_replay(Caller(user=user), request)
    monkeypatch.setattr(idempotency, "find_replay", Mock(side_effect=[replace(found, files={}), found]))
    transaction.set_autocommit(False)
    try:
        assert ids(initiate(user, declared(), idempotency_key="k")) == ids(first)
        assert (File.objects.count(), StorageUsage.objects.get().bytes) == (1, 5)
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)
