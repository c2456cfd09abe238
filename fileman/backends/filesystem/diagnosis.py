"""Check that a folder is fit for uploads, and that its URLs lead to the content view."""

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from sysconfig import get_path
from typing import Any, cast
from uuid import UUID, uuid4

from django.apps import apps
from django.conf import settings as django_settings
from django.db import connections
from django.urls import Resolver404, get_script_prefix, resolve
from django.utils.module_loading import import_string

from fileman import conf
from fileman.backends.diagnosis import PROBE, Probe
from fileman.backends.filesystem.errors import storage_errors
from fileman.backends.filesystem.tree import Tree
from fileman.errors import FileMissing, StorageError

_SYSTEM = ["/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr"]


def folder_problems(tree: Tree, *, manager_id: UUID) -> list[str]:
    """Return one sentence for each problem. Creates missing folders where allowed, writes files and deletes them."""
    probe, root = Probe("", _explain, storage_errors), tree.settings.root
    folders, name = (f".uploads/{manager_id}", "uploads"), f"probe-{uuid4()}"
    for folder in folders:
        deed = f"The folder {root}/{folder} is not writable"
        probe.attempt(deed, partial(_write_and_remove, tree, f"{folder}/{name}"))
    if not probe.problems:
        deed = f"Files cannot be linked from {root}/.uploads to {root}/uploads"
        probe.attempt(deed, partial(_link_and_remove, tree, *(f"{folder}/{name}" for folder in folders)))
    problems = probe.problems + place_problems(root)
    with suppress(OSError):  # missing or unreachable: the probe has reported it
        if Path(root).stat().st_mode & stat.S_IWOTH:
            problems.append(
                f"The folder {root} is world-writable, so any user of this machine could replace stored files."
            )
    return problems


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
    """Return problems of a URL, and of a folder where uploads must not be: served unsigned, or with code or secrets."""
    real, given = Path(os.path.realpath(root)), cast("Any", django_settings)
    project = import_module(getattr(given, "ROOT_URLCONF", "fileman").partition(".")[0])
    code = getattr(project, "__path__", None) or [project.__file__]
    static = [one[-1] if isinstance(one, tuple) else one for one in given.STATICFILES_DIRS]
    places: dict[str, Iterable[Any]] = {
        "the system": _SYSTEM,
        "a hidden folder": [path for path in (real, *real.parents) if path.name.startswith(".")],
        "code": [get_path("purelib"), *code, *(app.path for app in apps.get_app_configs())],
        "templates": [path for engine in given.TEMPLATES for path in engine.get("DIRS", ())],
        "static files": [given.STATIC_ROOT, *static],
        "MEDIA_ROOT, which is served": [given.MEDIA_ROOT] if given.MEDIA_URL.strip("/") else [],
        "the database": [one.settings_dict["NAME"] for one in connections.all() if one.vendor == "sqlite"],
        "keys": conf.settings().CREDENTIALS_FOLDERS,
    }
    found = [name for name, paths in places.items() if any(_overlaps(real, path) for path in paths if path)]
    problems = [f"The folder {root} is in or around {name}. Use a folder of its own." for name in found]
    return base_url_problems(base_url) + problems


def _overlaps(folder: Path, other: str | Path) -> bool:
    real = Path(os.path.realpath(other))
    return folder.is_relative_to(real) or real.is_relative_to(folder)
