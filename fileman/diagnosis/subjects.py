"""Find what an operator has in hand: a name, an id, a token or a path, as logs, links and storages show them."""

import re
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from fileman.models import File, FileManager, StorageDeletion
from fileman.uploads.lookup import WITH_RELATED

_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FILE_IN_PATH = re.compile(rf"(?:^|/)(?:\.uploads/{_ID}|uploads)/({_ID})(?![^/.])", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Subjects:
    """The rows that one string names."""

    managers: Sequence[FileManager] = ()
    files: Sequence[File] = ()
    deletions: Sequence[StorageDeletion] = ()
    """Queued deletions, if no file is found: those of a file whose row is gone."""


def find_subjects(text: str) -> Subjects:
    """Return what `text` names: a file manager's name or id, a file's id, global id or upload token, or a path."""
    managers = find_managers(Q(name=text))
    if managers:
        return Subjects(managers=managers)
    key = _parse_id(text)
    if key is not None:
        managers = find_managers(Q(pk=key))
        return Subjects(managers=managers) if managers else find_file(key)
    if "/" in text:
        return _find_path(text)
    return Subjects(files=_find_files(Q(upload_token=text)))


def find_file(key: UUID) -> Subjects:
    """Return the file of this id, or its queued deletions if its row is gone."""
    return _find_file(Q(pk=key), Q(file_id=key))


def find_managers(where: Q | None = None) -> list[FileManager]:
    """Return the file managers in the order of their names; None: all of them."""
    return list(FileManager.objects.filter(where or Q()).select_related("group").order_by("name", "pk"))


def _find_path(path: str) -> Subjects:
    """Look a file up by the id in the path, or by the path if it is one of fileman 0.1, which has no id."""
    found = _FILE_IN_PATH.search(path)
    if found is None:
        return _find_file(Q(file_path=path), Q(path=path))
    return _find_file(Q(pk=UUID(found[1])), Q(file_id=UUID(found[1])) | Q(path=path))


def _find_file(where: Q, of_deletions: Q) -> Subjects:
    files = _find_files(where)
    return Subjects(files=files, deletions=() if files else list(find_deletions(of_deletions)))


def _find_files(where: Q) -> list[File]:
    return list(File.objects.select_related(*WITH_RELATED).filter(where).order_by("pk"))


def find_deletions(where: Q) -> list[StorageDeletion]:
    """Return queued deletions, the next one first."""
    return list(StorageDeletion.objects.filter(where).order_by("due_at", "pk"))


def _parse_id(text: str) -> UUID | None:
    """Return the key in an id, or in a global id: base64 of "<type>:<key>"."""
    try:
        return UUID(text)
    except ValueError:
        pass
    try:
        return UUID(b64decode(text, validate=True).decode().partition(":")[2])
    except ValueError:
        return None
