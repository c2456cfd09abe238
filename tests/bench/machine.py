"""The cores of the machine and a database, before Django is set up."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg

SERVER_CORE, OTHER_CORE = 0, 1


def pin(*cores: int) -> None:
    """Keep this process, and those that it starts from now on, on these cores."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, cores)


@contextmanager
def new_database(server_url: str, name: str) -> Iterator[str]:
    """Create an empty database beside the one that the URL names, and drop it at the end."""
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name}")
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
