"""What a user's files and unfinished uploads hold of the quota."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Sum
from django.template.defaultfilters import filesizeformat

from fileman import conf
from fileman.errors import QuotaExceeded
from fileman.models import File, StorageUsage


@dataclass(frozen=True, kw_only=True)
class Usage:
    used_bytes: int
    unfinished_bytes: int
    """Of unfinished uploads, as declared."""
    unfinished_uploads: int
    quota_bytes: int | None
    max_unfinished_uploads: int


def get_usage(user: Any) -> Usage:
    """Return what the user's files and uploads hold now, and the most that they may."""
    unfinished = File.objects.unfinished().filter(uploaded_by=user).aggregate(count=Count("pk"), size=Sum("file_size"))
    used = StorageUsage.objects.filter(user=user).values_list("bytes", flat=True).first()
    return Usage(
        used_bytes=used or 0,
        unfinished_bytes=unfinished["size"] or 0,
        unfinished_uploads=unfinished["count"],
        quota_bytes=conf.settings().USER_QUOTA_BYTES,
        max_unfinished_uploads=conf.settings().MAX_PENDING_UPLOADS,
    )


def reserve(user: Any, size: int) -> None:
    """Reserve bytes within USER_QUOTA_BYTES. Raises QuotaExceeded, which names unfinished uploads that hold some."""
    limit = conf.settings().USER_QUOTA_BYTES
    try:
        StorageUsage.objects.reserve(user, size, limit=limit)
    except QuotaExceeded:
        usage = get_usage(user)
        held = f"{filesizeformat(usage.unfinished_bytes)} of that ({usage.unfinished_uploads})"
        used = filesizeformat(usage.used_bytes)
        message = f"This upload would exceed your storage quota: {used} of {filesizeformat(limit or 0)} are used."
        advice = f" Unfinished uploads hold {held}: finish or abort them, or delete files."
        raise QuotaExceeded(message + (advice if usage.unfinished_uploads else " Delete files.")) from None
