"""One demo runs in a folder and on a port."""

import fcntl
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import demo
from tests.servers.availability import REPOSITORY


def test_a_second_demo_is_refused_before_it_changes_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same folder, or on the port of the first. Its data stay, even if a reset is asked for."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    (tmp_path / "db.sqlite3").write_text("the first demo's")
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(SystemExit, match=f"Port {port} cannot be used: Address already in use.*PORT={port + 1}"):
            demo.main(port, reset=True)
    with (tmp_path / "demo.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(SystemExit, match="Another demo is running"):
            demo.main(port, reset=True)

    assert (tmp_path / "db.sqlite3").read_text() == "the first demo's"


def test_it_is_refused_before_anything_is_installed_or_built(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    for name, target in ((".venv", Path(sys.prefix)), ("tests", REPOSITORY / "tests")):
        (tmp_path / name).symlink_to(target)
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        for given, problem in ((port, f"Port {port} cannot be used"), ("http", "PORT must be from 1 to 65535")):
            command = ["make", "run", f"PORT={given}", f"VAR_DIR={tmp_path}"]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stdout.count("Installing")) == (2, 0)
            assert problem in done.stderr
