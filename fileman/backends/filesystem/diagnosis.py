"""Is a folder fit to hold uploads? Told for the operator, with the folder's name."""

import os
import secrets
import stat
from pathlib import Path
from uuid import UUID

from django.conf import settings as django_settings

from fileman.backends.filesystem.errors import storage_errors
from fileman.backends.filesystem.tree import Tree
from fileman.errors import FilemanError, FileMissing


def folder_problems(tree: Tree, *, manager_id: UUID) -> list[str]:
    """One sentence for each problem. Creates missing folders where that is allowed, writes a file and deletes it."""
    problems = []
    for folder in (f".uploads/{manager_id}", "uploads"):
        reason = _reason_against(tree, folder)
        if reason:
            problems.append(f"The folder {tree.root}/{folder} cannot be written: {reason}")
    return problems + _exposure(tree.root)


def _reason_against(tree: Tree, folder: str) -> str:
    name = f"{folder}/probe-{secrets.token_hex(8)}"
    try:
        with storage_errors():
            tree.write(name, [b"probe"], temporary=f"{name}.tmp")
            tree.remove(name)
    except FileMissing:
        return "it vanished meanwhile."
    except FilemanError as error:
        return _system_word(error) or error.message
    return ""


def _system_word(error: FilemanError) -> str:
    cause = error.__cause__
    return f"{cause.strerror}." if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError) else ""


def _exposure(root: str) -> list[str]:
    """Ways around the signed addresses."""
    problems = []
    real = os.path.realpath(root)
    static = getattr(django_settings, "STATIC_ROOT", None)
    if static and _is_inside(real, os.path.realpath(static)):
        problems.append(f"The folder {root} lies in STATIC_ROOT: the web server would serve every upload to anybody.")
    if _is_world_writable(real):
        problems.append(f"The folder {root} is world-writable: any user of this machine could replace stored files.")
    return problems


def _is_world_writable(folder: str) -> bool:
    try:
        return bool(Path(folder).stat().st_mode & stat.S_IWOTH)
    except OSError:  # absent, or out of our reach: the probe has said so
        return False


def _is_inside(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder
