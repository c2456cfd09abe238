"""Check that a folder is fit for uploads, and that its URLs lead to the content view."""

import errno
import os
import stat
from contextlib import suppress
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

from django.apps import apps
from django.conf import settings as django_settings
from django.urls import Resolver404, get_script_prefix, resolve
from django.utils.module_loading import import_string

from fileman.backends.diagnosis import PROBE, Probe
from fileman.backends.filesystem.errors import storage_errors
from fileman.backends.filesystem.tree import Tree
from fileman.errors import FileMissing, StorageError

_SYSTEM = {"bin", "boot", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "sys", "usr"}


def folder_problems(tree: Tree, *, manager_id: UUID) -> list[str]:
    """Return one sentence for each problem. Creates missing folders where allowed, writes files and deletes them."""
    probe = Probe("", _explain, storage_errors)
    folders, name = (f".uploads/{manager_id}", "uploads"), f"probe-{uuid4()}"
    for folder in folders:
        deed = f"The folder {tree.settings.root}/{folder} is not writable"
        probe.attempt(deed, partial(_write_and_remove, tree, f"{folder}/{name}"))
    if not probe.problems:
        deed = f"Files cannot be linked from {tree.settings.root}/.uploads to {tree.settings.root}/uploads"
        probe.attempt(deed, partial(_link_and_remove, tree, *(f"{folder}/{name}" for folder in folders)))
    return probe.problems + _exposure(tree.settings.root)


def base_url_problems(base_url: str) -> list[str]:
    """Return a problem if a path does not lead to the content view: stored files are never served unsigned."""
    if not base_url.startswith("/"):
        return []
    content = import_string("fileman.views.ContentView")  # it stands above the backends
    with suppress(Resolver404):
        match = resolve("/" + f"{base_url.rstrip('/')}/signed".removeprefix(get_script_prefix()))
        if match.kwargs == {"signed": "signed"} and issubclass(getattr(match.func, "view_class", object), content):
            return []
    mount = f"path({base_url.strip('/') + '/<str:signed>'!r}, fileman.views.ContentView.as_view())"
    return [f"base_url {base_url!r} leads to no content view of fileman. Add {mount} to your URLs, or remove base_url."]


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
    if isinstance(error, FileMissing):
        return f"{deed}: It was removed during the check."
    cause = error.__cause__
    if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
        return f"{deed}: {cause.strerror}."
    return f"{deed}: {error.message}"


def place_problems(root: str, base_url: str = "") -> list[str]:
    """Return a problem for a folder that web servers serve unsigned, one of the system or of code, and a wrong URL."""
    real, problems = Path(os.path.realpath(root)), base_url_problems(base_url)
    served = ("STATIC", "MEDIA") if django_settings.MEDIA_URL.strip("/") else ("STATIC",)
    for name in (f"{kind}_ROOT" for kind in served):
        folder = getattr(django_settings, name)
        if folder and real.is_relative_to(os.path.realpath(folder)):
            problems.append(f"The folder {root} is inside {name}, so the web server would serve every file to anyone.")
    code = [Path(app.path) for app in apps.get_app_configs()]
    has_code = any(real.is_relative_to(path) or path.is_relative_to(real) for path in code)
    if has_code or real.parts[1] in _SYSTEM or any(part.startswith(".") for part in real.parts):
        problems.append(f"The folder {root} is hidden, of the system or of code. Use a folder of its own.")
    return problems


def _exposure(root: str) -> list[str]:
    """Return the ways around the signed URLs."""
    problems = place_problems(root)
    with suppress(OSError):  # missing or unreachable: the probe has reported it
        if Path(root).stat().st_mode & stat.S_IWOTH:
            problems.append(
                f"The folder {root} is world-writable, so any user of this machine could replace stored files."
            )
    return problems
