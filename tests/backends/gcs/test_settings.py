"""What a file manager of type gcs may be configured with, and which fault each wrong configuration names."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.test import override_settings

from fileman import conf
from fileman.backends import BackendConfig
from fileman.backends.gcs.backend import GCSBackend
from fileman.errors import StorageMisconfigured

KEY_FAULT = 'credentials must be the JSON key of a service account: {"type": "service_account", ...}.'
PREFIX_FAULT = "The prefix in backend_url must be plain folder names, each followed by one slash."
NAME_FAULT = "bucket_name must be 3 to 63 lowercase letters, digits, hyphens, underscores and dots."


@pytest.fixture(scope="module")
def key() -> dict[str, str]:
    """A service account's JSON key as Google hands it out, with a private key of its own."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": "1",
        "private_key": private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "client_email": "files@my-project.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def config(backend_url: str = "gs://my-bucket/", *, direct: bool = True, **settings: Any) -> BackendConfig:
    return BackendConfig(
        manager_id=uuid4(),
        backend_url=backend_url,
        settings={"bucket_name": "my-bucket", **settings},
        supports_direct_upload=direct,
    )


def faults(backend_url: str = "gs://my-bucket/", **settings: Any) -> list[str]:
    return GCSBackend.configuration_problems(config(backend_url, **settings))


def test_the_smallest_configuration_names_only_the_bucket() -> None:
    """Everything else is Google's own."""
    backend = GCSBackend(config())

    assert backend.location() == "gcs:google/my-bucket/"
    assert backend.settings.base_url == "https://storage.googleapis.com"
    assert (backend.settings.upload_expires_in, backend.settings.download_expires_in) == (3600, 300)


@pytest.mark.parametrize(
    ("backend_url", "prefix"),
    [
        ("", ""),
        ("gs://my-bucket", ""),
        ("gs://my-bucket/", ""),
        ("gs://my-bucket/a", "a/"),
        ("gs://my-bucket/a/b/", "a/b/"),
    ],
)
def test_backend_url_names_the_folder(backend_url: str, prefix: str) -> None:
    backend = GCSBackend(config(backend_url))

    assert backend.prefix == prefix
    assert backend.location() == f"gcs:google/my-bucket/{prefix}"


@pytest.mark.parametrize(
    ("backend_url", "fault"),
    [
        ("gs://other-bucket/", "backend_url names the bucket 'other-bucket', but bucket_name is 'my-bucket'."),
        ("s3://my-bucket/", "backend_url must look like gs://bucket/prefix/."),
        ("https://storage.googleapis.com/my-bucket/", "backend_url must look like gs://bucket/prefix/."),
        ("gs://[", "backend_url must look like gs://bucket/prefix/."),
        ("gs:///a/", "backend_url must look like gs://bucket/prefix/."),
        ("gs://my-bucket/a?b", "backend_url must look like gs://bucket/prefix/."),
        ("gs://my-bucket/a//b/", PREFIX_FAULT),
        ("gs://my-bucket/../b/", PREFIX_FAULT),
        ("gs://my-bucket/a\\b/", PREFIX_FAULT),
        (f"gs://my-bucket/{'a' * 500}/", "The prefix in backend_url must have at most 500 bytes."),
    ],
)
def test_a_wrong_backend_url_is_named(backend_url: str, fault: str) -> None:
    assert faults(backend_url) == [fault]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("ab", NAME_FAULT),
        ("a" * 64, NAME_FAULT),
        ("Upper", NAME_FAULT),
        ("-edge", NAME_FAULT),
        ("edge_", NAME_FAULT),
        ("has space", NAME_FAULT),
        (f"{'a' * 64}.example.com", NAME_FAULT),
        ("192.168.0.1", "bucket_name must not look like an IP address or have two dots in a row."),
        ("two..dots", "bucket_name must not look like an IP address or have two dots in a row."),
        ("goog-bucket", 'bucket_name must not begin with "goog" or contain "google".'),
        ("my-google-bucket", 'bucket_name must not begin with "goog" or contain "google".'),
    ],
)
def test_a_bucket_name_that_google_refuses_is_named(name: str, fault: str) -> None:
    assert faults("", bucket_name=name) == [fault]


@pytest.mark.parametrize("name", ["abc", "my_bucket-1", "files.example.com", f"{'a' * 63}.example.com", "1.2.3"])
def test_a_bucket_name_that_google_takes_is_taken(name: str) -> None:
    assert faults("", bucket_name=name) == []


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://host", "https://", "https://user@host", "https://host/path", "https://host?x", "https://h:0", "https://["],
)
def test_a_malformed_endpoint_is_named(endpoint: str) -> None:
    assert faults(endpoint=endpoint) == ['endpoint must look like "https://host" or "https://host:port".']


def test_a_plain_http_endpoint_needs_permission() -> None:
    refused = "endpoint must be https. Set ALLOW_INSECURE_ENDPOINTS in FILEMAN_SETTINGS to allow http."

    assert faults(endpoint="http://127.0.0.1:9000") == []
    with override_settings(FILEMAN_SETTINGS={"ALLOW_INSECURE_ENDPOINTS": False}):
        assert faults(endpoint="http://127.0.0.1:9000") == [refused]


def test_another_endpoint_is_another_place() -> None:
    backend = GCSBackend(config(endpoint="https://Storage.Example.com:8443"))

    assert backend.location() == "gcs:https://storage.example.com:8443/my-bucket/"


def test_a_key_is_taken_as_an_object_or_as_a_path(key: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key))

    for credentials in (key, str(path)):
        backend = GCSBackend(config(credentials=credentials))
        assert backend.capabilities.signs_locally is True
        assert "files%40my-project.iam.gserviceaccount.com" in backend.get_url("a")


@pytest.mark.parametrize(
    "change",
    [
        {"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
        {"private_key": None},
        {"client_email": None},
        {"token_uri": None},
        {"private_key": 5},
    ],
    ids=["no real key", "no key", "no account", "no token address", "a number"],
)
def test_what_is_no_key_is_named_without_showing_it(key: dict[str, str], change: dict[str, Any]) -> None:
    broken = {name: value for name, value in {**key, **change}.items() if value is not None}

    assert faults(credentials=broken) == [KEY_FAULT]


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "5", '{"type": "authorized_user"}'])
def test_a_file_that_is_no_key_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(text)

    assert faults(credentials=str(path)) == [KEY_FAULT]


def test_a_path_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    fault = "credentials is the path of a file that cannot be read."

    assert faults(credentials=str(tmp_path / "absent.json")) == [fault]
    assert faults(credentials=str(tmp_path)) == [fault]


def test_the_token_address_in_a_key_must_be_https(key: dict[str, str]) -> None:
    """A key sends its signature there."""
    with override_settings(FILEMAN_SETTINGS={"ALLOW_INSECURE_ENDPOINTS": False}):
        assert faults(credentials=key) == []
        plain = {**key, "token_uri": "http://169.254.169.254/token"}
        assert faults(credentials=plain) == ["The token_uri in credentials must be https."]


def test_no_print_shows_the_private_key(key: dict[str, str]) -> None:
    backend = GCSBackend(config(credentials=key))

    shown = f"{backend!r} {backend.settings!r} {backend.config!r} {backend._client!r} {vars(backend)!r}"

    assert key["private_key"] not in shown
    assert key["private_key"].splitlines()[1] not in shown


def test_a_wrong_type_of_credentials_is_named() -> None:
    assert faults(credentials=5) == ["Setting 'credentials' must be an object, a string or null."]


def test_allowed_origins_is_a_list() -> None:
    """One text would allow each of its letters."""
    assert conf.find_problems({"ALLOWED_ORIGINS": "https://app.example.com"}) == [
        "Setting 'ALLOWED_ORIGINS' must be a list."
    ]
    assert conf.find_problems({"ALLOWED_ORIGINS": ["https://app.example.com"]}) == []


def test_a_faulty_configuration_makes_no_backend() -> None:
    with pytest.raises(StorageMisconfigured, match="bucket_name"):
        GCSBackend(config("", bucket_name="no"))


def test_without_googles_library_the_backend_says_what_it_needs() -> None:
    """A process of its own, because here the library is loaded already."""
    code = """
import sys
import django
from fileman.backends import backend_class
from fileman.errors import StorageMisconfigured
django.setup()
sys.modules["google.auth"] = None
try:
    backend_class("gcs")
except StorageMisconfigured as error:
    print(error.message)
"""

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout == "Backend 'gcs' needs the package 'google.auth'.\n"
