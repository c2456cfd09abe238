"""Calls that race: exactly one wins, and a completed file always has its object."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from fileman import cleanup
from fileman.graphql.ids import to_global_id
from fileman.models import File, StorageUsage
from tests.api import Api
from tests.conftest import api_of
from tests.flows.http_client import Json
from tests.flows.storages import Storage, memory_storage
from tests.uploads.driver import at_once

pytestmark = pytest.mark.django_db(transaction=True)
DATA = b"the bytes of the upload"


@pytest.fixture
def memory(db: None) -> Storage:
    return memory_storage()


@pytest.fixture
def sent(api: Api, memory: Storage) -> Json:
    """The ticket of an upload whose bytes have arrived."""
    ticket = api.start(DATA)
    assert api.send(ticket["instructions"], DATA) == [201]
    return ticket


def all_at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call returned or raised; all begin together."""
    return at_once(len(calls), lambda number: calls[number]())


def clean(now: datetime, **request: Any) -> cleanup.Report:
    return cleanup.run(cleanup.Request(older_than=timedelta(0), **request), now=now)


def answer_of(payload: Json) -> tuple[str | None, str]:
    """The status that a caller was shown, and the code of the error."""
    file = payload["file"]
    return file and file["uploadStatus"], "".join(error["code"] for error in payload["errors"])


def assert_completed_means_stored(storage: Storage) -> None:
    """Whatever else happened."""
    for file in File.objects.filter(upload_status=File.COMPLETED):
        assert file.file_path in storage.everything()
    assert not File.objects.filter(upload_status=File.VERIFYING).exists()


@pytest.mark.parametrize("attempt", range(3))
def test_finalize_and_cleanup_on_the_edge_of_the_deadline_leave_all_or_nothing(
    attempt: int, user: User, memory: Storage, sent: Json
) -> None:
    """Completed with its object, or gone with its object; ten against ten."""
    now = timezone.now()
    File.objects.update(expires_at=now - timedelta(seconds=890))
    apis = [api_of(user) for _ in range(10)]
    sweep = partial(clean, now + timedelta(seconds=911))

    answers = all_at_once(*[partial(api.finalize, sent["uploadToken"]) for api in apis], *[sweep] * 10)

    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert_completed_means_stored(memory)
    row = File.objects.first()
    if row is not None and row.upload_status == File.COMPLETED:
        assert StorageUsage.objects.get().bytes == len(DATA)
        return
    clean(now + timedelta(days=1))
    clean(now + timedelta(days=2))
    assert (memory.everything(), File.objects.count(), StorageUsage.objects.get().bytes) == ([], 0, 0)


@pytest.mark.parametrize("attempt", range(3))
def test_abort_and_finalize_at_once_have_one_winner(attempt: int, user: User, memory: Storage, sent: Json) -> None:
    """Completed and stored, or aborted and gone; nobody is told otherwise."""
    apis = [api_of(user) for _ in range(6)]

    answers = all_at_once(
        *[partial(api.finalize, sent["uploadToken"]) for api in apis[:3]],
        *[partial(api.abort, sent["uploadToken"]) for api in apis[3:]],
    )

    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    file = File.objects.get()
    finalized = [answer_of(answer) for answer in answers[:3]]
    aborted = [answer_of(answer) for answer in answers[3:]]
    if file.upload_status == File.COMPLETED:
        assert ("COMPLETED", "") in finalized
        assert ("ABORTED", "") not in aborted
        assert_completed_means_stored(memory)
    else:
        assert file.upload_status == File.ABORTED
        assert ("ABORTED", "") in aborted
        assert ("COMPLETED", "") not in finalized
        assert (memory.everything(), StorageUsage.objects.get().bytes) == ([], 0)


def test_delete_by_twenty_at_once_succeeds_for_all_and_deletes_once(user: User, memory: Storage, sent: Json) -> None:
    """The bytes are given back once; those of another file stay counted."""
    kept = api_of(user).upload(DATA)
    api_of(user).finalize(sent["uploadToken"])
    file_id = sent["file"]["id"]
    apis = [api_of(user) for _ in range(20)]

    answers = all_at_once(*[partial(api.delete, file_id) for api in apis])

    assert answers == [{"success": True, "deletedFileId": file_id, "errors": []}] * 20
    row = File.objects.get()
    assert (to_global_id("File", row.pk), StorageUsage.objects.get().bytes) == (kept["id"], len(DATA))
    assert kept["filePath"] in memory.everything()
    assert [path for path in memory.everything() if str(row.pk) not in path] == []
