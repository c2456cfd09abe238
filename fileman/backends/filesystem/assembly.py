"""Join parts into one file: the kernel copies them piece by piece, over as many calls as needed."""

import errno
import os

from fileman.backends.filesystem.tree import Tree, seal
from fileman.backends.values import Budget, Slice, Upload
from fileman.errors import PartsMissing, UploadInProgress

PIECE_BYTES = 64 * 1024**2  # copied between two looks at the budget
_BUFFER_BYTES = 1024**2
_CANNOT_COPY = frozenset({errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM})


def missing_parts(tree: Tree, upload: Upload, *, work_folder: str) -> list[Slice]:
    """Return the parts that have not arrived completely. Reads the folder once."""
    sizes = {path.rpartition("/")[2]: found.st_size for path, found in tree.files(f"{work_folder}/")}
    return [part for part in upload.slices() if sizes.get(str(part.part_number)) != part.length]


def assemble(tree: Tree, upload: Upload, budget: Budget, *, work_folder: str) -> None:
    """Join the parts into the file at the upload path, once; then remove them.

    Raises PartsMissing, and UploadInProgress when another call is doing so or the budget is spent, then with the number
    of bytes copied. Those bytes are synced to the disk, so the next call continues after them even after a power cut.
    """
    try:
        _assemble_once(tree, upload, budget, work_folder=work_folder)
    except (FileNotFoundError, PartsMissing):
        if tree.find(upload.upload_path) is None:
            raise
        # Another call has assembled the file and removed the parts meanwhile.
    tree.remove_folder(work_folder)


def _assemble_once(tree: Tree, upload: Upload, budget: Budget, *, work_folder: str) -> None:
    if tree.find(upload.upload_path) is None:
        if missing_parts(tree, upload, work_folder=work_folder):
            raise PartsMissing
        with tree.locked(f"{work_folder}/lock"):
            if tree.find(upload.upload_path) is None:
                _join(tree, upload, budget, work_folder=work_folder)


def _join(tree: Tree, upload: Upload, budget: Budget, *, work_folder: str) -> None:
    temporary = f"{work_folder}/assembled.tmp"
    with tree.opened(temporary, write=True) as target:
        done = min(int(upload.progress.get("assembled_bytes", 0)), os.fstat(target).st_size)
        while done < upload.size:
            part = upload.slice(done // upload.plan.part_size + 1)
            with tree.opened(f"{work_folder}/{part.part_number}") as source:
                length = min(PIECE_BYTES, part.offset + part.length - done)
                done += _copy(source, target, from_offset=done - part.offset, to_offset=done, length=length)
            os.fsync(target)
            if budget.spent and done < upload.size:
                raise UploadInProgress(progress={"assembled_bytes": done})
        seal(target)
    tree.link(temporary, upload.upload_path)


def _copy(source: int, target: int, *, from_offset: int, to_offset: int, length: int) -> int:
    """Copy up to `length` bytes, at least one. Return their number."""
    try:
        copied = os.copy_file_range(source, target, length, from_offset, to_offset)
    except OSError as error:
        if error.errno not in _CANNOT_COPY:
            raise
        copied = os.pwrite(target, os.pread(source, min(_BUFFER_BYTES, length), from_offset), to_offset)
    if not copied:
        raise PartsMissing
    return copied
