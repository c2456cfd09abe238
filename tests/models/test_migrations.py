"""The tables: made from nothing, taken away again, and nothing forgotten."""

from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

TABLES = {"fileman_file", "fileman_filemanager", "fileman_storagedeletion", "fileman_storageusage"}


def tables() -> set[str]:
    return {name for name in connection.introspection.table_names() if name.startswith("fileman_")}


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    output = StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=output)
    assert output.getvalue() == "No changes detected\n"


@pytest.mark.django_db(transaction=True)
def test_migrating_to_nothing_and_back_from_nothing() -> None:
    assert tables() == TABLES
    try:
        call_command("migrate", "fileman", "zero", verbosity=0)
        assert tables() == set()
    finally:
        call_command("migrate", verbosity=0)  # also the app of the tests, which depends on fileman
    assert tables() == TABLES


@pytest.mark.django_db
def test_the_database_holds_every_constraint_and_index_of_the_models() -> None:
    with connection.cursor() as cursor:
        made = {name for table in TABLES for name in connection.introspection.get_constraints(cursor, table)}
    models = apps.get_app_config("fileman").get_models()
    declared = {one.name for model in models for one in (*model._meta.constraints, *model._meta.indexes)}
    assert len(declared) == 24
    assert declared <= made
