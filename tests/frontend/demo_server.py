"""Run the demo as a user starts it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.availability import REPOSITORY
from tests.servers.process import Program, answers_http, free_port, running


@contextmanager
def demo_served(folder: Path, *arguments: str, with_clouds: bool = True, **environment: str) -> Iterator[int]:
    """Run the demo in a folder and yield its port, with more arguments, and variables that are set otherwise."""
    port = free_port()
    module = "tests.servers.demo" if with_clouds else "tests.servers.demo_site"
    program = demo_program(folder, "-m", module, "--port", str(port), *arguments, **environment)
    with running(program, ready=lambda: answers_http(port)):
        yield port


def demo_program(folder: Path, *arguments: str, **environment: str) -> Program:
    """Return a Python program with the settings, the database and the storages of the demo in this folder."""
    return Program(
        command=[sys.executable, *arguments],
        folder=folder,
        environment={
            "DEBUG": "1",
            "PYTHONPATH": str(REPOSITORY),
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "VAR_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "MEDIA_ROOT": str(folder / "media"),
            **environment,
        },
    )
