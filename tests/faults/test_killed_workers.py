"""Worker processes are killed by SIGKILL at any moment of an upload, finalize, delete and cleanup."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.servers import ServerMissing, server
from tests.servers.availability import REPOSITORY
from tests.servers.fixtures import give_up

CASES = [("sqlite", 25), *(pytest.param(name, 1500, marks=pytest.mark.long) for name in ("sqlite", "postgres"))]


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/killed.sqlite3"


@pytest.fixture
def postgres() -> Iterator[str]:
    try:
        with server("postgres") as started:
            name = f"killed_{secrets.token_hex(8)}"
            with psycopg.connect(started.database_url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
                yield f"{started.database_url.rpartition('/')[0]}/{name}"
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    except ServerMissing as missing:
        give_up(str(missing))


@pytest.mark.parametrize(("database", "kills"), CASES)
def test_nothing_is_lost_wrong_or_left_behind(
    database: str, kills: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    seed = secrets.token_hex(4)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "LOG_LEVEL": "ERROR"}
    environment["DATABASE_URL"] = request.getfixturevalue(database)

    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults.killing", str(tmp_path), str(kills), seed],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, f"seed {seed}: {ended.stderr}"
    print(ended.stdout)  # noqa: T201  shown by pytest -s: what the kills met
