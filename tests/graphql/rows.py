"""Rows of files, written straight to the database, so that lists need no uploads."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User

from fileman.models import File, FileManager
from fileman.tokens import digest

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def file_row(manager: FileManager, user: User, *, age: int = 0, **over: Any) -> File:
    """Return an unsaved, completed file of the user, created `age` minutes before noon."""
    name = f"stored_{uuid4().hex}.txt"
    values: dict[str, Any] = {
        "file_manager": manager,
        "uploaded_by": user,
        "original_filename": "notes.txt",
        "filename": name,
        "file_path": f"uploads/{name}",
        "content_type": "text/plain",
        "file_size": 5,
        "upload_status": File.COMPLETED,
        "upload_token": digest(uuid4().hex),
        "upload_state": {},
        "etag": "etag",
        "created": NOON - timedelta(minutes=age),
        "completed_at": NOON,
        "expires_at": NOON + timedelta(days=1),
    }
    return File(**{**values, **over})


def save_files(manager: FileManager, user: User, count: int, **over: Any) -> list[File]:
    """Save that many files, each a minute older than the one before."""
    return File.objects.bulk_create([file_row(manager, user, age=age, **over) for age in range(count)])


def save_file(manager: FileManager, user: User, **over: Any) -> File:
    file = file_row(manager, user, **over)
    file.save()
    return file
