"""Entries of open folders: each function takes descriptors and single names, never a path."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final
from unicodedata import category

from fileman.errors import UploadInProgress

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MARKER: Final = ".fileman-storage"
"""Name of an empty file that tells a folder of a storage from the empty folder that an unmounted disk leaves."""


def is_plain(name: str) -> bool:
    """Return True if a name can only mean one file in one folder, and is not the marker."""
    if name in {"", ".", "..", MARKER} or set("\\*?[]") & set(name):
        return False
    return not any(category(character) in {"Cc", "Cs"} for character in name)  # control characters, surrogates


@contextmanager
def open_entry(name: str, flags: int, *, parent: int) -> Iterator[int]:
    """Yield a descriptor of an entry of a folder."""
    descriptor = os.open(name, flags, 0o600, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def locked(descriptor: int, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a file, which ends with the process. While another holds it: wait, or raise UploadInProgress."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UploadInProgress from None
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def write_all(descriptor: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def seal(descriptor: int) -> None:
    """Sync the bytes of a finished file to the disk."""
    # The kernel's own clock stands still for milliseconds, and a new file may get the inode of one just deleted.
    # A time in nanoseconds keeps their etags apart.
    now = time.time_ns()
    os.utime(descriptor, ns=(now, now))
    os.fsync(descriptor)


def move_create_only(old: str, new: str, *, from_folder: int, to_folder: int) -> None:
    """Rename a file on a file system without hard links, never over an existing file. Raises FileExistsError."""
    # The check and the rename are two steps. The lock keeps our other processes out and ends with this process.
    fcntl.flock(to_folder, fcntl.LOCK_EX)
    try:
        os.stat(new, dir_fd=to_folder, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(old, new, src_dir_fd=from_folder, dst_dir_fd=to_folder)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
    finally:
        fcntl.flock(to_folder, fcntl.LOCK_UN)


def remove_entry(name: str, *, parent: int) -> None:
    """Remove a file or a link. A missing one is not an error."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=parent)


def walk(folder: int, inside: str, *, beginning: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Yield path and facts of the regular files below a folder whose path is `inside`. Skips names that are not ours.

    `beginning`: only files and folders directly in the folder whose names begin so; others are not even opened.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            path = f"{inside}{entry.name}"
            if not entry.name.startswith(beginning) or not is_plain(entry.name):
                continue
            with suppress(FileNotFoundError):
                if entry.is_dir(follow_symlinks=False):
                    with open_entry(entry.name, FOLDER, parent=folder) as below:
                        yield from walk(below, f"{path}/")
                elif entry.is_file(follow_symlinks=False):
                    yield path, entry.stat(follow_symlinks=False)
