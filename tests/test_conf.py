"""FILEMAN_SETTINGS and the system checks."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from fileman import conf
from fileman.backends import get_backend
from fileman.models import FileManager
from tests.uploads.clock import NOW
from tests.uploads.driver import configured, start

KEY = "T3pjZ2xkY0VqM1JmS0pQd0xxWm5YdHVWYmFzZDEyMzQ="
INLINE = "application/pdf, audio/*, video/*, text/plain, image/svg+xml"
NO_ENDPOINTS = ["*.internal", "10.0.0.0/8", "https://host/path", "ftp://host", ""]
SHAPE = 'must look like "host", "host:port" or "https://host:port".'


def found() -> list[tuple[str, str]]:
    """Id and message of fileman's system checks, without the warning that tests.shop gives on purpose."""
    messages = run_checks(tags=["fileman"])
    return [(str(message.id), message.msg) for message in messages if message.id != "fileman.W001"]


def test_the_defaults_are_those_of_the_documentation() -> None:
    with override_settings(FILEMAN_SETTINGS={}):
        values = conf.settings()
    assert values.DEFAULT_MAX_FILE_SIZE == 100 * 1024 * 1024
    assert values.DEFAULT_UPLOAD_EXPIRES_IN == 3600
    assert values.DEFAULT_DOWNLOAD_EXPIRES_IN == 300
    assert values.CLEANUP_EXPIRED_UPLOADS is True
    assert values.MAX_BATCH_FILES == 50
    deadlines = (values.UPLOAD_DEADLINE, values.PARTS_UPLOAD_DEADLINE)
    assert deadlines == (timedelta(hours=24), timedelta(days=7))


def test_an_unknown_key_is_refused_by_its_name() -> None:
    with override_settings(FILEMAN_SETTINGS={"DEFAULT_MAX_FILESIZE": 1}):
        with pytest.raises(ImproperlyConfigured, match=r"Unknown setting 'DEFAULT_MAX_FILESIZE'\. Known settings: A"):
            conf.settings()
        ((check, message),) = found()
    assert check == "fileman.E001"
    assert "'DEFAULT_MAX_FILESIZE'" in message


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"DEFAULT_UPLOAD_EXPIRES_IN": 0}, "DEFAULT_UPLOAD_EXPIRES_IN must be from 1 to 604800 seconds."),
        ({"DEFAULT_UPLOAD_EXPIRES_IN": 604_801}, "DEFAULT_UPLOAD_EXPIRES_IN must be from 1 to 604800 seconds."),
        ({"DEFAULT_DOWNLOAD_EXPIRES_IN": -1}, "DEFAULT_DOWNLOAD_EXPIRES_IN must be from 1 to 604800 seconds."),
        ({"INITIATED_FILES_PER_MINUTE": 49}, "INITIATED_FILES_PER_MINUTE must be 50 or more."),
        ({"SIGN_INS_PER_MINUTE": 0}, "SIGN_INS_PER_MINUTE must be 1 or more."),
        ({"MAX_BATCH_FILES": 0}, "MAX_BATCH_FILES must be from 1 to 100."),
        ({"MAX_BATCH_FILES": 101}, "MAX_BATCH_FILES must be from 1 to 100."),
        ({"DEFAULT_MAX_FILE_SIZE": -1}, "DEFAULT_MAX_FILE_SIZE must not be negative; 0 is no limit."),
        ({"INLINE_TYPES": ["text/plain", "text/html"]}, f"INLINE_TYPES may have {INLINE}."),
        ({"SWEEP_GRACE": timedelta(seconds=899)}, "SWEEP_GRACE must not be shorter than FINALIZE_GRACE."),
        ({"ALLOWED_ORIGINS": "https://app.example.com"}, "Setting 'ALLOWED_ORIGINS' must be a list."),
        ({"ACCESS_POLICY": 5}, "Setting 'ACCESS_POLICY' must be a string."),
        ({"BACKENDS": ["ftp"]}, "Setting 'BACKENDS' must be a dictionary."),
        ({"FINALIZE_BUDGET_SECONDS": "20"}, "Setting 'FINALIZE_BUDGET_SECONDS' must be a number."),
        ({"PART_SIZE_BYTES": 0}, "PART_SIZE_BYTES must be 1 or more."),
        ({"REQUEST_WINDOW": 0}, "REQUEST_WINDOW must be 1 or more."),
        ({"MAX_CONCURRENCY": -1}, "MAX_CONCURRENCY must be 1 or more."),
        ({"PUBLIC_URL": "files.example.com"}, "PUBLIC_URL must begin with https:// or http://."),
        ({"DEFAULT_MAX_FILE_SIZE": "100 MB"}, "Setting 'DEFAULT_MAX_FILE_SIZE' must be an integer."),
        ({"CLEANUP_EXPIRED_UPLOADS": "false"}, "Setting 'CLEANUP_EXPIRED_UPLOADS' must be true or false."),
        ({"USER_QUOTA_BYTES": 1.5}, "Setting 'USER_QUOTA_BYTES' must be an integer or null."),
        ({"MAX_BATCH_FILES": True}, "Setting 'MAX_BATCH_FILES' must be an integer."),
        *(({"TRUSTED_ENDPOINTS": [entry]}, f"TRUSTED_ENDPOINTS: {entry!r} {SHAPE}") for entry in NO_ENDPOINTS),
        ({"SWEEP_GRACE": 1800}, "Setting 'SWEEP_GRACE' must be a timedelta."),
    ],
)
def test_an_impossible_value_is_refused_by_its_name(given: dict[str, Any], problem: str) -> None:
    with override_settings(FILEMAN_SETTINGS=given):
        with pytest.raises(ImproperlyConfigured) as refusal:
            conf.settings()
        assert found() == [("fileman.E001", problem)]
    assert str(refusal.value) == f"FILEMAN_SETTINGS: {problem}"


def test_the_settings_of_this_project_pass_every_check() -> None:
    assert found() == []


@override_settings(FILEMAN_SETTINGS={}, DEBUG=False)
def test_without_encryption_keys_nothing_starts() -> None:
    assert found() == [("fileman.E002", "FILEMAN_SETTINGS['ENCRYPTION_KEYS'] is empty.")]


@override_settings(FILEMAN_SETTINGS={}, DEBUG=True)
def test_under_debug_keys_may_be_missing() -> None:
    assert found() == []


@override_settings(SECRET_KEY=KEY)
def test_the_secret_key_is_no_encryption_key() -> None:
    with configured(ENCRYPTION_KEYS=[Fernet.generate_key().decode(), KEY]):
        assert found() == [("fileman.E003", "ENCRYPTION_KEYS[1] must be a Fernet key other than SECRET_KEY.")]


@pytest.mark.parametrize("key", ["", "short", "x" * 44, KEY[:-2], "schlüssel", None, 5])
def test_an_invalid_key_is_named_by_its_index_and_not_shown(key: Any) -> None:
    with configured(ENCRYPTION_KEYS=[key]):
        assert found() == [("fileman.E003", "ENCRYPTION_KEYS[0] must be a Fernet key other than SECRET_KEY.")]


@pytest.mark.parametrize("key", ["UPLOAD_VALIDATORS", "CONTENT_VALIDATORS", "BACKENDS"])
def test_a_dotted_path_that_cannot_be_imported_is_found_before_the_first_upload(key: str) -> None:
    with configured(**{key: {"ftp": "fileman.nowhere"} if key == "BACKENDS" else ["fileman.nowhere"]}):
        ((check, message),) = found()
    assert check == "fileman.E004"
    assert message.startswith(f"FILEMAN_SETTINGS['{key}']: 'fileman.nowhere' cannot be imported: ")


def test_importable_dotted_paths_pass() -> None:
    backends = {"own": "fileman.testing.memory.MemoryBackend"}
    with configured(UPLOAD_VALIDATORS=["fileman.conf.settings"], BACKENDS=backends):
        assert found() == []


def test_the_expiry_of_uploads_follows_the_default(user: User, manager: FileManager) -> None:
    with configured(DEFAULT_UPLOAD_EXPIRES_IN=1234):
        ticket = start(user)
        assert ticket.instructions is not None
        assert ticket.instructions.expires_at == NOW + timedelta(seconds=1234)
        assert get_backend(manager).settings.upload_expires_in == 1234


def test_the_managers_own_expiry_wins(user: User) -> None:
    FileManager.objects.create(name="Hasty", backend_type="memory", is_default=True, settings={"upload_expires_in": 2})
    ticket = start(user)
    assert ticket.instructions is not None
    assert ticket.instructions.expires_at == NOW + timedelta(seconds=2)
