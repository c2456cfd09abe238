"""Servers refuse settings that must not be served. They run no system checks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.availability import REPOSITORY
from tests.settings import FILEMAN_SETTINGS

STRONG = "uL3k-9fQz0WvT5yXn7Rb2MhJc8GdPe4SaKi6Vo1NxEwZtBqYrA"
GOOD = {
    "DEBUG": "0",
    "SECRET_KEY": STRONG,
    "FILEMAN_KEYS": FILEMAN_SETTINGS["ENCRYPTION_KEYS"][0],
    "ALLOWED_HOSTS": "files.example.com",
}


@pytest.mark.parametrize("server", ["wsgi", "asgi"])
@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, ""),
        ({"FILEMAN_KEYS": ""}, "FILEMAN_SETTINGS['ENCRYPTION_KEYS'] is empty."),
        ({"FILEMAN_KEYS": "abc"}, "ENCRYPTION_KEYS[0] must be a Fernet key"),
        ({"SECRET_KEY": "abc"}, "Your SECRET_KEY has less than 50 characters"),
        ({"DEBUG": "1"}, "DEBUG is on, but ALLOWED_HOSTS has 'files.example.com'."),
        ({"DEBUG": "1", "ALLOWED_HOSTS": "*"}, "DEBUG is on, but ALLOWED_HOSTS has '*'."),
        ({"DEBUG": "1", "ALLOWED_HOSTS": "8.8.8.8"}, "DEBUG is on, but ALLOWED_HOSTS has '8.8.8.8'."),
        ({"DEBUG": "1", "ALLOWED_HOSTS": "localhost,[::1],192.168.1.5,a.localhost,web"}, ""),
    ],
    ids=["good", "no key", "bad key", "weak", "public name", "any name", "public address", "private"],
)
def test_a_server_starts_only_with_safe_settings(
    server: str, changes: dict[str, str], problem: str, tmp_path: Path
) -> None:
    environment = {**os.environ, **GOOD, **changes, "VAR_DIR": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)

    command = [sys.executable, "-c", f"import project.{server}"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == bool(problem), ended.stderr
    assert problem in ended.stderr.splitlines()[-1] if problem else True
