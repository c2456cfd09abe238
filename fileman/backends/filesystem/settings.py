"""The settings of a file manager of type "file", and `backend_url` beside them."""

import os.path
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import unquote

from fileman import conf
from fileman.backends.endpoints import advise_trust, get_origin, has_plain_host, is_trusted, parsed
from fileman.backends.filesystem.entries import is_plain
from fileman.backends.settings import BackendSettings

FILE_MODE = 0o600
FOLDER_MODE = 0o700


@dataclass(frozen=True, kw_only=True)
class FilesystemSettings(BackendSettings):
    """The `settings` of a file manager of type "file"."""

    fixed: ClassVar[Sequence[str]] = ("base_url",)

    base_path: str = field(metadata={"label": "Folder"})
    """Absolute path of the folder that contains all files."""
    base_url: str = field(default="", metadata={"label": "URL of downloads"})
    """Mount of fileman's content view if it is not the one of `fileman.urls`: a path, or a URL on another domain."""
    create_directories: bool = True
    """No: the folder, with uploads and .uploads in it, must exist, so that an unmounted disk is noticed."""
    permissions: int | str = f"0o{FILE_MODE:o}"
    """Mode of every file, in octal: 0o644 or "644"."""
    directory_permissions: int | str = f"0o{FOLDER_MODE:o}"
    """Mode of every new folder, in octal: 0o755 or "755"."""

    @property
    def root(self) -> str:
        """`base_path` without a trailing slash."""
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
            problems.append("base_path must be the absolute path of a folder, without '..'.")
        problems += _base_url_problems(self.base_url)
        problems += _mode_problems("permissions", self.permissions, needed=FILE_MODE)
        return problems + _mode_problems("directory_permissions", self.directory_permissions, needed=FOLDER_MODE)

    def location_problems(self, backend_url: str) -> list[str]:
        """Return the problems of `backend_url`: it must be empty or name the folder of `base_path`."""
        if not backend_url:
            return []
        url = parsed(backend_url)
        if url.scheme != "file" or url.netloc not in {"", "localhost"} or url.query or url.fragment:
            return ["backend_url must be empty or look like file:///absolute/path/."]
        if os.path.normpath(unquote(url.path)) != self.root:
            return ["backend_url and base_path name different folders."]
        return []


def _base_url_problems(base_url: str) -> list[str]:
    """Return a problem if signed URLs would lead to another site than this one and TRUSTED_ENDPOINTS."""
    if not base_url or re.fullmatch(r"/(?!/)[^\s\\?#]*", base_url):
        return []
    url = parsed(base_url)
    if not has_plain_host(url) or url.query or (url.scheme == "http" and not conf.insecure_endpoints_allowed()):
        return ["base_url must be a path such as '/fileman/content/', or begin with https://."]
    if is_trusted(url) or get_origin(url) == get_origin(parsed(conf.settings().PUBLIC_URL)):
        return []
    return [f"base_url must lead to this site: set PUBLIC_URL, or {advise_trust(url)}."]


def _mode(value: int | str) -> int:
    return int(value, 8) if isinstance(value, str) else value


def _mode_problems(name: str, value: int | str, *, needed: int) -> list[str]:
    try:
        mode = _mode(value)
    except ValueError:
        return [f"{name} must be an octal mode such as '0o{needed:o}'."]
    if not 0 <= mode <= 0o777 or mode & needed != needed:
        return [f"{name} is 0o{mode:o}; it must be at most 0o777 and include 0o{needed:o}, the rights of the owner."]
    return []
