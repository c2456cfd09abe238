"""One demo runs in a folder and on a port."""

import fcntl
import socket
from pathlib import Path

import pytest

from tests.servers import demo


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
