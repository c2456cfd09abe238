"""Calls that race: exactly one wins, and a completed file always has its object."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User

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
