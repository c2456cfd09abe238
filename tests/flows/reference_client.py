"""The client in Python, in processes that a test can kill at a chosen byte."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from django.conf import settings as django_settings
from django.utils import timezone

from fileman.backends import get_backend
from fileman.models import File
from fileman.uploads.instructions import build_upload
from fileman.uploads.state import UploadState
from tests.flows.http_client import Site

PROGRAM = django_settings.BASE_DIR / "frontend_examples" / "python" / "client.py"
END_SECONDS = 300
DRAIN_SECONDS = 60
_STALLING = """
import io, pathlib, runpy, signal, sys, time

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has its background ignore it
stall_at, sys.argv = int(sys.argv[1]), sys.argv[2:]

class Stalling(io.BufferedReader):
    def read(self, size=-1):
        if self.tell() >= stall_at:
            print("stalled", flush=True)
            time.sleep(3600)
        return super().read(size)

def opened(path, mode="r", *more, **options):
    return Stalling(io.FileIO(path)) if mode == "rb" else io.open(path, mode, *more, **options)

pathlib.Path.open = opened
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs the program on a disk that hangs at that position of the file."""


class Uploader:
    """Processes of the client that upload one file as ann."""

    def __init__(self, site: Site, path: Path) -> None:
        self.site, self.path = site, path
        self._running: subprocess.Popen[str] | None = None

    def run(self, *command: str, **environment: str) -> tuple[int, str, str]:
        """Run a client to its end, by default to upload. Returns its exit status, output and messages."""
        process = self._start(str(PROGRAM), command=command, **environment)
        output, messages = process.communicate(timeout=END_SECONDS)
        return process.returncode, output, messages

    def kill_after(self, more_bytes: int) -> int:
        """Kill a new client in the middle of a request, so many bytes later; return how many have arrived in all."""
        before = arrived_bytes()
        assert self.end_at(before + more_bytes, signal.SIGKILL)[0] == -signal.SIGKILL
        return _arrived_beyond(before)

    def end_at(self, position: int, number: signal.Signals) -> tuple[int, str]:
        """Send a signal to a new client that hangs at the position. Returns its exit status and messages."""
        process = self._start("-c", _STALLING, str(position), str(PROGRAM))
        assert process.stdout is not None
        assert process.stdout.readline() == "stalled\n", "the client has ended before it could be killed"
        process.send_signal(number)
        return process.wait(timeout=DRAIN_SECONDS), process.communicate()[1]

    def stop(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.communicate()

    @property
    def kept(self) -> Path:
        """The file that the next process reads."""
        return self.path.with_name(f"{self.path.name}.upload")

    @property
    def token(self) -> str:
        return self.kept.read_text().split()[0]

    def _start(self, *program: str, command: tuple[str, ...] = (), **environment: str) -> subprocess.Popen[str]:
        self.stop()
        arguments = command or ("upload", str(self.path))
        self._running = subprocess.Popen(
            [sys.executable, *program, "--site", self.site.url, "--user", "ann", *arguments],
            env={**os.environ, "FILEMAN_PASSWORD": "ann", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self._running


def arrived_bytes() -> int:
    """Return how many bytes of the only upload the storage holds."""
    file = File.objects.select_related("file_manager").first()
    if file is None or UploadState.from_file(file).needs_begin:
        return 0
    missing = get_backend(file.file_manager).missing(build_upload(file, now=timezone.now()))
    return file.file_size - sum(part.length for part in missing)


def _arrived_beyond(before: int) -> int:
    """Wait for the bytes that a killed process has sent already."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while (arrived := arrived_bytes()) <= before:
        assert time.monotonic() < deadline, "nothing of what was sent has arrived"
        time.sleep(0.05)
    return arrived
