"""Servers refuse settings that must not be served. They run no system checks."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection
from django.test import Client, override_settings

from project.security import require_safe_settings
from tests.servers.availability import REPOSITORY
from tests.settings import FILEMAN_SETTINGS

STRONG = "uL3k-9fQz0WvT5yXn7Rb2MhJc8GdPe4SaKi6Vo1NxEwZtBqYrA"
GOOD = {"DEBUG": False, "SECRET_KEY": STRONG, "ALLOWED_HOSTS": ["files.example.com"]}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "without a key": ({"FILEMAN_SETTINGS": {}}, r"ENCRYPTION_KEYS'\] is empty\."),
    "a bad key": ({"FILEMAN_SETTINGS": {"ENCRYPTION_KEYS": ["abc"]}}, r"ENCRYPTION_KEYS\[0\] must be a Fernet key"),
    "a weak secret": ({"SECRET_KEY": "abc"}, "Your SECRET_KEY has less than 50 characters"),
    "debug, a public name": ({"DEBUG": True}, r"DEBUG is on, but ALLOWED_HOSTS has 'files\.example\.com'"),
    "debug, any name": ({"DEBUG": True, "ALLOWED_HOSTS": ["*"]}, r"ALLOWED_HOSTS has '\*'"),
    "debug, a public address": ({"DEBUG": True, "ALLOWED_HOSTS": ["8.8.8.8"]}, r"ALLOWED_HOSTS has '8\.8\.8\.8'"),
    "debug, a public IPv6 address": ({"DEBUG": True, "ALLOWED_HOSTS": ["[2001:db8::1]"]}, "ALLOWED_HOSTS has"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unsafe_settings_are_refused(case: str) -> None:
    changes, problem = REFUSED[case]

    with override_settings(**{**GOOD, **changes}), pytest.raises(ImproperlyConfigured, match=problem):
        require_safe_settings()


def test_safe_settings_are_accepted() -> None:
    with override_settings(**GOOD):
        require_safe_settings()
    with override_settings(DEBUG=True, ALLOWED_HOSTS=["localhost", "[::1]", "192.168.1.5", "a.localhost", "web"]):
        require_safe_settings()


@pytest.mark.parametrize("server", ["wsgi", "asgi"])
def test_a_server_does_not_start_with_them(server: str, tmp_path: Path) -> None:
    environment = {"DEBUG": "0", "SECRET_KEY": STRONG, "ALLOWED_HOSTS": "files.example.com", "VAR_DIR": str(tmp_path)}
    environment |= {"PYTHONPATH": str(REPOSITORY), "DJANGO_SETTINGS_MODULE": "project.settings"}

    for key in (FILEMAN_SETTINGS["ENCRYPTION_KEYS"][0], ""):
        given = {**os.environ, **environment, "FILEMAN_KEYS": key}
        command = [sys.executable, "-c", f"import project.{server}"]
        ended = subprocess.run(command, env=given, capture_output=True, text=True, timeout=120, check=False)

        assert ("The server does not start" in ended.stderr, ended.returncode) == ((False, 0) if key else (True, 1))


def test_the_environment_sets_keys_of_fileman(tmp_path: Path) -> None:
    given = '{"USER_QUOTA_BYTES": 1000, "LEASE": 90, "UPLOAD_DEADLINE": 3600, "INLINE_TYPES": ["video/*"]}'
    code = "from project.settings import FILEMAN_SETTINGS as s; from fileman import conf\nprint(conf.find_problems(s))"
    code += "\nprint(s['USER_QUOTA_BYTES'], s['LEASE'], s['UPLOAD_DEADLINE'], s['INLINE_TYPES'], s['KMS_KEY_ID'])"
    environment = {**os.environ, "DEBUG": "1", "VAR_DIR": str(tmp_path), "FILEMAN_SETTINGS": given, "KMS_KEY_ID": "key"}
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.stdout == "[]\n1000 0:01:30 1:00:00 ['video/*'] key\n"


@pytest.mark.django_db
def test_the_health_of_a_process_is_that_of_its_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with override_settings(SECURE_SSL_REDIRECT=True):
        assert (client.get("/health").status_code, client.get("/").status_code) == (200, 301)
    monkeypatch.setattr(connection, "cursor", Mock(side_effect=OperationalError))
    assert client.get("/health").status_code == 503
