"""Check that a folder is fit for uploads, and that its URLs lead to the content view."""

import errno
import os
import stat
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings as django_settings
from django.urls import Resolver404, resolve

from fileman.backends.diagnosis import PROBE, Probe
from fileman.backends.filesystem.errors import storage_errors
from fileman.backends.filesystem.tree import Tree
from fileman.errors import FileMissing, StorageError


def folder_problems(tree: Tree, *, manager_id: UUID) -> list[str]:
    """Return one sentence for each problem. Creates missing folders where allowed, writes files and deletes them."""
    probe = Probe("", _explain, storage_errors)
    folders, name = (f".uploads/{manager_id}", "uploads"), f"probe-{uuid4()}"
    for folder in folders:
        deed = f"The folder {tree.root}/{folder} is not writable"
        probe.attempt(deed, partial(_write_and_remove, tree, f"{folder}/{name}"))
    if not probe.problems:
        deed = f"Files cannot be linked from {tree.root}/.uploads to {tree.root}/uploads"
        probe.attempt(deed, partial(_link_and_remove, tree, *(f"{folder}/{name}" for folder in folders)))
    return probe.problems + _exposure(tree.root)


def base_url_problems(base_url: str) -> list[str]:
    """Return a problem if a path does not lead to the content view: stored files are never served unsigned."""
    if not base_url.startswith("/"):
        return []
    try:
        match = resolve(f"{base_url.rstrip('/')}/signed")
    except Resolver404:
        return [f"There is no view at base_url {base_url!r}. Mount fileman's content view there, or remove base_url."]
    if match.url_name != "content" or "fileman" not in match.app_names:
        return [f"The view at base_url {base_url!r} is not fileman's content view. Mount it there, or remove base_url."]
    return []


def _write_and_remove(tree: Tree, path: str) -> None:
    tree.write(path, [PROBE], temporary=f"{path}.tmp")
    tree.remove(path)


def _link_and_remove(tree: Tree, source: str, target: str) -> None:
    tree.write(source, [PROBE], temporary=f"{source}.tmp")
    try:
        tree.link(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:  # another device: files are copied to it
            raise
    finally:
        tree.remove(source)
        tree.remove(target)


def _explain(deed: str, error: StorageError) -> str:
    return f"{deed}: {_reason(error)}"


def _reason(error: StorageError) -> str:
    cause = error.__cause__
    if isinstance(error, FileMissing):
        return "It was removed during the check."
    if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
        return f"{cause.strerror}."
    return error.message


def _exposure(root: str) -> list[str]:
    """Return the ways around the signed URLs."""
    problems = []
    real = os.path.realpath(root)
    static = getattr(django_settings, "STATIC_ROOT", None)
    if static and _is_inside(real, os.path.realpath(static)):
        problems.append(f"The folder {root} is inside STATIC_ROOT, so the web server would serve every file to anyone.")
    if _is_world_writable(real):
        problems.append(f"The folder {root} is world-writable, so any user of this machine could replace stored files.")
    return problems


def _is_world_writable(folder: str) -> bool:
    try:
        return bool(Path(folder).stat().st_mode & stat.S_IWOTH)
    except OSError:  # missing or unreachable: the probe has reported it
        return False


def _is_inside(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder
