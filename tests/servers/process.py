"""Start child processes on loopback ports, wait until they are ready, and stop them."""

import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.availability import ServerFailed

LOOPBACK = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 5.0
POLL_SECONDS = 0.02
LOG_TAIL_BYTES = 4000
# Below the range that Linux uses for outgoing connections, so no client of ours occupies one.
PORTS = range(20_000, 32_000)


@dataclass(frozen=True, kw_only=True)
class Account:
    """The operating-system user that a program runs as."""

    user_id: int
    """Numeric user id."""
    group_id: int
    """Numeric group id."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program, its folder and its environment."""

    command: Sequence[str | Path]
    """The program as an absolute path, then its arguments."""
    folder: Path
    """Working folder, also of the log file."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables in addition to our own environment."""
    account: Account | None = None
    """None keeps ours. Another one needs root."""
    stop_signal: signal.Signals = signal.SIGTERM
    """Asks the program to end. After `STOP_SECONDS` it is killed."""

    @property
    def name(self) -> str:
        """The program's file name."""
        return Path(self.command[0]).name


def free_port() -> int:
    """Return a free loopback port that no other call in any process returns while this process lives.

    The UDP port of the same number reserves it; none of the servers uses UDP. It is free again when we end.
    """
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, socket.socket(type=socket.SOCK_DGRAM) as reservation, suppress(OSError):
            probe.bind((LOOPBACK, port))
            reservation.bind((LOOPBACK, port))
            reservation.detach()
            return port


def accepts_connections(port: int) -> bool:
    """Return True if a server accepts connections at the loopback port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=2).close()
    except OSError:
        return False
    return True


def answers_http(port: int) -> bool:
    """Return True if a server at the loopback port responds to HTTP, with any status."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


@contextmanager
def temporary_folder(name: str) -> Iterator[Path]:
    """Yield an empty folder for one server, removed at the end. Its path is short because it may hold Unix sockets."""
    with tempfile.TemporaryDirectory(prefix=f"fileman-{name}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def run(program: Program) -> str:
    """Run a program to its end and return its standard output; raise `ServerFailed` if it fails."""
    ended = subprocess.run(**_options(program), capture_output=True, text=True, timeout=START_SECONDS, check=False)
    if ended.returncode:
        raise ServerFailed(f"{program.name} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return str(ended.stdout)


@contextmanager
def running(program: Program, *, ready: Callable[[], bool]) -> Iterator[None]:
    """Run a program in the background from the moment that `ready` is true until the end of the block.

    Raises `ServerFailed` with the tail of the log if it does not get ready, or ends by itself before the block.
    """
    log = program.folder / f"{program.name}.log"
    process = _start(program, log)
    try:
        _wait(process, program, log, ready)
        yield
        if process.poll() is not None:
            raise ServerFailed(f"{program.name} ended by itself with {process.returncode}:\n{_tail(log)}")
    finally:
        _stop(process, program.stop_signal)


def with_starter(command: Sequence[str | Path], *, account: Account | None = None) -> list[str]:
    """Return the command line of a program that ends when this process ends, also after `kill -9`."""
    launcher = Path(__file__).with_name("exec_with_starter.py")
    identity = [str(account.user_id), str(account.group_id)] if account else ["-", "-"]
    words = [str(word) for word in command]
    return [sys.executable, "-I", "-S", str(launcher), str(os.getpid()), *identity, *words]


def _options(program: Program) -> dict[str, Any]:
    return {
        "args": with_starter(program.command, account=program.account),
        "cwd": program.folder,
        "env": {**os.environ, **program.environment},
        "stdin": subprocess.DEVNULL,
    }


def _start(program: Program, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(**_options(program), stdout=output, stderr=subprocess.STDOUT, start_new_session=True)


def _wait(process: subprocess.Popen[bytes], program: Program, log: Path, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None:
            raise ServerFailed(f"{program.name} ended at once with {process.returncode}:\n{_tail(log)}")
        if time.monotonic() > deadline:
            raise ServerFailed(f"{program.name} did not answer within {START_SECONDS} s:\n{_tail(log)}")
        time.sleep(POLL_SECONDS)


def _stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    """Ask the process to end, then kill the rest of its process group."""
    process.send_signal(stop_signal)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(log: Path) -> str:
    return log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
