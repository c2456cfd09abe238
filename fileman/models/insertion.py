"""Insert new files as one JSON parameter on PostgreSQL: cheaper than one for each value, and one statement for all."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connections, router

from fileman.models.file import File

# PostgreSQL reads these as they are. Django's own fields would return the same, in more time.
_READY = {str, int, bool, type(None), UUID, datetime}


def is_one_statement() -> bool:
    """Return True if `insert` is one statement, with its condition."""
    connection = connections[router.db_for_write(File)]
    return connection.vendor == "postgresql" and connection.Database.__name__ == "psycopg"  # type: ignore[attr-defined]


def insert(files: Sequence[File], *, after: tuple[str, Sequence[Any]] = ("", ())) -> bool:
    """Insert new rows, as `bulk_create` does; none and return False if `after`, an UPDATE, matches no row."""
    alias, (update, params) = router.db_for_write(File), after
    connection, fields = connections[alias], File._meta.concrete_fields  # noqa: SLF001
    if not is_one_statement():
        with connection.cursor() as cursor:
            if update:
                cursor.execute(update, params)
            return bool(not update or cursor.rowcount) and bool(File.objects.bulk_create(files))
    rows = [{one.column: _prepare(one, new, connection) for one in fields} for new in files]
    with connection.cursor() as cursor:
        # psycopg wraps the value of a JSON field; a UUID or a time is text that PostgreSQL reads.
        text = json.dumps(rows, default=lambda value: getattr(value, "obj", str(value)))
        cursor.execute(_build_statement(alias, update), [*params, text])
        is_done = bool(cursor.rowcount)
    for file in files if is_done else ():
        file._state.adding, file._state.db = False, alias  # noqa: SLF001
    return is_done


def _prepare(field: Any, new: File, connection: Any) -> Any:
    value = vars(new)[field.attname]
    is_ready = type(value) in _READY and type(field).__module__.startswith("django.")
    return value if is_ready else field.get_db_prep_save(field.pre_save(new, True), connection)


@lru_cache(maxsize=8)
def _build_statement(alias: str, update: str) -> str:
    connection, meta = connections[alias], File._meta  # noqa: SLF001
    types = {connection.ops.quote_name(str(one.column)): one.db_type(connection) for one in meta.concrete_fields}
    names, typed = ", ".join(types), ", ".join(f"{name} {kind}" for name, kind in types.items())
    table = connection.ops.quote_name(meta.db_table)
    rows = f"jsonb_to_recordset(%s::jsonb) AS new ({typed})"
    statement = f"INSERT INTO {table} ({names}) SELECT {names} FROM {rows}"  # noqa: S608  # nosec B608
    return f"WITH done AS ({update} RETURNING 1) {statement} WHERE EXISTS (TABLE done)" if update else statement
