"""FileManager: where files are stored and which uploads are allowed."""

import logging
import re
from collections.abc import Collection, Iterable
from typing import Any, cast
from uuid import uuid4

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import CheckConstraint, Q, UniqueConstraint

from fileman import conf
from fileman.backends import Backend, backend_class, build_config, get_backend
from fileman.backends.values import Capabilities
from fileman.encryption import EncryptedJSONField
from fileman.errors import StorageError, StorageMisconfigured

logger = logging.getLogger("fileman.backends")
LARGEST_SAFE_INTEGER = 2**53 - 1
"""Largest integer that JSON numbers carry exactly, and so the largest size in the API."""
_IN_GROUP, _SITE_WIDE = Q(group__isnull=False), Q(group__isnull=True)
_GROUP_DEFAULT = Q(is_default=True, group__isnull=False)
_SITE_DEFAULT = Q(is_default=True, group__isnull=True)


class FileManager(models.Model):
    """Where files are stored and which uploads are allowed. Saving validates and may raise ValidationError."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True, default="")
    group = models.ForeignKey(
        Group,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="file_managers",
        help_text="Members may upload here. Empty: everybody who is signed in.",
    )
    backend_type = models.CharField(
        max_length=50, help_text="file, s3, azure, gcs, or the key of a registered backend."
    )
    backend_url = models.CharField(
        max_length=1000, blank=True, default="", help_text="s3://bucket/prefix/ and the like."
    )
    settings = EncryptedJSONField(default=dict, blank=True)
    supports_direct_upload: "models.BooleanField[bool | None, bool]" = models.BooleanField(
        default=None, blank=True, help_text="Off: bytes go through this server. Left out: what the backend can do."
    )
    max_file_size = models.BigIntegerField(
        null=True, blank=True, help_text="Bytes. Empty: DEFAULT_MAX_FILE_SIZE. 0: no limit."
    )
    allowed_extensions = models.JSONField(default=list, blank=True, help_text='["jpg", "png"]; empty allows all.')
    allowed_mime_types = models.JSONField(default=list, blank=True, help_text='["image/*"]; empty allows all.')
    is_default = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    is_public_default = models.BooleanField(default=False, help_text="Files are public unless the uploader says no.")
    location = models.CharField(max_length=1000, editable=False, help_text="Where objects lie, told by the backend.")
    created = models.DateTimeField(auto_now_add=True)
    modified = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["group"], condition=_GROUP_DEFAULT, name="fileman_one_default_per_group"),
            UniqueConstraint(fields=["is_default"], condition=_SITE_DEFAULT, name="fileman_one_site_wide_default"),
            UniqueConstraint(fields=["group", "name"], condition=_IN_GROUP, name="fileman_name_unique_in_group"),
            UniqueConstraint(fields=["name"], condition=_SITE_WIDE, name="fileman_name_unique_site_wide"),
            CheckConstraint(
                condition=Q(max_file_size__isnull=True) | Q(max_file_size__range=(0, LARGEST_SAFE_INTEGER)),
                name="fileman_max_file_size_possible",
            ),
        ]
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<FileManager {self.id} {self.backend_type}>"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Validate, save and mark the storage. A new default replaces the old one of its scope in one transaction."""
        self.validate_configuration()
        with transaction.atomic():
            if self.is_default:
                scope = type(self).objects.filter(group=self.group_id)
                list(scope.select_for_update().order_by("pk").values_list("pk"))  # its own too: one order, no deadlock
                scope.filter(is_default=True).exclude(pk=self.pk).update(is_default=False)
            super().save(*args, **kwargs)
        for problem in self.mark_storage():
            logger.warning("file manager %s: %s", self.pk, problem)

    def mark_storage(self) -> list[str]:
        """Let the backend mark its storage, if the oldest file is there. Return the problem, if there is one."""
        stored = type(self).objects.filter(location=self.location, files__upload_status="completed")
        oldest = stored.order_by("files__created").values_list("files__file_path", flat=True)[:1]
        queued = type(self).objects.filter(location=self.location, deletions__isnull=False).order_by("-deletions__path")
        known = oldest or queued.values_list("deletions__path", flat=True)[:1]  # without files, what is to be deleted
        try:
            backend_class(self.backend_type)(build_config(self)).mark_place(cast("Iterable[str]", known))
        except StorageError as error:
            return [error.message]
        return []

    def clean(self) -> None:
        self.validate_configuration()

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Allow a second default: saving replaces the first. `clean` says the others in words."""
        super().validate_constraints({*(exclude or ()), "is_default", "name", "max_file_size"})

    def validate_configuration(self) -> None:
        """Check everything that needs no request to the storage, and fill in what the backend decides."""
        try:
            kind = backend_class(self.backend_type)
            build_config(self)  # decrypts the settings
        except StorageMisconfigured as error:
            raise ValidationError({"backend_type": error.message}) from error
        if cast("bool | None", self.supports_direct_upload) is None:  # left out
            self.supports_direct_upload = kind.capabilities.supports_direct_upload
        problems = kind.configuration_problems(build_config(self)) + self._list_problems()
        if problems:
            raise ValidationError(problems)
        backend = kind(build_config(self))
        if problems := backend.settings.name_problems():
            raise ValidationError(problems)
        self.location = backend.location()
        self._refuse_conflicts()
        self._refuse_move(backend)

    def _list_problems(self) -> list[str]:
        problems = []
        extension, kind = r"\s*\.?\w[\w.+~-]*\s*", r"\s*(\*/\*|[\w!#$&^.+-]+/(\*|[\w!#$&^.+-]+))\s*(;.*)?"
        for name, form, example in (("extensions", extension, "pdf"), ("mime_types", kind, "image/png or image/*")):
            is_list = isinstance(value := getattr(self, f"allowed_{name}"), list)
            entries = value if is_list else [value]
            wrong = [one for one in entries if not (is_list and isinstance(one, str) and re.fullmatch(form, one))]
            problems += [f"allowed_{name} must be a list of strings such as {example}, not {one!r}." for one in wrong]
        if self.max_file_size is not None and not 0 <= self.max_file_size <= LARGEST_SAFE_INTEGER:
            problems.append("max_file_size must be from 0 (no limit) to 2^53-1 bytes.")
        return problems

    def _refuse_conflicts(self) -> None:
        """Raise ValidationError for the name of another file manager of the group, or the place of another group's."""
        others = type(self).objects.exclude(pk=self.pk)
        if others.filter(group=self.group_id, name=self.name).exists():
            raise ValidationError({"name": "Another file manager of this group, or without a group, has this name."})
        if others.filter(location=self.location).exclude(group=self.group_id).exists():
            raise ValidationError("A file manager of another group stores its files in this place. Use another prefix.")

    def _refuse_move(self, backend: Backend) -> None:
        """Raise ValidationError if the place changes under existing files, or to one that must not hold uploads."""
        old = type(self).objects.filter(pk=self.pk).first()
        moved = ["its storage"] if old is None or old.location != self.location else []
        given = [name for name in backend.settings.fixed if self.settings.get(name)]
        fixed = [name for name in given if old is None or self.settings[name] != old.settings.get(name)]
        if old is not None and (moved or fixed) and (self.files.exists() or self.deletions.exists()):
            problem = f"This file manager has files, so {' and '.join(moved + fixed)} cannot change."
            raise ValidationError(f"{problem} Create a new file manager.")
        if (moved or fixed) and (problems := backend.place_problems()):
            raise ValidationError(problems)

    @property
    def max_file_bytes(self) -> int:
        """Effective limit: its own, else DEFAULT_MAX_FILE_SIZE, and never more than the storage can hold."""
        own = conf.settings().DEFAULT_MAX_FILE_SIZE if self.max_file_size is None else self.max_file_size
        storage = min(self.capabilities.max_object_bytes, LARGEST_SAFE_INTEGER)
        return min(own, storage) if own else storage

    @property
    def capabilities(self) -> Capabilities:
        """Abilities of its storage, as configured. Raises StorageMisconfigured."""
        return get_backend(self).capabilities
