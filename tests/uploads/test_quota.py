"""USER_QUOTA_BYTES: what one user may hold, unfinished uploads included."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fileman.errors import QuotaExceeded
from fileman.models import File, FileManager, StorageUsage
from fileman.uploads import Batch
from tests.uploads.driver import abort, configured, declared, delete, initiate, start, upload, used_bytes
from tests.uploads.faults import at_once

TEN = configured(USER_QUOTA_BYTES=10)


@TEN
def test_the_quota_is_full_to_the_byte(user: User, other_user: User, manager: FileManager) -> None:
    start(user, b"x" * 4)
    start(user, b"x" * 6)
    with pytest.raises(QuotaExceeded, match=r"of 10\sbytes are used. Unfinished uploads hold 10\sbytes of that \(2\)"):
        initiate(user, declared(size=1))
    assert (used_bytes(user), File.objects.count()) == (10, 2)
    start(other_user, b"x" * 10)


@TEN
def test_a_batch_is_counted_together(user: User, manager: FileManager) -> None:
    with pytest.raises(QuotaExceeded):
        initiate(user, declared(size=6), declared(size=5))
    assert (File.objects.count(), StorageUsage.objects.count()) == (0, 0)
    assert initiate(user, declared(size=5), declared(size=5)).success


@configured(USER_QUOTA_BYTES=10**20, MAX_PENDING_UPLOADS=10**20)
def test_limits_may_be_larger_than_any_column(user: User, manager: FileManager) -> None:
    start(user, b"x" * 4)
    start(user, b"x" * 6)
    assert used_bytes(user) == 10


def test_usage_never_falls_below_zero(user: User, manager: FileManager) -> None:
    """After an operator has set the count by hand a file can be deleted all the same."""
    file = upload(user)
    StorageUsage.objects.update(bytes=2)
    delete(user, file.pk)
    assert (used_bytes(user), File.objects.count()) == (0, 0)


def test_a_user_is_deleted_in_the_order_in_which_an_upload_ends(user: User, manager: FileManager) -> None:
    """First the rows of files, then the row of the usage: else PostgreSQL would find a deadlock of the two."""
    ticket = start(user)
    orders = []
    for end in (lambda: abort(user, ticket), user.delete):
        with CaptureQueriesContext(connection) as statements:
            end()
        changes = re.findall(r"(?:UPDATE|DELETE FROM) .fileman_(file|storageusage)\b", str(list(statements)))
        orders.append(changes)
    assert orders == [["file", "storageusage"], ["file", "storageusage"]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known", [False, True])
def test_twenty_at_once_cannot_exceed_the_quota_together(user: User, manager: FileManager, known: bool) -> None:
    if known:
        StorageUsage.objects.create(user=user, bytes=0)
    with configured(USER_QUOTA_BYTES=35):
        answers: list[Any] = at_once(20, lambda _: initiate(User.objects.get(pk=user.pk), declared(size=5)))
    accepted = [answer for answer in answers if isinstance(answer, Batch)]
    refused = [answer for answer in answers if not isinstance(answer, Batch)]
    assert [type(answer) for answer in refused] == [QuotaExceeded] * 13
    assert len(accepted) == File.objects.count() == 7
    assert used_bytes(user) == 35
