"""What Django's own database engine adds to the number of SQL statements."""

from django.db import connection

from fileman.models import File


def extra_inserts(files: int) -> int:
    """The inserts beyond the first that so many new files take: Django 5.2 passes SQLite at most 999 values in one."""
    per_statement = connection.ops.bulk_batch_size(File._meta.concrete_fields, [None] * files)
    return (files - 1) // per_statement
