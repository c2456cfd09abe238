"""The storages of the demo: the local disk, and the clouds that `manage.py demo --storages FILE` is told about.

FILE holds a JSON list with one object per cloud, running or not:

    [{"name": "Amazon S3", "backend_type": "s3", "backend_url": "s3://demo/", "settings": {"bucket_name": "demo", ...},
      "origin": "http://127.0.0.1:9000"},
     {"name": "Azure Blob", "backend_type": "azure", "reason": "Azurite is not installed"}]

The first four keys become a site-wide file manager; `origin` is the origin that browsers send the bytes to. `reason`
says why a cloud is not running; the page shows it. The clouds start empty, so rows of an earlier run are deleted.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings as project_settings

from fileman.models import File, FileManager, StorageDeletion

LOCAL_DISK = "Local disk"


@dataclass(frozen=True, kw_only=True)
class DemoStorage:
    """One storage that the page offers, with the keys of the JSON above."""

    name: str
    backend_type: str
    backend_url: str = ""
    settings: dict[str, Any] = field(default_factory=dict, repr=False)
    origin: str = ""
    reason: str = ""


def read_storages(path: Path) -> list[DemoStorage]:
    """Return the storages that a file describes."""
    return [DemoStorage(**described) for described in json.loads(path.read_text())]


def create_local_disk() -> DemoStorage:
    """Make a folder under VAR_DIR the site-wide default."""
    manager = FileManager.objects.filter(name=LOCAL_DISK, group=None).first() or FileManager(name=LOCAL_DISK)
    manager.backend_type = "file"
    manager.settings = {"base_path": str(project_settings.MEDIA_ROOT)}
    manager.is_default = True
    manager.max_file_size = 0
    manager.save()
    return DemoStorage(name=LOCAL_DISK, backend_type="file")


def replace_file_manager(storage: DemoStorage) -> None:
    """Delete the file manager of an earlier run with its rows, and create a new one if the storage is running."""
    earlier = FileManager.objects.filter(name=storage.name, group=None)
    File.objects.filter(file_manager__in=earlier).delete()
    StorageDeletion.objects.filter(file_manager__in=earlier).delete()
    earlier.delete()
    if not storage.reason:
        FileManager.objects.create(
            name=storage.name,
            backend_type=storage.backend_type,
            backend_url=storage.backend_url,
            settings=storage.settings,
            max_file_size=0,
        )


def save_offer(storages: Iterable[DemoStorage]) -> None:
    """Write down for the pages which storages this run offers, without their settings."""
    shown = ("name", "backend_type", "reason", "origin")
    offer = [{key: getattr(one, key) for key in shown} | {"available": not one.reason} for one in storages]
    _get_offer_path().write_text(json.dumps(offer))


def load_offer() -> list[dict[str, Any]]:
    """Return what `save_offer` wrote; an empty list outside of the demo."""
    if not project_settings.DEBUG or not _get_offer_path().is_file():
        return []
    offer: list[dict[str, Any]] = json.loads(_get_offer_path().read_text())
    return offer


def _get_offer_path() -> Path:
    folder: Path = project_settings.VAR_DIR
    return folder / "demo-storages.json"
