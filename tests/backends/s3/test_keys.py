"""The KMS keys of file managers and of the project."""

import os
import subprocess
import sys

from django.conf import settings
from django.test import override_settings

from fileman.backends.s3.settings import S3Settings


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
