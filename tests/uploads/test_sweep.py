"""The sweep: an upload whose bytes have arrived is completed although its client is gone."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from fileman import cleanup, uploads
from fileman.backends import get_backend
from fileman.models import FileManager
from fileman.uploads import Ticket, transitions
from tests.uploads.clock import DEADLINE, MICROSECOND, NOW
from tests.uploads.driver import code_of, configured, file_of, finish, send, send_slice, start
from tests.uploads.faults import at_once, break_storage, completions, note_calls

DATA = b"hello"
FIRST_LOOK = NOW + timedelta(minutes=5)
SHA256 = f"sha256:{hashlib.sha256(DATA).hexdigest()}"
MD5 = f"md5:{hashlib.md5(DATA).hexdigest()}"


def test_a_closed_tab_loses_nothing(sent: Ticket) -> None:
    with completions() as completed:
        assert uploads.sweep(now=FIRST_LOOK - MICROSECOND) == 0
        assert uploads.sweep(now=FIRST_LOOK) == 1
        assert uploads.sweep(now=FIRST_LOOK + timedelta(days=1)) == 0

    assert file_of(sent).upload_status == "completed"
    assert completed == [file_of(sent).pk]


@configured(SINGLE_REQUEST_MAX_BYTES=4, PART_SIZE_BYTES=3)
def test_an_upload_that_lacks_a_part_is_looked_at_less_and_less_often(user: User, manager: FileManager) -> None:
    """Each look comes when the upload is twice as old. The one after its last part completes it."""
    ticket = start(user, DATA)
    assert ticket.instructions is not None
    first, last = (request.slice for request in ticket.instructions.requests)
    send_slice(ticket, first, DATA)
    ages = []
    for _ in range(4):
        look = file_of(ticket).look_at
        assert look is not None
        ages.append((look - NOW) / timedelta(minutes=1))
        assert uploads.sweep(now=look) == 0
    assert ages == [5, 10, 20, 40]

    send_slice(ticket, last, DATA)

    assert uploads.sweep(now=NOW + timedelta(minutes=80)) == 1


def test_the_scheduled_cleanup_sweeps_unless_a_setting_says_no(sent: Ticket) -> None:
    with configured(SWEEP_UPLOADS=False):
        cleanup.run_scheduled(now=FIRST_LOOK)
    cleanup.run(cleanup.Request(dry_run=True), now=FIRST_LOOK)
    assert file_of(sent).upload_status == "pending"

    report = cleanup.run_scheduled(now=FIRST_LOOK)

    assert report is not None
    assert (report.completed, file_of(sent).upload_status) == (1, "completed")


def test_an_upload_whose_attempt_has_died_is_completed_too(sent: Ticket) -> None:
    """The worker was killed after its claim, and so was the tab."""
    transitions.claim(file_of(sent), now=FIRST_LOOK)

    assert uploads.sweep(now=FIRST_LOOK + timedelta(seconds=59)) == 0
    assert uploads.sweep(now=FIRST_LOOK + timedelta(seconds=60)) == 1


def test_after_deadline_and_grace_nothing_is_completed(sent: Ticket) -> None:
    assert uploads.sweep(now=DEADLINE + timedelta(seconds=900)) == 0
    assert file_of(sent).upload_status == "pending"


def test_the_sweep_meets_every_check_of_the_clients_call(user: User, manager: FileManager) -> None:
    ticket = start(user, DATA, checksum="md5:" + "0" * 32)
    send(ticket, DATA)

    assert uploads.sweep(now=FIRST_LOOK) == 0

    assert file_of(ticket).upload_status == "failed"


@pytest.mark.parametrize("gone", ["inactive", "left the group", "deleted"])
def test_an_upload_that_its_user_may_not_finish_is_left_to_expire(user: User, manager: FileManager, gone: str) -> None:
    group = Group.objects.create(name="Team")
    user.groups.add(group)
    of_group = FileManager.objects.create(name="Team's", backend_type="memory", group=group)
    ticket = start(user, DATA, into=of_group)
    send(ticket, DATA)
    if gone == "inactive":
        User.objects.filter(pk=user.pk).update(is_active=False)
    elif gone == "deleted":
        user.delete()
    else:
        user.groups.remove(group)

    assert uploads.sweep(now=FIRST_LOOK) == 0
    assert file_of(ticket).upload_status == "pending"


def test_a_storage_that_does_not_respond_is_asked_once_and_others_are_swept(user: User, manager: FileManager) -> None:
    dead = FileManager.objects.create(name="A dead", backend_type="memory")
    for into in (dead, dead, manager):
        send(start(user, DATA, into=into), DATA)
    asked = break_storage(path=str(dead.pk))

    assert uploads.sweep(now=FIRST_LOOK) == 1
    assert len(asked) == 1


# What the client says after the sweep


@pytest.fixture
def swept(sent: Ticket) -> Ticket:
    uploads.sweep(now=FIRST_LOOK)
    return sent


RIGHT: list[dict[str, Any]] = [{"file_size": 5}, {"checksum": SHA256}, {"checksum": MD5}]
WRONG_CHECKSUMS = [{"checksum": "sha256:" + "0" * 64}, {"checksum": "md5:" + "0" * 32}]
CLAIMS = [*((claims, None) for claims in RIGHT), *((claims, "CHECKSUM_MISMATCH") for claims in WRONG_CHECKSUMS)]


@pytest.mark.parametrize(("claims", "code"), [*CLAIMS, ({"file_size": 6}, "SIZE_MISMATCH")])
def test_a_client_that_returns_is_told_if_it_sent_something_else(
    user: User, swept: Ticket, claims: dict[str, Any], code: str | None
) -> None:
    outcomes = [finish(user, swept, now=FIRST_LOOK, **claims) for _ in range(2)]

    assert [code_of(outcome) for outcome in outcomes] == [code, code]
    file = file_of(swept)
    assert file.upload_status == "completed"
    if "checksum" in claims and code is None:
        assert (file.checksum, file.checksum_verified) == (claims["checksum"], True)


def test_the_metadata_of_the_first_call_after_the_sweep_is_merged_once(user: User, swept: Ticket) -> None:
    finish(user, swept, now=FIRST_LOOK, metadata={"a": 1})
    finish(user, swept, now=FIRST_LOOK, metadata={"b": 2})

    assert file_of(swept).metadata == {"a": 1}


@pytest.mark.parametrize("rounds", [20, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.django_db(transaction=True)
def test_sweeps_and_a_clients_own_call_at_once_complete_it_once(user: User, manager: FileManager, rounds: int) -> None:
    """Each call of the client succeeds, or says that the upload is in progress and succeeds when it is repeated."""
    published = note_calls("publish")
    for number in range(1, rounds + 1):
        ticket = start(user, DATA)
        send(ticket, DATA)

        def work(one: int, ticket: Ticket = ticket) -> str | None:
            if one % 2:
                uploads.sweep(now=FIRST_LOOK)
                return None
            return code_of(finish(User.objects.get(pk=user.pk), ticket, now=FIRST_LOOK))

        with completions() as completed:
            answers = at_once(6 if number % 5 == 0 else 2, work)
            assert set(answers) <= {None, "UPLOAD_IN_PROGRESS"}
            assert code_of(finish(user, ticket, now=FIRST_LOOK)) is None

        file = file_of(ticket)
        assert completed == [file.pk]
        assert (len(published), published[-1]) == (number, file.stored_path)
        assert b"".join(get_backend(manager).read(file.stored_path)) == DATA
