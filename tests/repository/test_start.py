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


LOCAL = "localhost,[::1],192.168.1.5,a.localhost,web"
CASES: dict[str, tuple[str, dict[str, str], str]] = {
    "good": ("wsgi", {}, ""),
    "without a key": ("wsgi", {"FILEMAN_KEYS": ""}, "FILEMAN_SETTINGS['ENCRYPTION_KEYS'] is empty."),
    "without a key under ASGI": ("asgi", {"FILEMAN_KEYS": ""}, "FILEMAN_SETTINGS['ENCRYPTION_KEYS'] is empty."),
    "a bad key": ("wsgi", {"FILEMAN_KEYS": "abc"}, "ENCRYPTION_KEYS[0] must be a Fernet key"),
    "a weak secret": ("wsgi", {"SECRET_KEY": "abc"}, "Your SECRET_KEY has less than 50 characters"),
    "debug, a public name": ("wsgi", {"DEBUG": "1"}, "DEBUG is on, but ALLOWED_HOSTS has 'files.example.com'."),
    "debug, any name": ("wsgi", {"DEBUG": "1", "ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS has '*'."),
    "debug, a public address": ("wsgi", {"DEBUG": "1", "ALLOWED_HOSTS": "8.8.8.8"}, "ALLOWED_HOSTS has '8.8.8.8'."),
    "debug, private hosts": ("asgi", {"DEBUG": "1", "ALLOWED_HOSTS": LOCAL}, ""),
}


@pytest.mark.parametrize("case", CASES)
def test_a_server_starts_only_with_safe_settings(case: str, tmp_path: Path) -> None:
    server, changes, problem = CASES[case]
    environment = {**os.environ, **GOOD, **changes, "VAR_DIR": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)

    command = [sys.executable, "-c", f"import project.{server}"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == bool(problem), ended.stderr
    assert problem in ended.stderr.splitlines()[-1] if problem else True
