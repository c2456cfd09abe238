"""Servers start, answer, and leave nothing behind, however their starter ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from environ import Env

from tests.servers import ServerMissing, postgres, server
from tests.servers.availability import REPOSITORY
from tests.servers.demo import STORAGES
from tests.servers.process import Program, free_port, running

NOTHING_INSTALLED = {"PATH": "/nowhere"}


@pytest.fixture(autouse=True)
def no_database_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for what a killed starter cannot remove; PostgreSQL, which does not run as root, can reach it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def is_open(url: str) -> bool:
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname, address.port), timeout=2).close()
    except ConnectionRefusedError:
        return False
    return True


def in_time(condition: Callable[[], bool], *, seconds: float = 5) -> bool:
    """Whether the condition becomes true within that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def nobody_works_in(folder: Path) -> bool:
    """Whether no process has its working folder there."""
    for process in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if process.readlink().is_relative_to(folder):
                return False
        except OSError:
            continue  # it has just ended, or is not ours to look at
    return True


def is_written(path: Path) -> bool:
    """Whether a whole line stands in the file; the shell makes it empty first."""
    return path.exists() and path.read_text().endswith("\n")


def shell(script: str, folder: Path) -> Program:
    return Program(command=["/bin/sh", "-c", script], folder=folder)


@contextmanager
def command_line(
    *words: str, module: str = "tests.servers", environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """`python -m MODULE WORDS`, with a pipe as its standard input."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=REPOSITORY,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


@pytest.mark.parametrize("name", ["moto", "radosgw", "ministack", "rclone", "azurite"])
def test_a_server_is_gone_after_its_block(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    try:
        with server(name) as started:
            was_open = is_open(started.endpoint_url)
    except ServerMissing as missing:
        pytest.skip(str(missing))

    assert was_open
    assert not is_open(started.endpoint_url)
    assert list(tmp_path.iterdir()) == []


def test_postgres_answers_through_a_url_that_settings_can_read_and_is_gone_after_its_block() -> None:
    with postgres.serve() as started:
        settings = Env.db_url_config(started.database_url)
        with psycopg.connect(started.database_url, autocommit=True) as connection:
            row = connection.execute("SELECT current_user, current_database()").fetchone()
            connection.execute("CREATE DATABASE another")

    assert row == (settings["USER"], settings["NAME"])
    assert settings["ENGINE"] == "django.db.backends.postgresql"
    assert not is_open(started.database_url)


@pytest.mark.parametrize(
    ("given", "used"),
    [("postgres://user:password@db.example:5432/name",) * 2, ("sqlite:///db.sqlite3", "postgres://fileman:")],
)
def test_postgres_is_the_one_that_database_url_names(given: str, used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", given)

    with postgres.serve() as started:
        assert started.database_url.startswith(used)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("sleep 1000 & echo $! > number; wait", id="started by the program"),
        pytest.param("trap '' TERM; echo $$ > number; while :; do sleep 1; done", id="ignores the request to end"),
    ],
)
def test_every_process_ends_with_its_block(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.servers.process.STOP_SECONDS", 0.1)
    number = tmp_path / "number"
    with running(shell(script, tmp_path), ready=partial(is_written, number)):
        pass

    assert in_time(lambda: is_dead(int(number.read_text())))


def is_dead(number: int) -> bool:
    """Whether the process is gone, or waits only for somebody to read its exit status."""
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


@pytest.mark.parametrize(
    ("end", "status"),
    [
        pytest.param(lambda process: process.stdin.close(), 0, id="standard input closes"),
        pytest.param(subprocess.Popen.terminate, 0, id="SIGTERM"),
        pytest.param(subprocess.Popen.kill, -signal.SIGKILL, id="SIGKILL"),
    ],
)
def test_the_command_line_runs_servers_until(
    end: Callable[[subprocess.Popen[str]], None], status: int, temporary: Path
) -> None:
    with command_line("rclone", "postgres", environment={"TMPDIR": str(temporary)}) as process:
        first, second = line_of(process), line_of(process)
        if "missing" in first:
            pytest.skip(first["missing"])
        were_open = is_open(first["endpoint_url"]), is_open(second["database_url"])
        end(process)
        ended = process.wait(10)

    assert (first["name"], second["name"]) == ("rclone", "postgres")
    assert were_open == (True, True)
    assert ended == status
    assert in_time(lambda: not is_open(first["endpoint_url"]))
    assert in_time(lambda: not is_open(second["database_url"]))
    assert in_time(lambda: nobody_works_in(temporary))


@pytest.mark.parametrize(
    ("end", "status"),
    [
        pytest.param(signal.SIGKILL, -signal.SIGKILL, id="SIGKILL"),
        pytest.param(signal.SIGTERM, 0, id="SIGTERM", marks=pytest.mark.long),
        pytest.param(signal.SIGINT, 0, id="SIGINT", marks=pytest.mark.long),
    ],
)
def test_the_demo_leaves_nothing_running_however_it_ends(end: signal.Signals, status: int, temporary: Path) -> None:
    port = str(free_port())
    site = f"http://127.0.0.1:{port}"
    folders = {"VAR_DIR": str(temporary), "TMPDIR": str(temporary)}
    environment = {"DEBUG": "1", "DJANGO_SETTINGS_MODULE": "project.settings", **folders}
    with command_line("--port", port, module="tests.servers.demo", environment=environment) as process:
        assert in_time(lambda: process.poll() is not None or is_open(site), seconds=60)
        offered = json.loads((temporary / "demo-storages.json").read_text())
        origins = [storage["origin"] for storage in offered if storage["origin"]]
        were_open = [is_open(origin) for origin in origins]
        process.send_signal(end)
        ended = process.wait(30)

    assert [storage["name"] for storage in offered] == ["Local disk", *(name for name, *_ in STORAGES)]
    assert were_open == [True] * len(origins)
    assert ended == status
    assert in_time(lambda: not any(is_open(url) for url in (site, *origins)))
    assert in_time(lambda: nobody_works_in(temporary))


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_a_missing_server_skips_here_and_fails_in_ci(ci: str, outcome: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(radosgw_server): pass")
    options = ["-c", os.devnull, "--rootdir", str(tmp_path), "-p", "no:django", "-p", "no:cacheprovider", "-ra"]

    output = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.servers.fixtures", *options, str(tmp_path)],
        cwd=REPOSITORY,
        env={**os.environ, **NOTHING_INSTALLED, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    ).stdout

    assert outcome in output.splitlines()[-1]
    assert "radosgw is not installed: run .ci/install as root" in output
