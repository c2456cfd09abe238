"""Processes are killed by SIGKILL at random, from a seed that a failure names: workers at any moment of an upload,
finalize, delete and cleanup; and cleanup alone at any of its statements and changes of the disk.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.machine import new_database
from tests.servers import server
from tests.servers.availability import REPOSITORY
from tests.servers.fixtures import or_give_up

CASES = [("workers", "sqlite", 25), ("cleanup", "postgres", 8)]
MANY = [(who, name, kills) for who, kills in (("workers", 1500), ("cleanup", 500)) for name in ("sqlite", "postgres")]
LONG = [pytest.param(*case, marks=pytest.mark.long) for case in MANY]


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/killed.sqlite3"


@pytest.fixture
def postgres() -> Iterator[str]:
    name = f"killed_{secrets.token_hex(8)}"
    with or_give_up(), server("postgres") as server_url, new_database(server_url, name) as url:
        yield url


@pytest.mark.parametrize(("who", "database", "kills"), [*CASES, *LONG])
def test_nothing_is_lost_wrong_or_left_behind(
    who: str, database: str, kills: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    seed = secrets.token_hex(4)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "LOG_LEVEL": "ERROR"}
    environment["DATABASE_URL"] = request.getfixturevalue(database)

    command = [sys.executable, "-m", "tests.faults.killing", who, str(tmp_path), str(kills), seed]
    ended = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, f"seed {seed}: {ended.stderr}"
    print(ended.stdout)  # noqa: T201  shown by pytest -s: what the kills met
