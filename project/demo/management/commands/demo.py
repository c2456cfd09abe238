"""manage.py demo: everything of the project on one machine, for a first look. Under DEBUG only."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from project.demo import storages
from project.demo.storages import DemoStorage

THREADS = 8


class Command(BaseCommand):
    help = "Migrate SQLite, make the demo users and file managers, start the storages' stand-ins, and serve."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--local-only", action="store_true", help="start no stand-ins for clouds")

    def handle(self, *_: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo has well-known passwords: it runs with DEBUG=1 only.")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        site = f"http://localhost:{options['port']}"
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        call_command("migrate", verbosity=0)
        _make_users()
        storages.make_local()
        offered = [DemoStorage(name="Local disk", backend_type="file", available=True)]
        stand_ins = None
        if not options["local_only"]:
            stand_ins, descriptions = storages.start_stand_ins(site)
            offered += [_offer(description) for description in descriptions]
        (settings.VAR_DIR / "demo-storages.json").write_text(json.dumps([asdict(one) for one in offered]))
        self._print_addresses(site, offered)
        try:
            _serve(options["port"])
        finally:
            if stand_ins is not None:
                stand_ins.communicate()

    def _print_addresses(self, site: str, offered: list[DemoStorage]) -> None:
        self.stdout.write(f"\n  Page      {site}/             sign in as demo / demo")
        self.stdout.write(f"  GraphiQL  {site}/graphql")
        self.stdout.write(f"  Admin     {site}/admin/       sign in as admin / admin\n")
        for storage in offered:
            state = "ready" if storage.available else f"not running: {storage.reason}"
            self.stdout.write(f"  {storage.name:<28} {state}")
        self.stdout.write("\n  Ctrl-C stops it all.\n")
        self.stdout.flush()


def _make_users() -> None:
    users = get_user_model().objects
    for name, is_admin in (("demo", False), ("admin", True)):
        user, made = users.get_or_create(username=name, defaults={"is_staff": is_admin, "is_superuser": is_admin})
        if made:
            user.set_password(name)
            user.save()


def _offer(description: dict[str, Any]) -> DemoStorage:
    title, kind = description["title"], description["backend_type"]
    if "missing" in description:
        storages.forget(title)
        return DemoStorage(name=title, backend_type=kind, available=False, reason=description["missing"])
    storages.make_stand_in(description)
    return DemoStorage(name=title, backend_type=kind, available=True, origin=description["origin"])


def _serve(port: int) -> None:
    """The WSGI server that production uses too, in one process with threads; ends with this one, however that ends."""
    starter = settings.BASE_DIR / "tests" / "servers" / "exec_with_starter.py"
    command = [
        sys.executable, str(starter), str(os.getpid()), "-", "-",
        sys.executable, "-m", "gunicorn", "project.wsgi", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread",
        "--threads", str(THREADS), "--no-control-socket", "--timeout", "600", "--graceful-timeout", "3",
        "--log-level", "warning",
    ]  # fmt: skip
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings"}
    server = subprocess.Popen(command, env=environment, cwd=settings.BASE_DIR)  # noqa: S603
    try:
        status = server.wait()
    except (KeyboardInterrupt, SystemExit):
        server.terminate()
        status = server.wait()
    if status:
        raise CommandError(f"The server ended with status {status}. Is port {port} free?")
