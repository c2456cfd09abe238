"""The demo as a user starts it, in a process of its own."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.process import Program, answers_http, free_port, running

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def demo_served(folder: Path, *options: str, origins: str = "") -> Iterator[int]:
    """The port of the demo, which keeps everything in this folder; `origins`: of pages elsewhere that it lets in."""
    port = free_port()
    program = Program(
        command=[sys.executable, str(ROOT / "manage.py"), "demo", "--port", str(port), *options],
        folder=folder,
        environment={
            "DEBUG": "1",
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "VAR_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "MEDIA_ROOT": str(folder / "media"),
            "CORS_ORIGINS": origins,
        },
    )
    with running(program, ready=lambda: answers_http(port)):
        yield port
