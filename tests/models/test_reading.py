"""A row is the same whether it is read by written-out SQL or by Django."""

import gc
from concurrent.futures import ThreadPoolExecutor
from weakref import ref

import pytest
from django.contrib.auth.models import Group
from django.db import connection, models

from fileman.models import FileManager
from fileman.models.reading import read_file_manager
from tests.models.test_insertion import ODD

pytestmark = pytest.mark.django_db


def get_columns(row: models.Model) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_a_file_manager_has_the_same_values_of_the_same_types(manager: FileManager, group: Group) -> None:
    kept = {"name": ODD, "group": group, "allowed_mime_types": ["image/*"], "is_default": True, "max_file_size": None}
    FileManager.objects.filter(pk=manager.pk).update(**kept)

    read = read_file_manager("group_id = %s AND is_default", [group.pk])

    assert read is not None
    expected = FileManager.objects.get(pk=manager.pk)
    assert get_columns(read) == get_columns(expected)
    assert {name: type(value) for name, value in vars(read).items()} == {
        name: type(value) for name, value in vars(expected).items()
    }
    assert (read._state.adding, read._state.db) == (False, expected._state.db)


def test_no_row_is_none() -> None:
    assert read_file_manager("is_default", []) is None


@pytest.mark.django_db(transaction=True)
def test_a_connection_ends_with_the_thread_that_read_first() -> None:
    def read() -> "ref[object]":
        read_file_manager("name = %s", ["none"])
        connection.close()
        return ref(connection.ops.connection)

    with ThreadPoolExecutor(1) as pool:
        kept = pool.submit(read).result()
    gc.collect()

    assert kept() is None
