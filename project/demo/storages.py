"""The storages of the demo: the local disk always, clouds as far as their stand-ins run on this machine.

The stand-ins are child processes that end with this one. They keep everything in memory, so what an earlier run stored
in them is gone, and its rows are dropped.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import IO, Any, cast

from django.conf import settings

from fileman.models import File, FileManager, StorageDeletion


@dataclass(frozen=True, kw_only=True)
class DemoStorage:
    """One storage that the page offers."""

    name: str
    backend_type: str
    available: bool
    reason: str = ""
    """Why it is not available, for the page."""
    origin: str = ""
    """Where the browser sends the bytes, when that is not this server."""


def start_stand_ins(origin: str) -> tuple[subprocess.Popen[str], list[dict[str, Any]]]:
    """Start moto, Azurite and the GCS emulator; each answers its file manager, or why it is missing."""
    command = [sys.executable, "-m", "tests.servers.demo", origin]
    process = subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=settings.BASE_DIR
    )
    lines = cast("IO[str]", process.stdout)
    return process, [json.loads(line) for line in iter(lines.readline, "end\n")]


def make_local() -> FileManager:
    """The site-wide default: a folder under var/."""
    manager = FileManager.objects.filter(name="Local disk", group=None).first() or FileManager(name="Local disk")
    manager.backend_type = "file"
    manager.settings = {"base_path": str(settings.MEDIA_ROOT)}
    manager.is_default = True
    manager.max_file_size = 0
    manager.save()
    return manager


def make_stand_in(description: dict[str, Any]) -> FileManager:
    """A file manager on a freshly started stand-in; what the last run left of it is dropped."""
    forget(description["title"])
    return FileManager.objects.create(
        name=description["title"],
        backend_type=description["backend_type"],
        backend_url=description["backend_url"],
        settings=description["settings"],
        max_file_size=0,
    )


def forget(name: str) -> None:
    """Drop a stand-in's file manager with its rows; their objects went with its process."""
    managers = FileManager.objects.filter(name=name, group=None)
    File.objects.filter(file_manager__in=managers).delete()
    StorageDeletion.objects.filter(file_manager__in=managers).delete()
    managers.delete()
