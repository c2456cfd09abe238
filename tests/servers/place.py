"""The folder and the port of a demo. `python -m tests.servers.place PORT` says what is in use; it needs no package."""

import fcntl
import os
import socket
import sys
from pathlib import Path
from typing import IO

from tests.servers.availability import REPOSITORY


def open_lock() -> IO[str]:
    """Return the file that holds the lock of the demo's folder while it is open. Exit if another demo runs there."""
    folder = Path(os.environ.get("VAR_DIR", REPOSITORY / "var"))
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "demo.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        sys.exit(f"Another demo is running with the data in {folder}. Stop it, or choose another folder with VAR_DIR.")
    return file


def require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            sys.exit(f"Port {port} cannot be used: {error.strerror}. Choose another one: make run PORT={port + 1}")


if __name__ == "__main__":
    given = sys.argv[1]
    if not (given.isdecimal() and 0 < int(given) < 65_536):
        sys.exit(f"PORT must be from 1 to 65535, not {given}.")
    with open_lock():
        require_free(int(given))
