"""The settings of the filesystem backend, and where `backend_url` has to agree with them."""

import os.path
from dataclasses import dataclass
from urllib.parse import unquote

from django.urls import Resolver404, resolve

from fileman.backends.endpoints import parsed
from fileman.backends.filesystem.paths import is_plain
from fileman.backends.settings import BackendSettings

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_MODES = 0o777


@dataclass(frozen=True, kw_only=True)
class FilesystemSettings(BackendSettings):
    """The `settings` of a file manager of type "file"."""

    base_path: str
    """Absolute path of the folder that holds everything."""
    base_url: str = ""
    """Where fileman's content view is mounted, when not where `fileman.urls` puts it: a path, or another domain."""
    create_directories: bool = True
    """False: folders must exist; a missing one is an error, and nothing is created."""
    permissions: int | str = FILE_MODE
    """Mode of every file: 0o644 or "0o644" or "644"."""
    directory_permissions: int | str = FOLDER_MODE
    """Mode of every folder that is created."""

    @property
    def root(self) -> str:
        """`base_path` without a slash at its end."""
        return os.path.normpath(self.base_path)

    @property
    def file_mode(self) -> int:
        return _mode(self.permissions)

    @property
    def folder_mode(self) -> int:
        return _mode(self.directory_permissions)

    def problems(self) -> list[str]:
        problems = super().problems()
        names = [name for name in self.base_path.split("/") if name]
        if not self.base_path.startswith("/") or not names or not all(is_plain(name) for name in names):
            problems.append("base_path must be an absolute path of a folder, without '..'.")
        if self.base_url and not self.base_url.startswith(("/", "https://", "http://")):
            problems.append("base_url must be a path such as '/fileman/content/', or begin with https://.")
        problems += _mode_problems("permissions", self.permissions, needed=FILE_MODE)
        return problems + _mode_problems("directory_permissions", self.directory_permissions, needed=FOLDER_MODE)


def location_problems(backend_url: str, settings: FilesystemSettings) -> list[str]:
    """`backend_url` may be empty or name the same folder as `base_path`."""
    if not backend_url:
        return []
    url = parsed(backend_url)
    if url.scheme != "file" or url.netloc not in {"", "localhost"} or url.query or url.fragment:
        return ["backend_url must be empty or look like file:///absolute/path/."]
    if os.path.normpath(unquote(url.path)) != settings.root:
        return ["backend_url and base_path name different folders."]
    return []


def base_url_problems(base_url: str) -> list[str]:
    """A path must lead to the content view: what is stored is never served unsigned. Needs the urls of the project."""
    if not base_url.startswith("/"):
        return []
    try:
        match = resolve(f"{base_url.rstrip('/')}/signed")
    except Resolver404:
        return [f"base_url {base_url!r} leads nowhere. Mount fileman's content view there, or leave it out."]
    if match.url_name != "content" or "fileman" not in match.app_names:
        return [f"base_url {base_url!r} does not lead to fileman's content view. Mount it there, or leave it out."]
    return []


def _mode(value: int | str) -> int:
    return int(value, 8) if isinstance(value, str) else value


def _mode_problems(name: str, value: int | str, *, needed: int) -> list[str]:
    try:
        mode = _mode(value)
    except ValueError:
        return [f"{name} must be an octal mode such as '0o{needed:o}'."]
    if not 0 <= mode <= _MODES or mode & needed != needed:
        return [f"{name} is 0o{mode:o}; it must be at most 0o777 and include 0o{needed:o}, the owner's own rights."]
    return []
