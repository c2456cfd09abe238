"""A second device for tests: a small file system in memory, mounted as root."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, *, options: str = "size=64m") -> Iterator[Path]:
    """Mount an empty tmpfs. Skips the test where mounting is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    refused = _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    if refused:
        pytest.skip(f"No second device: {refused}")
    try:
        yield folder
    finally:
        _run("umount", "--lazy", str(folder))


def remount(folder: Path, options: str) -> None:
    """Change the size of a mounted tmpfs, or make it read-only."""
    refused = _run("mount", "-o", f"remount,{options}", str(folder))
    assert not refused, refused


def _run(*command: str) -> str:
    """Return the error of a command, "" after a success."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return str(error)
    return done.stderr.strip() if done.returncode else ""
