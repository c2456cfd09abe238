"""Read a file manager by written-out SQL: a raw query of Django's takes longer than PostgreSQL needs to run it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db import connections, router
from django.db.models.sql import Query

from fileman.models.file_manager import FileManager


def read_file_manager(where: str, params: Sequence[Any]) -> FileManager | None:
    """Return one that meets the condition, or None, with all columns, as a query of Django's does."""
    alias = router.db_for_read(FileManager)
    connection, (statement, columns) = connections[alias], _prepare(alias, where)
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        rows = cursor.fetchmany(1)
    # Converters may belong to the connection of this thread, so they are not kept.
    compiler = connection.ops.compiler("SQLCompiler")(Query(FileManager), connection, alias)
    rows = compiler.apply_converters(rows, compiler.get_converters(columns))
    return next((FileManager.from_db(alias, [one.target.attname for one in columns], row) for row in rows), None)


@lru_cache(maxsize=8)
def _prepare(alias: str, where: str) -> tuple[str, list[Any]]:
    quote, table = connections[alias].ops.quote_name, FileManager._meta.db_table  # noqa: SLF001
    columns = [field.get_col(table) for field in FileManager._meta.concrete_fields]  # noqa: SLF001
    names = ", ".join(quote(str(one.target.column)) for one in columns)
    return f"SELECT {names} FROM {quote(table)} WHERE {where}", columns  # noqa: S608  # nosec B608
