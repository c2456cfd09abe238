"""Join parts, and publish: by a link, or to another device by a copy that takes as many calls as it needs."""

import errno
import os
from contextlib import nullcontext

from fileman.backends.filesystem.entries import seal
from fileman.backends.filesystem.tree import Tree, get_etag
from fileman.backends.time_limit import is_over
from fileman.backends.values import Slice, StoredObject, Upload
from fileman.errors import ObjectChanged, PartsMissing, UploadInProgress

PIECE_BYTES = 64 * 1024**2  # copied between two looks at the time limit
SYNC_BYTES = 4 * PIECE_BYTES  # more would make the last sync outlast the time limit on a slow disk
_BUFFER_BYTES = 1024**2
_CANNOT_COPY = frozenset({errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM})


def work_folder(path: str) -> str:
    """Return the folder for what is unfinished of the upload with this upload path or folder."""
    return f"{path}.parts"


def part_path(upload: Upload, part: Slice) -> str:
    """Return the path of a part that has arrived."""
    return f"{work_folder(upload.upload_path)}/{part.part_number}"


def missing_parts(tree: Tree, upload: Upload) -> list[Slice]:
    """Return the parts that have not arrived completely. Reads the folder once."""
    sizes = {path: found.st_size for path, found in tree.files(f"{work_folder(upload.upload_path)}/")}
    return [part for part in upload.slices() if sizes.get(part_path(upload, part)) != part.length]


def assemble(tree: Tree, upload: Upload) -> None:
    """Join the parts into the file at the upload path, once; then remove them.

    Raises PartsMissing, and UploadInProgress when another call is doing so or the time limit is over.
    """
    folder = work_folder(upload.upload_path)
    temporary = f"{folder}/assembled.tmp"
    try:
        if tree.find(upload.upload_path) is None:
            if missing_parts(tree, upload):
                raise PartsMissing
            with tree.locked(f"{folder}/lock"):
                if tree.find(upload.upload_path) is None:
                    _copy(tree, upload, temporary)
                    tree.link(temporary, upload.upload_path)
                    upload.progress.clear()
    except (FileNotFoundError, PartsMissing):
        if tree.find(upload.upload_path) is None:
            raise
        # Another call has assembled the file and removed the parts meanwhile.
    tree.remove_folder(folder)


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
                with tree.locked(f"{folder}/lock"):
                    _copy(tree, upload, temporary, source=source)
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


def _copy(tree: Tree, upload: Upload, temporary: str, *, source: int | None = None) -> None:
    """Make a file of the parts in order, or of an open source, and sync it.

    The caller holds a lock, and links the file when it is whole.

    Raises UploadInProgress when the time limit is over, with the number of copied bytes in `upload.progress`. Those
    bytes are synced to the disk, so the next call continues after them even after a power cut. Raises FileExistsError
    if the file has been linked already: a file that has a name is never changed.
    """
    whole = Slice(part_number=1, offset=0, length=upload.size)
    with tree.opened(temporary, write=True) as target:
        found = os.fstat(target)
        if found.st_nlink > 1:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), temporary)
        done = synced = min(int(upload.progress.get(temporary, 0)), found.st_size)
        for part in upload.slices() if source is None else [whole]:
            while (left := part.offset + part.length - done) > 0:
                length = min(PIECE_BYTES, left)
                with tree.opened(part_path(upload, part)) if source is None else nullcontext(source) as opened:
                    _copy_piece(opened, target, from_offset=done - part.offset, to_offset=done, length=length)
                done += length
                if done < upload.size and (is_over() or done - synced >= SYNC_BYTES):
                    os.fsync(target)
                    upload.progress[temporary] = synced = done
                    if is_over():
                        raise UploadInProgress
        seal(target)


def _copy_piece(source: int, target: int, *, from_offset: int, to_offset: int, length: int) -> None:
    """Copy bytes by the kernel where it can."""
    while length:
        try:
            copied = os.copy_file_range(source, target, length, from_offset, to_offset)
        except OSError as error:
            if error.errno not in _CANNOT_COPY:
                raise
            copied = os.pwrite(target, os.pread(source, min(_BUFFER_BYTES, length), from_offset), to_offset)
        if not copied:  # the source has ended
            raise PartsMissing
        from_offset, to_offset, length = from_offset + copied, to_offset + copied, length - copied
