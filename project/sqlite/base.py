"""SQLite as Django has it, but for one number.

Django assumes 999 variables in a statement, SQLite's limit before 3.32 (May 2020), and cuts a bulk insert of 50 files
in two. The library tells its real limit, so a batch of any size stays one statement.
"""

import sqlite3

from django.db.backends.sqlite3 import base, features
from django.utils.functional import cached_property


class DatabaseFeatures(features.DatabaseFeatures):
    @cached_property
    def max_query_params(self) -> int:  # type: ignore[override]
        with self.connection.cursor():
            limit: int = self.connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        return limit


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures
