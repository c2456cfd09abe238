"""Parts: bytes of one file, which several requests write at their offsets at once.

A table beside the file has an entry for each part: zeros, the random key of the request that writes it, or ARRIVED. A
newer request takes a part over, because an older one may hang. Each look at an entry and the write that it allows
happen under the lock of the file. See docs/adr/0014-parts-are-written-into-one-file.md.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from fileman.backends.filesystem.entries import locked, seal, write_all
from fileman.backends.filesystem.tree import Tree
from fileman.backends.values import Slice, Upload
from fileman.errors import PartsMissing, UploadInProgress

ARRIVED = b"\xff" * 16  # no uuid4


def work_folder(path: str) -> str:
    """Return the folder for what is unfinished of the upload with this upload path or folder."""
    return f"{path}.parts"


def missing_parts(tree: Tree, upload: Upload) -> list[Slice]:
    """Return the parts that have not arrived completely."""
    with suppress(FileNotFoundError), _opened(tree, upload, os.O_RDONLY) as (whole, table):
        if os.fstat(whole).st_size == upload.size:
            return [part for part in upload.slices() if _get_entry(table, part) != ARRIVED]
    return list(upload.slices())


def write_part(tree: Tree, upload: Upload, part: Slice, chunks: Iterable[bytes]) -> None:
    """Write a part and sync it to the disk; only then enter it as arrived.

    Raises UploadInProgress if it has arrived, if a newer request takes it over, and if the upload has ended.
    """
    key, position = uuid4().bytes, part.part_number * len(ARRIVED)
    with _opened(tree, upload, os.O_RDWR | os.O_CREAT) as (whole, table):
        with locked(whole, wait=True):
            _check_is_unfinished(tree, upload, whole)
            if os.fstat(whole).st_size != upload.size:  # a new file; the table may be that of a lost one
                os.ftruncate(table, 0)
                os.fsync(table)
                os.ftruncate(whole, upload.size)
            if _get_entry(table, part) == ARRIVED:
                raise UploadInProgress
            os.pwrite(table, key, position)
        os.lseek(whole, part.offset, os.SEEK_SET)
        for chunk in chunks:
            with _turn(whole, table, part, key):
                write_all(whole, chunk)
        os.fdatasync(whole)
        with _turn(whole, table, part, key):
            _check_is_unfinished(tree, upload, whole)
            os.pwrite(table, ARRIVED, position)
        os.fdatasync(table)


def assemble(tree: Tree, upload: Upload) -> None:
    """Link the file to its upload path when all parts have arrived, once; then remove what is left.

    Raises PartsMissing, and UploadInProgress if another call or a late request holds the lock.
    """
    folder = work_folder(upload.upload_path)
    with suppress(FileNotFoundError), _opened(tree, upload, os.O_RDWR) as (whole, _), locked(whole):
        if tree.find(upload.upload_path) is None:
            _check_is_unfinished(tree, upload, whole)
            if missing_parts(tree, upload):
                raise PartsMissing
            seal(whole)
            tree.link(f"{folder}/whole.tmp", upload.upload_path)
    if tree.find(upload.upload_path) is None:
        raise PartsMissing
    tree.remove_folder(folder)


@contextmanager
def _opened(tree: Tree, upload: Upload, flags: int) -> Iterator[tuple[int, int]]:
    folder = work_folder(upload.upload_path)
    with tree.opened(f"{folder}/whole.tmp", flags) as whole, tree.opened(f"{folder}/table", flags) as table:
        yield whole, table


def _check_is_unfinished(tree: Tree, upload: Upload, whole: int) -> None:
    """Raise UploadInProgress if the file was removed or has another name: that of a finished file."""
    found = tree.find(f"{work_folder(upload.upload_path)}/whole.tmp")
    is_only_name = found and found.st_nlink == 1 and os.path.samestat(found, os.fstat(whole))
    if not is_only_name or tree.find(upload.upload_path):
        raise UploadInProgress


@contextmanager
def _turn(whole: int, table: int, part: Slice, key: bytes) -> Iterator[None]:
    """Hold the lock while the part belongs to the request with this key. Raises UploadInProgress if it does not."""
    with locked(whole, wait=True):
        if _get_entry(table, part) != key:
            raise UploadInProgress
        yield


def _get_entry(table: int, part: Slice) -> bytes:
    return os.pread(table, len(ARRIVED), part.part_number * len(ARRIVED))
