"""The JSON key of a service account in the settings: an object or a file, and the problems of a wrong one."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest

from fileman.backends import BackendConfig
from fileman.backends.gcs.backend import GCSBackend
from tests.servers.gcs import EMAIL, account_info, new_key
from tests.uploads.driver import configured

KEY_PROBLEM = 'credentials must be the JSON key of a service account: {"type": "service_account", ...}.'
PATH_PROBLEM = "credentials is not the path of a service account's JSON key below CREDENTIALS_FOLDERS."


@pytest.fixture(scope="module")
def key() -> dict[str, str]:
    """A service account's JSON key in the form of Google, with a new private key."""
    return account_info(new_key(), "https://oauth2.googleapis.com/token")


def config(credentials: object) -> BackendConfig:
    settings = {"bucket_name": "my-bucket", "credentials": credentials}
    return BackendConfig(manager_id=uuid4(), backend_url="", settings=settings, supports_direct_upload=True)


def problems(credentials: object) -> list[str]:
    return GCSBackend.configuration_problems(config(credentials))


@pytest.fixture(autouse=True)
def _listed(tmp_path: Path) -> Iterator[None]:
    with configured(CREDENTIALS_FOLDERS=[str(tmp_path / "listed")], TRUSTED_ENDPOINTS=()):
        (tmp_path / "listed").mkdir()
        yield


def test_a_key_may_be_an_object_text_or_a_path(key: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "listed" / "key.json"
    path.write_text(json.dumps(key))

    pasted = {**key, "private_key": key["private_key"].replace("\n", r"\n")}  # as environment variables have it
    for credentials in (key, str(path), f"\n{json.dumps(key)}\n", pasted, json.dumps(pasted)):
        backend = GCSBackend(config(credentials))
        assert backend.capabilities.signs_locally is True
        assert backend.get_url("a").startswith("https://storage.googleapis.com/my-bucket/a?")
        assert quote(EMAIL, safe="") in backend.get_url("a")


@pytest.mark.parametrize("name", ["private_key", "client_email", "token_uri"])
def test_a_key_without_a_field_is_named(key: dict[str, str], name: str) -> None:
    assert problems({field: value for field, value in key.items() if field != name}) == [KEY_PROBLEM]


@pytest.mark.parametrize("no_key", ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 5])
def test_an_invalid_key_is_named_without_its_content(key: dict[str, str], no_key: object) -> None:
    assert problems({**key, "private_key": no_key}) == [KEY_PROBLEM]


@pytest.mark.parametrize("content", ["", "no JSON", "[]", "5", '{"type": "authorized_user"}', "[" * 60_000, "\xff"])
def test_a_file_without_a_key_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "listed" / "key.json"
    path.write_text(content, encoding="latin-1")

    assert problems(str(path)) == [PATH_PROBLEM]


def test_every_path_without_a_key_below_a_listed_folder_gets_one_sentence(key: dict[str, str], tmp_path: Path) -> None:
    """Nobody learns which files this server can read, and no read takes long or much memory"""
    listed, elsewhere = tmp_path / "listed", tmp_path / "key.json"
    elsewhere.write_text(json.dumps(key))
    os.mkfifo(listed / "fifo")
    (listed / "link").symlink_to(elsewhere)
    (listed / "zero").symlink_to("/dev/zero")
    (listed / "large").write_text(json.dumps({**key, "more": "x" * 70_000}))
    (tmp_path / "listed-too").mkdir()
    (tmp_path / "listed-too" / "key.json").write_text(json.dumps(key))
    outside = ["../key.json", "../listed-too/key.json"]
    names = ["fifo", "link", "zero", "large", "absent", "", *outside, "a\0b", "n" * 5000]
    paths = [f"{listed}/{name}" for name in names]
    paths += ["/dev/zero", "/etc/shadow", "/proc/self/environ", "/nonexistent", "/etc", str(elsewhere), "key.json", ""]

    assert [path for path in paths if problems(path) != [PATH_PROBLEM]] == []
    with configured(CREDENTIALS_FOLDERS=()):
        assert problems(str(listed / "large")) == [PATH_PROBLEM]


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("http://oauth2.example.com/token", "must be https."),
        ("https://10.0.0.1/token", "leads to an address that is not public."),
        ("https://localhost/token", "leads to an address that is not public."),
        ("https://u@example.com/token", "must look like"),
        (5, "must look like"),
    ],
)
def test_the_token_url_of_a_key_is_public_and_https(key: dict[str, str], uri: object, problem: str) -> None:
    """The key's signature is sent there"""
    with configured(ALLOW_INSECURE_ENDPOINTS=False):
        assert problems(key) == []
        (found,) = problems({**key, "token_uri": uri})

    assert found.startswith(f"token_uri in credentials {problem}")
