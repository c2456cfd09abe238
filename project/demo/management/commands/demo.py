"""`manage.py demo`: prepare and serve this project on one machine. Runs with DEBUG only."""

import os
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from project.demo import storages
from project.demo.storages import DemoStorage


class Command(BaseCommand):
    help = "Migrate the database, create the demo users and file managers, and serve."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--storages", type=Path, metavar="FILE", help="clouds as JSON, in the format of project/demo/storages.py"
        )

    def handle(self, *_: Any, port: int, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo uses well-known passwords. Run it with DEBUG=1 only.")
        clouds = storages.read_storages(options["storages"]) if options["storages"] else []
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        call_command("migrate", verbosity=0)
        _create_users()
        offer = [storages.create_local_disk(), *clouds]
        for cloud in clouds:
            storages.replace_file_manager(cloud)
        storages.save_offer(offer)
        self._print_summary(f"http://localhost:{port}", offer)
        _become_server(port)

    def _print_summary(self, site: str, offer: list[DemoStorage]) -> None:
        self.stdout.write(f"\n  Page      {site}/             sign in as demo / demo")
        self.stdout.write(f"  GraphiQL  {site}/graphql")
        self.stdout.write(f"  Admin     {site}/admin/       sign in as admin / admin\n")
        for storage in offer:
            self.stdout.write(f"  {storage.name:<28} {f'not running: {storage.reason}' if storage.reason else 'ready'}")
        self.stdout.write("\n  Ctrl-C stops everything.\n")
        self.stdout.flush()


def _create_users() -> None:
    users = get_user_model().objects
    for name, is_admin in (("demo", False), ("admin", True)):
        user, created = users.get_or_create(username=name, defaults={"is_staff": is_admin, "is_superuser": is_admin})
        if created:
            user.set_password(name)
            user.save()


def _become_server(port: int) -> None:
    """Replace this process by gunicorn: one process, set up as in production. Signals reach it directly."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    os.chdir(settings.BASE_DIR)
    command = [
        sys.executable, "-m", "gunicorn", "--config", "docs/deployment/gunicorn_config.py",
        "--bind", f"127.0.0.1:{port}", "--timeout", "600", "--graceful-timeout", "3", "--log-level", "warning",
    ]  # fmt: skip
    os.execv(command[0], command)  # noqa: S606
