"""File: one row per upload, from pending to its end."""

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, Group
from django.db import models
from django.db.models import CheckConstraint, Index, Q, UniqueConstraint
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from fileman import conf
from fileman.backends import get_backend
from fileman.backends.streams import CHUNK_BYTES, ObjectReader
from fileman.backends.values import ServeAs
from fileman.caller import Caller
from fileman.encryption import EncryptedJSONField
from fileman.errors import NotUploaded
from fileman.models.file_manager import LARGEST_SAFE_INTEGER, FileManager
from fileman.tokens import HANDLE, UploadTokenField, new_nonce, sign

_VERIFYING, _COMPLETED, _FAILED = (Q(upload_status=name) for name in ("verifying", "completed", "failed"))
_UNFINISHED = Q(upload_status__in=["pending", "verifying"])
_ENDED = Q(upload_status__in=["failed", "expired", "aborted"])
_INCOMPLETE = Q(upload_status__in=["pending", "verifying", "failed", "expired", "aborted"])
_ANY_STATUS = Q(upload_status__in=["pending", "verifying", "completed", "failed", "expired", "aborted"])
_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID_IN_PATH = re.compile(rf"(?:^|/)(?:\.uploads/{_ID}|uploads)/({_ID})(?![^/.])", re.IGNORECASE)
UNCLAIMED = Q(upload_status="completed", attached_to="") & ~Q(slot="")


def _no_state() -> dict[str, Any]:
    return {}


def find_file_id(path: str) -> UUID | None:
    """Return the id in a path such as .uploads/<manager>/<file> or uploads/<file>/<try>/<name>, or None."""
    found = _ID_IN_PATH.search(path)
    return UUID(found[1]) if found else None


def unheld(now: datetime) -> Q:
    """Match unfinished uploads that no attempt holds."""
    return Q(upload_status=File.PENDING) | Q(upload_status=File.VERIFYING, lease_until__lte=now)


class FileQuerySet(models.QuerySet["File"]):
    is_settled = False
    """True while a use case deletes rows whose objects it queues itself, which `settle_deleted_row` reads."""

    def unfinished(self) -> Self:
        """Return the uploads that are pending or verifying."""
        return self.filter(upload_status__in=File.UNFINISHED)

    def overdue(self, before: datetime, *, now: datetime) -> Self:
        """Return unfinished uploads with a deadline earlier than `before` that no finalize call holds at `now`."""
        return self.filter(unheld(now), expires_at__lt=before)

    def to_look_at(self, now: datetime, *, grace: timedelta) -> Self:
        """Return uploads that a sweep is to look at: held by no attempt, and not too late for finalize."""
        return self.filter(unheld(now), look_at__lte=now, expires_at__gt=now - grace)


class File(models.Model):
    """One upload and, once completed, one file. Only `transitions` changes `upload_status`."""

    class Status(models.TextChoices):
        PENDING = "pending"
        VERIFYING = "verifying"
        COMPLETED = "completed"
        FAILED = "failed"
        EXPIRED = "expired"
        ABORTED = "aborted"

    PENDING, VERIFYING, COMPLETED, FAILED, EXPIRED, ABORTED = Status
    UNFINISHED: ClassVar = (Status.PENDING, Status.VERIFYING)
    ENDED: ClassVar = (Status.FAILED, Status.EXPIRED, Status.ABORTED)
    INCOMPLETE: ClassVar = (*UNFINISHED, *ENDED)

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    # Indexes and constraints below begin with these keys.
    file_manager = models.ForeignKey(FileManager, on_delete=models.PROTECT, related_name="files", db_index=False)
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    original_filename = models.CharField(max_length=255, help_text="Name that the uploader gave, mended.")
    filename = models.CharField(max_length=255, help_text="Name in the storage.")
    tries = models.PositiveIntegerField(
        default=0, help_text="Publishing requests that were sent, or may have been. Each has a path of its own."
    )
    file_path = models.CharField(  # noqa: DJ001 - unique, so "" could stand only once
        max_length=1000, null=True, blank=True, help_text="Path in the storage; null until the upload is completed."
    )
    content_type = models.CharField(max_length=255, help_text="Declared, then what the storage reported.")
    detected_content_type = models.CharField(max_length=255, blank=True, default="")
    file_size = models.BigIntegerField(help_text="Bytes; declared, then what the storage reported.")
    checksum = models.CharField(max_length=80, blank=True, default="", help_text="Such as crc32c:9a71bb4c")
    checksum_verified = models.BooleanField(default=False)
    metadata = models.JSONField(default=dict, blank=True)
    is_public = models.BooleanField(default=False)
    upload_status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    failure_reason = models.CharField(max_length=500, blank=True, default="")
    upload_token = UploadTokenField(max_length=64, help_text="SHA-256 of the token.")
    token_nonce = models.CharField(
        max_length=32, blank=True, default=new_nonce, help_text="The token is derived from it."
    )
    upload_state = EncryptedJSONField(default=_no_state, help_text="Strategy, parts, what was begun, progress.")
    etag = models.CharField(max_length=255, blank=True, default="")
    version = models.CharField(max_length=255, blank=True, default="")
    attempt_id = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    idempotency_digest = models.CharField(max_length=64, blank=True, default="")
    idempotency_fingerprint = models.CharField(max_length=64, blank=True, default="")
    idempotency_index = models.PositiveSmallIntegerField(default=0)
    look_at = models.DateTimeField(null=True, blank=True, help_text="When a sweep looks for all bytes of the upload.")
    expires_at = models.DateTimeField(help_text="Deadline: until when the upload may be finished.")
    created = models.DateTimeField(default=timezone.now)
    modified = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True, blank=True)
    slot = models.CharField(max_length=200, blank=True, default="", help_text="Model field that it was uploaded for.")
    attached_to = models.CharField(max_length=200, blank=True, default="", help_text="Model field that it belongs to.")
    attached_at = models.DateTimeField(null=True, blank=True)

    objects = FileQuerySet.as_manager()

    class Meta:
        permissions = [("publish_file", "Can make files public")]
        constraints = [
            UniqueConstraint(fields=["file_manager", "file_path"], name="fileman_path_unique"),
            # `unique=True` would make a second index, for LIKE.
            UniqueConstraint(fields=["upload_token"], name="fileman_token_unique"),
            UniqueConstraint(
                fields=["uploaded_by", "idempotency_digest", "idempotency_index"],
                condition=~Q(idempotency_digest=""),
                name="fileman_idempotent_once",
            ),
            CheckConstraint(condition=_ANY_STATUS, name="fileman_status_known"),
            CheckConstraint(condition=Q(file_size__range=(1, LARGEST_SAFE_INTEGER)), name="fileman_size_possible"),
            CheckConstraint(
                condition=(Q(attempt_id__isnull=False, lease_until__isnull=False) & _VERIFYING)
                | (~_VERIFYING & Q(attempt_id__isnull=True, lease_until__isnull=True)),
                name="fileman_verifying_has_lease",
            ),
            CheckConstraint(
                condition=(Q(completed_at__isnull=False) & _COMPLETED & ~Q(etag=""))
                | (~_COMPLETED & Q(completed_at__isnull=True)),
                name="fileman_completed_has_facts",
            ),
            CheckConstraint(condition=~_COMPLETED | Q(file_path__isnull=False), name="fileman_completed_has_path"),
            CheckConstraint(
                condition=Q(checksum_verified=False) | ~Q(checksum=""), name="fileman_verified_has_checksum"
            ),
            CheckConstraint(condition=~_FAILED | ~Q(failure_reason=""), name="fileman_failed_has_reason"),
        ]
        indexes = [
            # Lists: the newest of a user and of a group, whose rows are few enough to sort, and all in each order.
            Index(fields=["uploaded_by", "-created", "-id"], name="fileman_own_newest"),
            Index(fields=["group", "-created", "-id"], name="fileman_group_newest"),
            Index(fields=["-created", "-id"], name="fileman_all_newest"),
            Index(fields=["completed_at", "id"], name="fileman_by_completion"),
            Index(fields=["original_filename", "id"], name="fileman_by_name"),
            Index(fields=["file_size", "id"], name="fileman_by_size"),
            Index(fields=["content_type"], opclasses=["varchar_pattern_ops"], name="fileman_by_type"),
            # Cleanup, sweep and quota.
            Index(fields=["expires_at"], condition=_UNFINISHED, name="fileman_deadline"),
            Index(fields=["look_at"], condition=_UNFINISHED, name="fileman_to_look_at"),
            Index(fields=["modified"], condition=_ENDED, name="fileman_ended"),
            Index(fields=["uploaded_by"], condition=_INCOMPLETE, name="fileman_incomplete_of_user"),
            Index(fields=["modified"], condition=UNCLAIMED, name="fileman_unclaimed"),
        ]
        ordering = ["-created", "-id"]

    def __str__(self) -> str:
        return self.original_filename

    def __repr__(self) -> str:
        return f"<File {self.id} {self.upload_status}>"

    def can_be_accessed_by(self, user: Any = None, group: Group | None = None) -> bool:
        """Return True if this user may see the file. `group` narrows that to the group's files, never widens it."""
        policy = import_string(conf.settings().ACCESS_POLICY)()  # it stands above the models, which it imports
        return bool(policy.may_see(Caller(user=user or AnonymousUser()), self, group_id=group.pk if group else None))

    def open(self) -> io.BufferedReader:
        """Open the stored bytes of a completed file for reading and seeking. Raises NotUploaded, StorageError."""
        reader = ObjectReader(get_backend(self.file_manager), self.stored_path, size=self.file_size, etag=self.etag)
        return io.BufferedReader(reader, CHUNK_BYTES)

    @property
    def url(self) -> str:
        """A signed URL to download a completed file, for code that has asked for access. Raises NotUploaded."""
        serve_as = ServeAs(filename=self.original_filename)
        return get_backend(self.file_manager).get_url(self.stored_path, serve_as=serve_as)

    @property
    def permalink(self) -> str:
        """The path of the stable link, which checks access on each use."""
        return reverse("fileman:download", args=[self.pk])

    @property
    def handle(self) -> str | None:
        """What an uploader passes to attach an unclaimed file; None for others. It lives as long as the file."""
        if self.upload_status != self.COMPLETED or not self.slot or self.attached_to:
            return None
        return sign(HANDLE, {"file": str(self.pk)}, expires_at=datetime.max.replace(tzinfo=UTC))

    @property
    def stored_path(self) -> str:
        """The file path of a completed file. Raises NotUploaded."""
        if self.upload_status != self.COMPLETED or self.file_path is None:
            raise NotUploaded("This file is not completed.")
        return self.file_path

    @property
    def upload_path(self) -> str:
        """Path that signed requests of this upload write to."""
        manager = self.file_manager
        return f"{get_backend(manager).prefix}.uploads/{manager.pk}/{self.pk}"

    @property
    def folder(self) -> str:
        """Prefix of every path that this upload may publish to."""
        return f"{get_backend(self.file_manager).prefix}uploads/{self.pk}/"

    def get_try_path(self, number: int) -> str:
        """Return the path of one publishing request, from 1; 0 is the path of a multipart upload completed in place.

        A row that fileman 0.1 initiated has one path from the beginning, in `file_path`: that is its 0.
        """
        if number == 0 and self.file_path is not None:
            return self.file_path
        return f"{self.folder}{number}/{self.filename}"
