"""FilemanFileField: a model field whose value is a File.

Saving a row claims its file by a conditional UPDATE in the row's own transaction. On commit, what the row no longer has
is released. Signals tell of that; `release_unused` and `attach_unnoticed` make up for changes that send none.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.signals import post_delete, post_save
from django.utils import timezone
from django.utils.functional import cached_property

from fileman import tokens
from fileman.attachments.forms import AttachmentField
from fileman.errors import FileInUse, MimeTypeNotAllowed, NotFound, NotUploaded, PermissionDenied, Unauthenticated
from fileman.models import File
from fileman.models.file import UNCLAIMED
from fileman.validation import content_types


class _Key(ForeignKeyDeferredAttribute):
    """Notes the key that a row is made or loaded with."""

    def __set__(self, instance: Any, value: Any) -> None:
        if instance._state.adding:  # noqa: SLF001 - also while Django loads it
            vars(instance)[f"_{self.field.attname}_held"] = {value}
        super().__set__(instance, value)


class FilemanFileField(models.OneToOneField):  # type: ignore[type-arg]
    """A completed file that belongs to one row. `manager`: name of the file manager that files go to.

    `limits`: max_file_size, allowed_extensions and allowed_mime_types, which hold beside the file manager's.
    """

    descriptor_class = _Key

    def __init__(self, to: Any = File, on_delete: Any = models.PROTECT, **options: Any) -> None:
        self.manager: str = options.pop("manager", "")
        self.limits: dict[str, Any] = options.pop("limits", {})
        super().__init__(to, on_delete, **{"related_name": "+", **options})

    def deconstruct(self) -> Any:
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.OneToOneField", arguments, options  # a plain one in migrations

    def contribute_to_class(self, cls: Any, *arguments: Any, **options: Any) -> None:
        super().contribute_to_class(cls, *arguments, **options)
        for signal in () if cls._meta.abstract else (post_save, post_delete):
            signal.connect(self._release_left, sender=cls)

    def formfield(self, *, user: Any = None, **options: Any) -> Any:
        given = {key: value for key, value in options.items() if key not in ("using", "queryset")}
        return models.Field.formfield(self, form_class=AttachmentField, model_field=self, user=user, **given)

    @cached_property
    def label(self) -> str:
        return f"{self.model._meta.label_lower}.{self.name}"  # noqa: SLF001

    def sign_slot(self) -> str:
        """Return the `slot` of an initiateUpload for this field: `Order.invoice.field.sign_slot()`."""
        slot = {"field": self.label, "manager": self.manager, "limits": self.limits}
        return tokens.sign(tokens.SLOT, slot, expires_at=timezone.now() + timedelta(days=7))

    def resolve(self, handle: str, *, user: Any) -> File:
        """Return this user's upload for this field. Raises Unauthenticated, NotFound, FileInUse, MimeTypeNotAllowed."""
        if user is None or not user.is_authenticated:
            raise Unauthenticated
        try:
            key = tokens.unsign(tokens.HANDLE, handle, now=timezone.now())["file"]
            file = File.objects.get(pk=key, uploaded_by=user.pk, slot=self.label, upload_status=File.COMPLETED)
        except (PermissionDenied, File.DoesNotExist):
            raise NotFound("This upload cannot be used here. Upload the file again.") from None
        if file.attached_to:
            raise FileInUse
        if not content_types.matches(file.content_type, self.limits.get("allowed_mime_types") or ["*/*"]):
            raise MimeTypeNotAllowed
        return file

    def pre_save(self, instance: Any, add: bool) -> Any:
        key, held = super().pre_save(instance, add), vars(instance).setdefault(f"_{self.attname}_held", set())
        if key is not None and (add or held != {key}):
            held.add(key)
            self._claim(key, instance)
        return key

    def _claim(self, key: Any, instance: Any) -> None:
        completed = File.objects.filter(pk=key, upload_status=File.COMPLETED)
        ours = completed.filter(~Exists(self._rows.exclude(pk=instance.pk)), attached_to=self.label)
        # The second statement begins after a parallel claim has ended, and so sees its row.
        if not (self._attach(completed.filter(attached_to="")) or self._attach(ours)):
            raise FileInUse if completed.exists() else NotUploaded("Only a completed file can be attached.")

    @property
    def _rows(self) -> QuerySet[Any]:
        return self.model._base_manager.filter(**{self.attname: OuterRef("pk")})  # noqa: SLF001

    def _attach(self, files: QuerySet[File]) -> int:
        return files.update(attached_to=self.label, attached_at=timezone.now())

    def _release_left(self, instance: Any, signal: Any, **_: Any) -> None:
        kept = None if signal is post_delete else getattr(instance, self.attname)
        if left := vars(instance).get(f"_{self.attname}_held", set()) - {None, kept}:
            transaction.on_commit(partial(self.release_unused, pk__in=left), robust=True)

    def release_unused(self, *, apply: bool = True, **where: Any) -> int:
        """Release the files that are attached to this field though no row has them. Return their number."""
        unused = File.objects.filter(~Exists(self._rows), attached_to=self.label, **where)
        changes = {"attached_to": "", "attached_at": None, "modified": timezone.now()}  # unclaimed from now on
        return unused.update(**changes) if apply else unused.count()

    def attach_unnoticed(self) -> None:
        """Attach the unclaimed files that rows have, so that cleanup leaves them alone."""
        self._attach(File.objects.filter(UNCLAIMED, Exists(self._rows)))


def get_fields() -> Iterator[FilemanFileField]:
    """Yield the fields of all installed models."""
    for model in apps.get_models():
        yield from (one for one in model._meta.local_fields if isinstance(one, FilemanFileField))  # noqa: SLF001
