"""The facts of a file, as the facts of a stored object."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime

from fileman.backends.filesystem.tree import Tree
from fileman.backends.values import StoredObject
from fileman.errors import FileMissing


def get_etag(found: os.stat_result) -> str:
    """Return the same for every name of one file. No file is ever changed after it got its name."""
    return f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"


def to_stored_object(path: str, found: os.stat_result, *, checksums: Mapping[str, str] | None = None) -> StoredObject:
    """Return the facts of a file, with the checksums that were computed over it."""
    modified = datetime.fromtimestamp(found.st_mtime, tz=UTC)
    return StoredObject(
        path=path, size=found.st_size, etag=get_etag(found), checksums=checksums or {}, modified=modified
    )


def get_object(tree: Tree, path: str, *, checksums: Mapping[str, str] | None = None) -> StoredObject:
    """Return the facts of the file at a path. Raises FileMissing."""
    found = tree.find(path)
    if found is None:
        raise FileMissing
    return to_stored_object(path, found, checksums=checksums)
