"""The JSON key of a service account in the settings: an object or a file, and the problems of a wrong one."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.test import override_settings

from fileman.backends import BackendConfig
from fileman.backends.gcs.backend import GCSBackend
from tests.servers.gcs import EMAIL, account_info, new_key

KEY_PROBLEM = 'credentials must be the JSON key of a service account: {"type": "service_account", ...}.'


@pytest.fixture(scope="module")
def key() -> dict[str, str]:
    """A service account's JSON key in the form of Google, with a new private key."""
    return account_info(new_key(), "https://oauth2.googleapis.com/token")


def config(credentials: object) -> BackendConfig:
    settings = {"bucket_name": "my-bucket", "credentials": credentials}
    return BackendConfig(manager_id=uuid4(), backend_url="", settings=settings, supports_direct_upload=True)


def problems(credentials: object) -> list[str]:
    return GCSBackend.configuration_problems(config(credentials))


def test_a_key_may_be_an_object_or_a_path(key: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key))

    for credentials in (key, str(path)):
        backend = GCSBackend(config(credentials))
        assert backend.capabilities.signs_locally is True
        url = backend.get_url("a")
        assert url.startswith("https://storage.googleapis.com/my-bucket/a?")
        assert quote(EMAIL, safe="") in url


@pytest.mark.parametrize(
    "change",
    [
        {"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
        {"private_key": None},
        {"client_email": None},
        {"token_uri": None},
        {"private_key": 5},
    ],
    ids=["no real key", "no key", "no account", "no token URL", "a number"],
)
def test_an_invalid_key_is_named_without_its_content(key: dict[str, str], change: dict[str, Any]) -> None:
    broken = {name: value for name, value in {**key, **change}.items() if value is not None}

    assert problems(broken) == [KEY_PROBLEM]


@pytest.mark.parametrize("content", ["", "no JSON", "[]", "5", '{"type": "authorized_user"}', None])
def test_a_file_without_a_key_is_named(content: str | None, tmp_path: Path) -> None:
    """None: it is absent."""
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)

    unreadable = "credentials is the path of a file that cannot be read."
    assert problems(str(path)) == [unreadable if content is None else KEY_PROBLEM]
    assert problems(str(tmp_path)) == [unreadable]


def test_the_token_url_of_a_key_must_be_https(key: dict[str, str]) -> None:
    """The key's signature is sent there."""
    with override_settings(FILEMAN_SETTINGS={"ALLOW_INSECURE_ENDPOINTS": False}):
        assert problems(key) == []
        plain = {**key, "token_uri": "http://169.254.169.254/token"}
        assert problems(plain) == ["The token_uri in credentials must be https."]
