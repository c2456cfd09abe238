"""What a user's files and unfinished uploads hold of the quota."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q, Sum
from django.template.defaultfilters import filesizeformat

from fileman import conf
from fileman.errors import QuotaExceeded, TooManyPending
from fileman.models import File, StorageUsage

_RESERVE = """UPDATE fileman_storageusage SET bytes = bytes + %s, pending = pending + %s
WHERE user_id = %s AND bytes <= %s AND pending <= %s"""
_LARGEST = 2**63 - 1  # SQLite takes no larger parameter


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
    held = {"unfinished_bytes": unfinished["size"] or 0, "unfinished_uploads": unfinished["count"]}
    limit, most = conf.settings().USER_QUOTA_BYTES, conf.settings().MAX_PENDING_UPLOADS
    return Usage(used_bytes=used or 0, quota_bytes=limit, max_unfinished_uploads=most, **held)


def build_reservation(user: Any, sizes: Sequence[int]) -> tuple[str, list[Any]]:
    """Return an UPDATE that reserves the bytes and places of new uploads while the user's row says that they fit."""
    size, uploads = sum(sizes), len(sizes)
    limit, most = conf.settings().USER_QUOTA_BYTES, conf.settings().MAX_PENDING_UPLOADS
    limit, most = min(_LARGEST if limit is None else limit, _LARGEST), min(most, _LARGEST)
    key = StorageUsage._meta.get_field("user").get_db_prep_value(user.pk, connection)  # noqa: SLF001
    return _RESERVE, [size, uploads, key, limit - size, most - uploads]


def reserve(user: Any, sizes: Sequence[int], *, now: datetime) -> None:
    """Reserve the same after a count of the uploads, in the transaction that inserts their rows.

    The row counts each new upload and no ended one, so this is needed only when it reaches the limit. Raises
    TooManyPending, and QuotaExceeded, which names unfinished uploads that hold bytes.
    """
    size, limit, most = sum(sizes), conf.settings().USER_QUOTA_BYTES, conf.settings().MAX_PENDING_UPLOADS
    row, _ = StorageUsage.objects.select_for_update().get_or_create(user=user)  # makes their parallel calls wait
    if limit is not None and row.bytes + size > limit:
        raise _build_quota_error(user, limit)
    row.bytes, row.pending = row.bytes + size, _count_uploads(user, len(sizes), most, now=now)
    row.save()


def _count_uploads(user: Any, more: int, most: int, *, now: datetime) -> int:
    """Return the new `pending` of the user's row. It reaches `most` no later than the user reaches either limit.

    Raises TooManyPending for too many unfinished uploads, and for ten times as many that ended within a day: else
    initiate and abort, in a loop, would make rows without end.
    """
    counts = File.objects.filter(uploaded_by=user, upload_status__in=File.INCOMPLETE).aggregate(
        unfinished=Count("pk", filter=Q(upload_status__in=File.UNFINISHED)),
        ended=Count("pk", filter=Q(upload_status__in=File.ENDED, modified__gt=now - timedelta(days=1))),
    )
    unfinished, ended = int(counts["unfinished"]), int(counts["ended"])
    if unfinished + more > most:
        raise TooManyPending
    if ended >= 10 * most:
        message = "Too many of your uploads failed, expired or were aborted. Try again in an hour."
        raise TooManyPending(message, retry_after_seconds=3600)
    return unfinished + max(0, ended - 9 * most) + more


def _build_quota_error(user: Any, limit: int) -> QuotaExceeded:
    usage = get_usage(user)
    used = filesizeformat(usage.used_bytes)
    message = f"This upload would exceed your storage quota: {used} of {filesizeformat(limit)} are used."
    held = f"{filesizeformat(usage.unfinished_bytes)} of that ({usage.unfinished_uploads})"
    advice = f" Unfinished uploads hold {held}: finish or abort them, or delete files."
    return QuotaExceeded(message + (advice if usage.unfinished_uploads else " Delete files."))
