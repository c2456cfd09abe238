"""StorageUsage: bytes stored by a user, unfinished uploads included."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F
from django.db.models.functions import Greatest

from fileman.errors import QuotaExceeded
from fileman.models.file import File


class StorageUsageQuerySet(models.QuerySet["StorageUsage"]):
    def reserve(self, user: Any, size: int, *, limit: int | None) -> None:
        """Add bytes, in the transaction that inserts the rows. Raises QuotaExceeded above the limit."""
        rows = self.filter(user=user)
        if limit is not None:
            rows = rows.filter(bytes__lte=limit - size)
        if rows.update(bytes=F("bytes") + size):
            return
        if limit is not None and size > limit:
            raise QuotaExceeded
        _, made = self.get_or_create(user=user, defaults={"bytes": size})
        if not made and not rows.update(bytes=F("bytes") + size):
            raise QuotaExceeded

    def release(self, user_id: Any, size: int) -> None:
        """Subtract bytes on abort, expiry, failure and deletion."""
        if user_id is not None:
            self.filter(user_id=user_id).update(bytes=Greatest(F("bytes") - size, 0))

    def release_all(self, files: Iterable[File]) -> None:
        """Do the same for several files, in a transaction. All hosts lock users in one order, so that none deadlock."""
        freed: Counter[Any] = Counter()
        for file in files:
            freed[file.uploaded_by_id] += file.file_size
        rows = list(self.filter(user_id__in=freed.keys() - {None}).select_for_update().order_by("pk"))
        for row in rows:
            row.bytes = max(row.bytes - freed[row.user_id], 0)
        self.bulk_update(rows, ["bytes"])


class StorageUsage(models.Model):
    """Changed only by conditional updates, so that parallel requests together cannot exceed a quota."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    bytes = models.BigIntegerField(default=0)

    objects = StorageUsageQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(bytes__gte=0), name="fileman_usage_not_negative")]

    def __str__(self) -> str:
        return f"{self.bytes} bytes"
