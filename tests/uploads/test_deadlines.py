"""The deadline of an upload: until when it may be sent, and until when it may be finished."""

from datetime import timedelta

from django.contrib.auth.models import User

from fileman.models import FileManager
from fileman.uploads import transitions
from tests.uploads.clock import DEADLINE, MICROSECOND, NOW
from tests.uploads.driver import code_of, configured, file_of, finish, refresh, send, start

GRACE = timedelta(seconds=900)


def test_an_upload_may_be_finalized_until_its_grace_is_over(user: User, manager: FileManager) -> None:
    """Even when every address has lapsed."""
    in_time, too_late = start(user), start(user)
    for ticket in (in_time, too_late):
        send(ticket)
    assert finish(user, in_time, now=DEADLINE + GRACE - MICROSECOND).file.upload_status == "completed"
    outcome = finish(user, too_late, now=DEADLINE + GRACE)
    assert code_of(outcome) == "UPLOAD_EXPIRED"
    assert outcome.file.upload_status == "pending"
    assert transitions.claim(outcome.file, now=DEADLINE + GRACE) is None


@configured(UPLOAD_DEADLINE=timedelta(hours=1), PARTS_UPLOAD_DEADLINE=timedelta(hours=2), SINGLE_REQUEST_MAX_BYTES=4)
def test_files_in_parts_have_a_later_deadline(user: User, manager: FileManager) -> None:
    assert file_of(start(user, b"four")).expires_at == NOW + timedelta(hours=1)
    assert file_of(start(user, b"fifth")).expires_at == NOW + timedelta(hours=2)


def test_after_the_deadline_nothing_more_is_signed(user: User, manager: FileManager) -> None:
    ticket = start(user)
    before, expired = DEADLINE - MICROSECOND, "UPLOAD_EXPIRED"
    for call, moment, error in (
        (refresh, before, None),
        (finish, before, "NOT_UPLOADED"),
        (refresh, DEADLINE, expired),
        (finish, DEADLINE, expired),
    ):
        outcome = call(user, ticket, now=moment)
        assert code_of(outcome) == error
        assert (outcome.instructions is None) is (error == expired)
        assert outcome.file.upload_status == "pending"


def test_addresses_never_outlive_the_deadline(user: User, manager: FileManager) -> None:
    ticket = start(user)
    late = DEADLINE - timedelta(seconds=10)
    outcome = refresh(user, ticket, now=late)
    assert outcome.instructions is not None
    assert outcome.instructions.expires_at == DEADLINE
