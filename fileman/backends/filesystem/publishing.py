"""Publish an upload: link its file to the file path, or copy it there if that is on another device."""

import errno
import os
from contextlib import nullcontext

from fileman.backends.filesystem.copying import copy_parts, work_folder
from fileman.backends.filesystem.objects import get_etag, get_object
from fileman.backends.filesystem.tree import Tree
from fileman.backends.values import Slice, StoredObject, Upload
from fileman.errors import ObjectChanged


def publish(tree: Tree, upload: Upload, verified: StoredObject) -> StoredObject:
    """Give the verified file its file path.

    Raises ObjectChanged if another file is at the upload path, or any file at the file path. Raises UploadInProgress
    while a copy goes on, with the number of copied bytes in `upload.progress`.
    """
    # Named by the source, so that a copy of one file is never continued with the bytes of another.
    temporary = f"{work_folder(upload.folder)}/{verified.etag}.tmp"
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
                _copy(tree, upload, verified, source=source, temporary=temporary)
            else:
                _check_link(tree, upload, verified)
    except FileExistsError:
        upload.progress.clear()
        raise ObjectChanged from None
    # The same file, or a copy of one that has not changed meanwhile: what was computed over it holds here too.
    return get_object(tree, upload.file_path, checksums=verified.checksums)


def _check(found: os.stat_result, verified: StoredObject) -> None:
    if get_etag(found) != verified.etag:
        raise ObjectChanged


def _check_link(tree: Tree, upload: Upload, verified: StoredObject) -> None:
    """Remove the new link if the file at the upload path was replaced just before."""
    if get_object(tree, upload.file_path).etag != verified.etag:
        tree.remove(upload.file_path)
        tree.remove_empty_folders(upload.file_path)
        raise ObjectChanged


def _copy(tree: Tree, upload: Upload, verified: StoredObject, *, source: int, temporary: str) -> None:
    folder = work_folder(upload.folder)
    whole = Slice(part_number=1, offset=0, length=verified.size)
    with tree.locked(f"{folder}/lock"):
        copy_parts(tree, upload, temporary, parts=[whole], opened=lambda _: nullcontext(source))
        upload.progress.clear()
        _check(os.fstat(source), verified)
        tree.link(temporary, upload.file_path)
    tree.remove_folder(folder)
