"""Files that are uploaded for a field of the shop."""

from typing import Any

from fileman.models import File
from tests.uploads.driver import upload


def upload_for(field: Any, user: Any) -> File:
    """One completed file for this field."""
    file = upload(user)
    File.objects.filter(pk=file.pk).update(slot=field.field.label)
    return file
