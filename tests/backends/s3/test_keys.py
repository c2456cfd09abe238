"""Access keys at rest, and the KMS keys of file managers and of the project."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings

from fileman.backends import get_backend
from fileman.backends.s3.settings import S3Settings
from fileman.models import FileManager


@pytest.mark.django_db
def test_access_keys_sign_and_are_unreadable_in_the_database() -> None:
    keys = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
    FileManager.objects.create(name="AWS", backend_type="s3", settings={"bucket_name": "my-bucket", **keys})

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM fileman_filemanager")
        [row] = cursor.fetchall()
    url = get_backend(FileManager.objects.get()).get_url("a")

    assert "AWS" in row
    assert not any(key in str(row) for key in keys.values())
    assert f"X-Amz-Credential={keys['access_key_id']}%2F" in url
    assert keys["secret_access_key"] not in url


def test_the_project_takes_its_kms_key_from_the_environment() -> None:
    script = "from project.settings import FILEMAN_SETTINGS; print(FILEMAN_SETTINGS['KMS_KEY_ID'])"

    output = subprocess.run(
        [sys.executable, "-c", script],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DEBUG": "1", "KMS_KEY_ID": "from-the-environment"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert output == "from-the-environment\n"


def test_kms_uses_the_key_of_the_settings_before_the_one_of_the_project() -> None:
    with override_settings(FILEMAN_SETTINGS={"KMS_KEY_ID": "from-the-project"}):
        named = S3Settings(bucket_name="b", server_side_encryption="aws:kms", kms_key_id="from-the-manager")
        unnamed = S3Settings(bucket_name="b", server_side_encryption="aws:kms")
        without_kms = S3Settings(bucket_name="b", server_side_encryption="AES256")

        assert named.encryption_arguments()["SSEKMSKeyId"] == "from-the-manager"
        assert unnamed.encryption_arguments()["SSEKMSKeyId"] == "from-the-project"
        assert without_kms.encryption_arguments() == {"ServerSideEncryption": "AES256"}
