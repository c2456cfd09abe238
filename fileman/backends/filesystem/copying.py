"""Copy files piece by piece, by the kernel where it can, over as many calls as the time limit needs."""

import errno
import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from fileman.backends.filesystem.entries import seal
from fileman.backends.filesystem.tree import Tree
from fileman.backends.time_limit import is_over
from fileman.backends.values import Slice, Upload
from fileman.errors import PartsMissing, UploadInProgress

PIECE_BYTES = 64 * 1024**2  # copied between two looks at the time limit
_BUFFER_BYTES = 1024**2
_CANNOT_COPY = frozenset({errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM})


def work_folder(path: str) -> str:
    """Return the folder for what is unfinished of the upload with this upload path or folder."""
    return f"{path}.parts"


def copy_parts(
    tree: Tree,
    upload: Upload,
    temporary: str,
    *,
    parts: Iterable[Slice],
    opened: Callable[[Slice], AbstractContextManager[int]],
) -> None:
    """Make a file of the parts in order and sync it. The caller holds a lock, and links the file when it is whole.

    Raises UploadInProgress when the time limit is over, with the number of copied bytes in `upload.progress`. Those
    bytes are synced to the disk, so the next call continues after them even after a power cut. Raises FileExistsError
    if the file has been linked already: a file that has a name is never changed.
    """
    with tree.opened(temporary, write=True) as target:
        found = os.fstat(target)
        if found.st_nlink > 1:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), temporary)
        done = min(int(upload.progress.get(temporary, 0)), found.st_size)
        for part in parts:
            while (left := part.offset + part.length - done) > 0:
                length = min(PIECE_BYTES, left)
                with opened(part) as source:
                    _copy_piece(source, target, from_offset=done - part.offset, to_offset=done, length=length)
                os.fsync(target)
                done += length
                upload.progress[temporary] = done
                if is_over() and done < upload.size:
                    raise UploadInProgress
        seal(target)


def _copy_piece(source: int, target: int, *, from_offset: int, to_offset: int, length: int) -> None:
    copied = 0
    while copied < length:
        step = _copy(source, target, from_offset + copied, to_offset + copied, length - copied)
        if not step:
            raise PartsMissing
        copied += step


def _copy(source: int, target: int, from_offset: int, to_offset: int, length: int) -> int:
    """Copy up to `length` bytes. Return their number: 0 at the end of the source."""
    try:
        return os.copy_file_range(source, target, length, from_offset, to_offset)
    except OSError as error:
        if error.errno not in _CANNOT_COPY:
            raise
    return os.pwrite(target, os.pread(source, min(_BUFFER_BYTES, length), from_offset), to_offset)
