"""What a file manager of type s3 may be configured with, and which fault each wrong configuration names."""

import os
import subprocess
import sys
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import override_settings

from fileman.backends import BackendConfig, get_backend
from fileman.backends.s3.backend import S3Backend
from fileman.errors import StorageMisconfigured
from fileman.models import FileManager

AWS_SAMPLE = {
    "name": "AWS S3 Production",
    "backend_type": "s3",
    "backend_url": "s3://my-bucket/",
    "supports_direct_upload": True,
    "settings": {
        "bucket_name": "my-bucket",
        "region_name": "us-east-1",
        "access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "server_side_encryption": "AES256",
        "upload_expires_in": 3600,
        "download_expires_in": 3600,
    },
}
SPACES_SAMPLE = {
    "name": "DigitalOcean Spaces",
    "backend_type": "s3",
    "backend_url": "https://nyc3.digitaloceanspaces.com/my-space/",
    "supports_direct_upload": True,
    "settings": {
        "bucket_name": "my-space",
        "region_name": "nyc3",
        "endpoint_url": "https://nyc3.digitaloceanspaces.com",
        "access_key_id": "DO00EXAMPLE",
        "secret_access_key": "EXAMPLE_SECRET_KEY",
    },
}


def config(backend_url: str = "s3://my-bucket/", **settings: Any) -> BackendConfig:
    return BackendConfig(
        manager_id=uuid4(),
        backend_url=backend_url,
        settings={"bucket_name": "my-bucket", **settings},
        supports_direct_upload=True,
    )


def faults(backend_url: str = "s3://my-bucket/", **settings: Any) -> list[str]:
    return S3Backend.configuration_problems(config(backend_url, **settings))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sample", "location"),
    [
        (AWS_SAMPLE, "s3:aws/my-bucket/"),
        (SPACES_SAMPLE, "s3:https://nyc3.digitaloceanspaces.com/my-space/"),
    ],
)
def test_the_sample_configurations_are_taken_as_they_stand(sample: dict[str, Any], location: str) -> None:
    manager = FileManager.objects.create(**sample)

    assert manager.location == location
    assert isinstance(get_backend(manager), S3Backend)


@pytest.mark.django_db
def test_the_keys_are_used_and_unreadable_in_the_database() -> None:
    given: Any = AWS_SAMPLE["settings"]
    keys = [given["access_key_id"], given["secret_access_key"]]
    manager = FileManager.objects.create(**AWS_SAMPLE)

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM fileman_filemanager")
        [row] = cursor.fetchall()
    url = get_backend(FileManager.objects.get()).get_url("a")

    assert manager.name in row
    assert not any(key in str(row) for key in keys)
    assert f"X-Amz-Credential={keys[0]}%2F" in url
    assert keys[1] not in url


@pytest.mark.parametrize(
    ("backend_url", "prefix"),
    [
        ("", ""),
        ("s3://my-bucket", ""),
        ("s3://my-bucket/", ""),
        ("s3://my-bucket/tenants/a", "tenants/a/"),
        ("s3://my-bucket/tenants/a/", "tenants/a/"),
    ],
)
def test_the_prefix_stands_in_the_url(backend_url: str, prefix: str) -> None:
    backend = S3Backend(config(backend_url))

    assert backend.prefix == prefix
    assert backend.location() == f"s3:aws/my-bucket/{prefix}"


def test_the_prefix_of_a_compatible_store_stands_after_its_bucket() -> None:
    backend = S3Backend(config("https://s3.example.com:9000/my-bucket/a/", endpoint_url="https://S3.example.com:9000"))

    assert backend.prefix == "a/"
    assert backend.location() == "s3:https://s3.example.com:9000/my-bucket/a/"


@pytest.mark.parametrize(
    ("backend_url", "settings", "fault"),
    [
        ("s3://other/", {}, "backend_url names the bucket 'other', but bucket_name is 'my-bucket'."),
        ("https://a.example/my-bucket/", {}, "backend_url is at https://a.example, but endpoint_url is not set."),
        (
            "https://a.example/my-bucket/",
            {"endpoint_url": "https://b.example"},
            "backend_url is at https://a.example, but endpoint_url is https://b.example.",
        ),
        ("gs://my-bucket/", {}, "backend_url must look like s3://bucket/prefix/ or https://host/bucket/prefix/."),
        ("https://[", {}, "backend_url must look like s3://bucket/prefix/ or https://host/bucket/prefix/."),
        ("s3:my-bucket", {}, "backend_url must look like s3://bucket/prefix/ or https://host/bucket/prefix/."),
        (
            "s3://my-bucket/a/../b/",
            {},
            "The prefix in backend_url must be plain folder names, each followed by one slash.",
        ),
        (
            "s3://my-bucket/a//b/",
            {},
            "The prefix in backend_url must be plain folder names, each followed by one slash.",
        ),
        (f"s3://my-bucket/{'a' * 500}/", {}, "The prefix in backend_url must have at most 500 bytes."),
    ],
)
def test_a_url_that_is_malformed_or_disagrees_is_named(backend_url: str, settings: Any, fault: str) -> None:
    assert faults(backend_url, **settings) == [fault]


ENDPOINT_SHAPE = 'endpoint_url must look like "https://host" or "https://host:port".'
BUCKET_SHAPE = "bucket_name must be 3 to 63 lowercase letters, digits, dots and hyphens, by the naming rules of S3."
BUCKET_KIND = "bucket_name must not be an IP address or have a prefix or suffix that S3 reserves."


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"access_key_id": "AK"}, "access_key_id is set without secret_access_key: set both or neither."),
        ({"secret_access_key": "SK"}, "secret_access_key is set without access_key_id: set both or neither."),
        ({"session_token": "T"}, "session_token requires access_key_id and secret_access_key."),
        ({"kms_key_id": "k"}, 'kms_key_id requires server_side_encryption to be "aws:kms".'),
        (
            {"server_side_encryption": "rot13"},
            "Setting 'server_side_encryption' must be 'AES256', 'aws:kms' or null.",
        ),
        ({"upload_method": "patch"}, "Setting 'upload_method' must be 'post' or 'put'."),
        ({"addressing_style": "dns"}, "Setting 'addressing_style' must be 'auto', 'path' or 'virtual'."),
        ({"upload_expires_in": 315_360_000}, "upload_expires_in must be from 1 to 604800 seconds."),
        ({"download_expires_in": 604_801}, "download_expires_in must be from 1 to 604800 seconds."),
        ({"endpoint_url": "https://["}, ENDPOINT_SHAPE),
        ({"endpoint_url": "https://host/path"}, ENDPOINT_SHAPE),
        ({"endpoint_url": "https://user:pw@host"}, ENDPOINT_SHAPE),
        ({"endpoint_url": "file:///etc/passwd"}, ENDPOINT_SHAPE),
        ({"endpoint_url": "https://host:port"}, ENDPOINT_SHAPE),
        ({"endpoint_url": "host"}, ENDPOINT_SHAPE),
    ],
)
def test_each_faulty_setting_is_named(settings: dict[str, Any], fault: str) -> None:
    assert faults(**settings) == [fault]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("ab", BUCKET_SHAPE),
        ("a" * 64, BUCKET_SHAPE),
        ("My-Bucket", BUCKET_SHAPE),
        ("my_bucket", BUCKET_SHAPE),
        ("-bucket", BUCKET_SHAPE),
        ("bucket-", BUCKET_SHAPE),
        ("my..bucket", BUCKET_SHAPE),
        ("my-.bucket", BUCKET_SHAPE),
        ("a/b", BUCKET_SHAPE),
        ("192.168.0.1", BUCKET_KIND),
        ("xn--bucket", BUCKET_KIND),
        ("bucket--x-s3", BUCKET_KIND),
    ],
)
def test_bucket_names_follow_the_rules_of_s3(name: str, fault: str) -> None:
    assert faults("", bucket_name=name) == [fault]


def test_a_missing_bucket_name_is_named() -> None:
    nameless = BackendConfig(manager_id=uuid4(), backend_url="", settings={}, supports_direct_upload=True)

    assert S3Backend.configuration_problems(nameless) == ["Setting 'bucket_name' is missing."]


@override_settings(DEBUG=False, FILEMAN_SETTINGS={})
def test_plain_http_is_refused_in_production() -> None:
    assert faults(endpoint_url="http://s3.internal") == [
        "endpoint_url must be https. Set ALLOW_INSECURE_ENDPOINTS in FILEMAN_SETTINGS to allow http."
    ]


@override_settings(DEBUG=False, FILEMAN_SETTINGS={"ALLOW_INSECURE_ENDPOINTS": True})
def test_plain_http_is_taken_where_the_operator_says_so() -> None:
    assert faults(endpoint_url="http://s3.internal") == []


@override_settings(FILEMAN_SETTINGS={"SINGLE_REQUEST_MAX_BYTES": 5 * 1024**3 + 1})
def test_single_requests_beyond_what_s3_takes_at_once_are_refused() -> None:
    assert faults() == [
        "SINGLE_REQUEST_MAX_BYTES in FILEMAN_SETTINGS must be at most 5 GiB, the most that S3 copies at once."
    ]


def test_no_secret_is_shown() -> None:
    backend = S3Backend(config(access_key_id="AKcanary", secret_access_key="SKcanary", session_token="TOcanary"))

    assert "canary" not in repr(backend.settings)


def test_a_backend_with_faults_is_not_made() -> None:
    with pytest.raises(StorageMisconfigured, match="access_key_id is set without secret_access_key"):
        S3Backend(config(access_key_id="AK"))


@pytest.mark.django_db
def test_a_file_manager_with_faults_is_not_saved() -> None:
    sample = AWS_SAMPLE | {"settings": {"bucket_name": "my-bucket", "access_key_id": "AK"}}

    with pytest.raises(ValidationError, match="access_key_id is set without secret_access_key"):
        FileManager.objects.create(**sample)

    assert not FileManager.objects.exists()


def test_the_project_takes_its_kms_key_from_the_environment() -> None:
    script = "from project.settings import FILEMAN_SETTINGS; print(FILEMAN_SETTINGS['KMS_KEY_ID'])"

    output = subprocess.run(
        [sys.executable, "-c", script],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DEBUG": "1", "KMS_KEY_ID": "of-the-environment"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert output == "of-the-environment\n"


def test_kms_uses_the_key_of_the_settings_before_the_one_of_the_project() -> None:
    with override_settings(FILEMAN_SETTINGS={"KMS_KEY_ID": "of-the-project"}):
        named = S3Backend(config(server_side_encryption="aws:kms", kms_key_id="of-the-manager")).settings
        unnamed = S3Backend(config(server_side_encryption="aws:kms")).settings
        without_kms = S3Backend(config(server_side_encryption="AES256")).settings

        assert named.encryption_arguments()["SSEKMSKeyId"] == "of-the-manager"
        assert unnamed.encryption_arguments()["SSEKMSKeyId"] == "of-the-project"
        assert without_kms.encryption_arguments() == {"ServerSideEncryption": "AES256"}
