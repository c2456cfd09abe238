"""Join parts into one file."""

from fileman.backends.filesystem.copying import copy_parts, work_folder
from fileman.backends.filesystem.tree import Tree
from fileman.backends.values import Slice, Upload
from fileman.errors import PartsMissing


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
    try:
        _assemble_once(tree, upload)
    except (FileNotFoundError, PartsMissing):
        if tree.find(upload.upload_path) is None:
            raise
        # Another call has assembled the file and removed the parts meanwhile.
    tree.remove_folder(work_folder(upload.upload_path))


def _assemble_once(tree: Tree, upload: Upload) -> None:
    if tree.find(upload.upload_path) is None:
        if missing_parts(tree, upload):
            raise PartsMissing
        with tree.locked(f"{work_folder(upload.upload_path)}/lock"):
            if tree.find(upload.upload_path) is None:
                _join(tree, upload)


def _join(tree: Tree, upload: Upload) -> None:
    temporary = f"{work_folder(upload.upload_path)}/assembled.tmp"
    copy_parts(tree, upload, temporary, parts=upload.slices(), opened=lambda part: tree.opened(part_path(upload, part)))
    tree.link(temporary, upload.upload_path)
    upload.progress.clear()
