"""The Python of the documentation's first version, line by line: it must keep working as written."""

import logging
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User

from fileman import tokens
from fileman.backends import get_backend
from fileman.backends.s3.backend import S3Backend
from fileman.models import File, FileManager
from tests.uploads.clock import NOW
from tests.uploads.driver import start, upload

pytestmark = pytest.mark.django_db


def s3_file_manager() -> FileManager:
    """Create a FileManager"""
    file_manager = FileManager.objects.create(
        name="AWS S3 Storage",
        backend_type="s3",
        backend_url="s3://my-bucket/",
        supports_direct_upload=True,
        max_file_size=100 * 1024 * 1024,  # 100MB
        settings={
            "bucket_name": "my-bucket",
            "region_name": "us-east-1",
            "access_key_id": "YOUR_ACCESS_KEY",
            "secret_access_key": "YOUR_SECRET_KEY",
        },
        is_default=True,
        is_active=True,
    )
    return file_manager  # noqa: RET504  # as written


@pytest.fixture
def completed(user: User) -> File:
    """A completed file in S3 whose upload token is known."""
    ticket = start(user, into=s3_file_manager())
    assert ticket.file is not None
    stored = {"file_path": ticket.file.get_try_path(1), "etag": "e", "upload_token": tokens.digest("abc123...")}
    File.objects.filter(pk=ticket.file.pk).update(**stored, upload_status="completed", completed_at=NOW)
    return File.objects.get()


def test_create_a_file_manager(user: User) -> None:
    file_manager = s3_file_manager()
    file_manager.refresh_from_db()
    assert (file_manager.is_default, file_manager.is_active, file_manager.max_file_bytes) == (True, True, 104_857_600)
    assert file_manager.settings["secret_access_key"] == "YOUR_SECRET_KEY"
    instructions = start(user).instructions
    assert instructions is not None
    (request,) = instructions.requests
    assert (request.method, request.file_field) == ("POST", "file")
    assert "my-bucket" in request.url
    names = {name.lower() for name, _ in request.fields}
    assert names >= {"key", "policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"}


def test_download_files(completed: File) -> None:
    # Get file by upload token
    file_obj = File.objects.get(upload_token="abc123...", upload_status=File.COMPLETED)

    # Generate download URL
    backend = get_backend(file_obj.file_manager)
    download_url = backend.get_url(file_obj.file_path, expires_in=3600)  # type: ignore[arg-type]  # null until completed

    assert isinstance(backend, S3Backend)
    assert file_obj == completed
    assert urlsplit(download_url).path.endswith(f"/{file_obj.file_path}")
    assert parse_qs(urlsplit(download_url).query)["X-Amz-Expires"] == ["3600"]


def test_check_file_access_permissions(completed: File, user: User, other_user: User, group: Group) -> None:
    file_obj, user_group = completed, group
    for asking, expected in ((user, True), (other_user, False), (AnonymousUser(), False)):
        request = SimpleNamespace(user=asking)
        # Check if user can access file
        can_access = file_obj.can_be_accessed_by(user=request.user, group=None)
        assert can_access is expected
        assert file_obj.can_be_accessed_by(user=request.user, group=user_group) is False

    # Public files
    file_obj.is_public = True
    file_obj.save()

    fresh = File.objects.get()
    assert fresh.can_be_accessed_by(user=AnonymousUser())
    assert File.objects.get(upload_token="abc123...") == completed


def test_debug_mode(user: User, local_manager: FileManager, capsys: pytest.CaptureFixture[str]) -> None:
    file = upload(user, metadata={"source": "web_upload"})
    File.objects.filter(pk=file.pk).update(upload_token=tokens.digest("abc123..."))

    # Enable debug logging
    logger = logging.getLogger("fileman")
    before = logger.level
    logger.setLevel(logging.DEBUG)

    # Check file status
    file_obj = File.objects.get(upload_token="abc123...")
    print(f"Status: {file_obj.upload_status}")  # noqa: T201
    print(f"Path: {file_obj.file_path}")  # noqa: T201
    print(f"Metadata: {file_obj.metadata}")  # noqa: T201

    # Test backend connection
    backend = get_backend(file_obj.file_manager)
    is_valid, errors = backend.validate_configuration()
    print(f"Backend valid: {is_valid}, Errors: {errors}")  # noqa: T201

    logger.setLevel(before)
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "Status: completed",
        f"Path: {file.file_path}",
        "Metadata: {'source': 'web_upload'}",
        "Backend valid: True, Errors: []",
    ]
