"""Publish: by a link, or to another device by a copy that takes as many calls as it needs."""

import errno
import os

from fileman.backends.filesystem.entries import locked, seal
from fileman.backends.filesystem.parts import work_folder
from fileman.backends.filesystem.tree import Tree, get_etag
from fileman.backends.time_limit import is_over
from fileman.backends.values import StoredObject, Upload
from fileman.errors import ObjectChanged, UploadInProgress

PIECE_BYTES = 64 * 1024**2  # copied between two looks at the time limit
SYNC_BYTES = 4 * PIECE_BYTES  # more would make the last sync outlast the time limit on a slow disk
_BUFFER_BYTES = 1024**2
_CANNOT_COPY = frozenset({errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM})


def publish(tree: Tree, upload: Upload, verified: StoredObject) -> StoredObject:
    """Give the verified file its file path.

    Raises ObjectChanged if another file is at the upload path, or any file at the file path. Raises UploadInProgress
    while a copy goes on, with the number of copied bytes in `upload.progress`.
    """
    folder = work_folder(upload.folder)
    # Named by the source, so that a copy of one file is never continued with the bytes of another.
    temporary = f"{folder}/{verified.etag}.tmp"
    copied = upload.progress.get(temporary, 0)
    upload.progress.clear()
    try:
        with tree.opened(upload.upload_path) as source:
            _check(os.fstat(source), verified)
            try:
                tree.link(upload.upload_path, upload.file_path)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                upload.progress[temporary] = copied
                with tree.opened(f"{folder}/lock", os.O_RDWR | os.O_CREAT) as lock, locked(lock):
                    _copy(tree, upload, temporary, source)
                    upload.progress.clear()
                    _check(os.fstat(source), verified)
                    tree.link(temporary, upload.file_path)
                tree.remove_folder(folder)
            else:
                if tree.get(upload.file_path).etag != verified.etag:  # replaced just before the link
                    tree.remove(upload.file_path)
                    tree.remove_empty_folders(upload.file_path)
                    raise ObjectChanged
    except FileExistsError:
        upload.progress.clear()
        raise ObjectChanged from None
    # The same file, or a copy of one that has not changed meanwhile: what was computed over it holds here too.
    return tree.get(upload.file_path, checksums=verified.checksums)


def _check(found: os.stat_result, verified: StoredObject) -> None:
    if get_etag(found) != verified.etag:
        raise ObjectChanged


def _copy(tree: Tree, upload: Upload, temporary: str, source: int) -> None:
    """Copy an open source to a file, and sync it. The caller holds a lock, and links the file when it is whole.

    Raises UploadInProgress when the time limit is over, with the number of copied bytes in `upload.progress`. Those
    bytes are synced to the disk, so the next call continues after them even after a power cut. Raises FileExistsError
    if the file has been linked already: a file that has a name is never changed.
    """
    with tree.opened(temporary, os.O_RDWR | os.O_CREAT) as target:
        found = os.fstat(target)
        if found.st_nlink > 1:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), temporary)
        done = synced = min(int(upload.progress.get(temporary, 0)), found.st_size)
        while done < upload.size:
            done += _copy_piece(source, target, done, min(PIECE_BYTES, upload.size - done))
            if done < upload.size and (is_over() or done - synced >= SYNC_BYTES):
                os.fsync(target)
                upload.progress[temporary] = synced = done
                if is_over():
                    raise UploadInProgress
        seal(target)


def _copy_piece(source: int, target: int, offset: int, length: int) -> int:
    """Copy bytes by the kernel where it can. Return their number."""
    try:
        copied = os.copy_file_range(source, target, length, offset, offset)
    except OSError as error:
        if error.errno not in _CANNOT_COPY:
            raise
        copied = os.pwrite(target, os.pread(source, min(_BUFFER_BYTES, length), offset), offset)
    if not copied:  # the source has ended
        raise ObjectChanged
    return copied
