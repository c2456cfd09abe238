"""Servers start, answer, and leave nothing behind, however their starter ends."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.servers import ServerMissing, server
from tests.servers.availability import REPOSITORY
from tests.servers.demo import STORAGES
from tests.servers.fixtures import _started
from tests.servers.process import accepts_connections, free_port


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
    return accepts_connections(urlsplit(url).port or 0)


def in_time(condition: Callable[[], bool], *, seconds: float = 60) -> bool:
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


@contextmanager
def python(*words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python with a pipe as its standard input."""
    with subprocess.Popen(
        [sys.executable, *words],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("name", ["moto", "radosgw", "seaweedfs", "ministack", "rclone", "azurite", "postgres"])
def test_a_server_is_gone_after_its_block(name: str, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    try:
        with server(name) as started:
            url = started if name == "postgres" else started.endpoint_url
            was_open = is_open(url)
    except ServerMissing as missing:
        pytest.skip(str(missing))

    assert was_open
    assert not is_open(url)
    assert list(temporary.iterdir()) == []


SERVING = """
from tests.servers import server
with server("rclone") as rclone, server("postgres") as postgres:
    print(rclone.endpoint_url, postgres, flush=True)
    input()
"""


@pytest.mark.usefixtures("rclone_server")
def test_no_server_outlives_a_killed_starter(temporary: Path) -> None:
    with python("-c", SERVING, TMPDIR=str(temporary)) as process:
        assert process.stdout is not None
        urls = process.stdout.readline().split()
        were_open = [is_open(url) for url in urls]
        process.kill()
        process.wait(60)

    assert were_open == [True, True]
    assert in_time(lambda: not any(map(is_open, urls)))
    assert in_time(lambda: nobody_works_in(temporary))


@pytest.mark.long
@pytest.mark.parametrize(("end", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, 0), (signal.SIGINT, 0)])
def test_the_demo_leaves_nothing_running_however_it_ends(end: signal.Signals, status: int, temporary: Path) -> None:
    port = str(free_port())
    site = f"http://127.0.0.1:{port}"
    environment = {"DEBUG": "1", "DJANGO_SETTINGS_MODULE": "project.settings", "VAR_DIR": str(temporary)}
    with python("-m", "tests.servers.demo", "--port", port, TMPDIR=str(temporary), **environment) as process:
        assert in_time(lambda: process.poll() is not None or is_open(site))
        offered = json.loads((temporary / "demo-storages.json").read_text())
        origins = [storage["origin"] for storage in offered if storage["origin"]]
        were_open = [is_open(origin) for origin in origins]
        process.send_signal(end)
        ended = process.wait(60)

    assert [storage["name"] for storage in offered] == ["Local disk", *(name for name, *_ in STORAGES)]
    assert were_open == [True] * len(origins)
    assert ended == status
    assert in_time(lambda: not any(is_open(url) for url in (site, *origins)))
    assert in_time(lambda: nobody_works_in(temporary))


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_only_ci_needs_every_server(ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CI", ci)

    with pytest.raises(outcome, match="radosgw is not installed: run"):
        next(_started("radosgw"))
