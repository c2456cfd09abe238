"""Check that a folder is fit for uploads, and that its URLs lead to the content view."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from sysconfig import get_path
from typing import Any, cast

from django.apps import apps
from django.conf import settings as django_settings
from django.db import connections
from django.urls import Resolver404, get_script_prefix, resolve
from django.utils.module_loading import import_string

from fileman import conf
from fileman.backends.diagnosis import Diagnosis, Problem
from fileman.backends.filesystem.settings import FilesystemSettings
from fileman.errors import FilemanError

_SYSTEM = ["/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr"]


class FilesystemDiagnosis(Diagnosis):
    _settings: FilesystemSettings

    def _reach(self) -> str | None:
        root, wrong_url = self._settings.root, base_url_problems(self._settings.base_url)
        found = wrong_url + place_problems(root)
        with suppress(OSError):  # missing or unreachable: the probe reports it
            if Path(root).stat().st_mode & stat.S_IWOTH:
                found.append(f"The folder {root} is world-writable, so any user of this machine can replace files.")
        for sentence in found:
            self._report("place", sentence)
        return None if wrong_url else ""

    def _explain(self, step: str, error: FilemanError) -> Problem:
        cause, root = error.__cause__, self._settings.root
        if not isinstance(cause, OSError) or isinstance(cause, FileNotFoundError):
            return Problem("folder", f"{root}: {error.message}")
        if step == "copy an object":
            cannot = f"Files cannot be linked from {root}/.uploads to {root}/uploads"
            return Problem("folder.link", f"{cannot}: {cause.strerror}.")
        return Problem("folder", f"The folder {root}/.uploads is not writable: {cause.strerror}.")


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
