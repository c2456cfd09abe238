"""Find what an operator has in hand: a name, an id, a token or a path, as logs, links and storages show them."""

from base64 import b64decode
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Q

from fileman.backends import get_backend
from fileman.backends.diagnosis import Problem
from fileman.backends.endpoints import get_origins
from fileman.backends.settings import BucketSettings
from fileman.errors import StorageError
from fileman.models import File, FileManager, StorageDeletion
from fileman.models.file import find_file_id
from fileman.uploads.lookup import WITH_RELATED

Subjects = tuple[list[FileManager], list[File], list[StorageDeletion]]
"""The rows that one string names, of one type: deletions only if the row of their file is gone."""


def find_subjects(text: str, *, only_files: bool = False) -> Subjects:
    """Return what `text` names: a file manager's name or id, a file's id, global id or upload token, or a path."""
    key = _find_id(text)
    managers = [] if only_files else find_managers(name=text) or (find_managers(pk=key) if key else [])
    if managers:
        return managers, [], []
    where = Q(pk=key) if key else Q(file_path=text) | Q(upload_token=text)  # paths of fileman 0.1 have no id
    files = list(File.objects.filter(where).select_related(*WITH_RELATED).order_by("pk"))
    if files:
        return [], files, []
    deletions = StorageDeletion.objects.filter(Q(path=text) | (Q(file_id=key) if key else Q()))
    return [], [], list(deletions.order_by("due_at", "pk"))


def find_managers(**where: Any) -> list[FileManager]:
    """Return the file managers in the order of their names."""
    return list(FileManager.objects.filter(**where).select_related("group").order_by("name", "pk"))


def diagnose_manager(manager: FileManager) -> list[Problem]:
    """Return the problems of the settings or of the storage behind them. Never raises."""
    try:
        found = get_backend(manager).validate_configuration()[1] or manager.mark_storage()
    except (StorageError, ImproperlyConfigured) as error:
        found = [str(error)]
    return [one if isinstance(one, Problem) else Problem("configuration", one) for one in found]


def describe_success(manager: FileManager) -> str:
    """Return what a test without problems has tried, for pages that upload to the storage too."""
    if not (manager.supports_direct_upload and isinstance(get_backend(manager).settings, BucketSettings)):
        return "works."
    origins = ", ".join(get_origins())
    cors = f"was checked for {origins}" if origins else "was not checked: ALLOWED_ORIGINS and PUBLIC_URL are empty"
    return f"works: test files were sent and read by signed URLs, and deleted. CORS {cors}."


def _find_id(text: str) -> UUID | None:
    """Return the key in an id, in a global id (base64 of "<type>:<key>") or in a file's path."""
    with suppress(ValueError):
        return UUID(text)
    with suppress(ValueError):
        return UUID(b64decode(text, validate=True).decode().partition(":")[2])
    return find_file_id(text)
