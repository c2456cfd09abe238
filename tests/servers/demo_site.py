"""The site of the demo: `python -m tests.servers.demo_site [--port PORT] [--storages FILE]`. Runs with DEBUG only.

It migrates the database, creates users and file managers and becomes gunicorn. FILE holds a JSON list with one object
per cloud, running or not:

    [{"name": "Amazon S3", "backend_type": "s3", "backend_url": "s3://demo/", "settings": {"bucket_name": "demo", ...},
      "origin": "http://127.0.0.1:9000"},
     {"name": "Azure Blob", "backend_type": "azure", "reason": "Azurite is not installed"}]

The first four keys become a site-wide file manager; `origin` is the origin that browsers send the bytes to. `reason`
says why a cloud is not running; the page shows it. The clouds start empty, so rows of an earlier run are deleted.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import transaction

from fileman.models import File, FileManager, StorageDeletion
from project.pages import get_offer_path

LOCAL_DISK = "Local disk"
Storage = dict[str, Any]
"""One storage that the page offers, with the keys of the JSON above."""


def main(port: int, clouds: Iterable[Storage]) -> None:
    if not settings.DEBUG:
        sys.exit("The demo uses well-known passwords. Run it with DEBUG=1 only.")
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0)
    _create_users()
    offer = create_storages(clouds)
    _print_summary(f"http://localhost:{port}", offer)
    _become_server(port)


def create_storages(clouds: Iterable[Storage]) -> list[Storage]:
    """Create the file managers, and write down for the pages which storages this run offers, without their settings."""
    offer = [_create_local_disk(), *clouds]
    for cloud in offer[1:]:
        _replace_file_manager(cloud)
    shown = ("name", "backend_type", "reason", "origin")
    told = [{key: one.get(key, "") for key in shown} | {"available": not one.get("reason")} for one in offer]
    get_offer_path().write_text(json.dumps(told))
    return offer


def _create_local_disk() -> Storage:
    """Make a folder under VAR_DIR the site-wide default."""
    manager = FileManager.objects.filter(name=LOCAL_DISK, group=None).first() or FileManager(name=LOCAL_DISK)
    manager.backend_type = "file"
    manager.settings = {"base_path": str(settings.MEDIA_ROOT)}
    manager.is_default = True
    manager.max_file_size = 0
    manager.save()
    return {"name": LOCAL_DISK, "backend_type": "file"}


@transaction.atomic  # so that nothing is deleted from the storages of the earlier run, which are gone
def _replace_file_manager(storage: Storage) -> None:
    """Delete the file manager of an earlier run with its rows, and create a new one if the storage is running."""
    earlier = FileManager.objects.filter(name=storage["name"], group=None)
    File.objects.filter(file_manager__in=earlier).delete()
    StorageDeletion.objects.filter(file_manager__in=earlier).delete()
    earlier.delete()
    if not storage.get("reason"):
        given = {key: storage[key] for key in ("name", "backend_type", "backend_url", "settings")}
        FileManager.objects.create(**given, max_file_size=0)


def _create_users() -> None:
    users = get_user_model().objects
    for name, is_admin in (("demo", False), ("admin", True)):
        user, created = users.get_or_create(username=name, defaults={"is_staff": is_admin, "is_superuser": is_admin})
        if created:
            user.set_password(name)
            user.save()
            user.user_permissions.add(Permission.objects.get(codename="publish_file"))


def _print_summary(site: str, offer: Iterable[Storage]) -> None:
    lines = [
        f"\n  Page      {site}/             sign in as demo / demo",
        f"  GraphiQL  {site}/graphql",
        f"  Admin     {site}/admin/       sign in as admin / admin\n",
    ]
    states = {one["name"]: f"not running: {one['reason']}" if one.get("reason") else "ready" for one in offer}
    lines += [f"  {name:<28} {state}" for name, state in states.items()]
    sys.stdout.write("\n".join([*lines, "\n  Ctrl-C stops everything.\n\n"]))
    sys.stdout.flush()


def _become_server(port: int) -> None:
    """Replace this process by gunicorn: one process, set up as in production. Signals reach it directly."""
    os.chdir(settings.BASE_DIR)
    command = [
        sys.executable, "-m", "gunicorn", "--config", "docs/deployment/gunicorn_config.py",
        "--bind", f"127.0.0.1:{port}", "--timeout", "600", "--graceful-timeout", "3", "--log-level", "warning",
    ]  # fmt: skip
    os.execv(command[0], command)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.servers.demo_site", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--storages", type=Path, metavar="FILE", help="clouds as JSON")
    given = parser.parse_args()
    main(given.port, json.loads(given.storages.read_text()) if given.storages else [])
