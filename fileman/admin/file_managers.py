"""The admin of file managers: a form for each type of backend, which shows no secret."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.utils.html import escape
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from fileman.admin.page_actions import PageActionsAdmin
from fileman.admin.settings_form import REMOVE, SETTING, ListField, SizeField, build_fields
from fileman.backends import backend_class, backend_types
from fileman.diagnosis.subjects import describe_success, diagnose_manager
from fileman.encryption import OpenedObject
from fileman.errors import StorageMisconfigured
from fileman.models import File, FileManager


@method_decorator(sensitive_variables(), name="full_clean")
class FileManagerForm(forms.ModelForm):  # type: ignore[type-arg]
    """Subclasses, one for each type of backend, have the fields of `build_fields` too, unless they cannot be read."""

    endpoint_settings: Sequence[str] = ()
    supports_direct_upload = forms.NullBooleanField(
        required=False,
        help_text="Direct uploads go from the browser to the storage. Others pass through this server.",
        widget=forms.Select(choices=[("", "Automatic: if the storage can"), ("True", "Yes"), ("False", "No")]),
    )
    max_file_size = SizeField(
        required=False, help_text='"5 GiB", "500 MB", bytes; 0: no limit. Empty: DEFAULT_MAX_FILE_SIZE, else 100 MiB.'
    )
    allowed_extensions = ListField(required=False, help_text="jpg, png; empty allows all.")
    allowed_mime_types = ListField(required=False, help_text="image/*, application/pdf; empty allows all.")

    class Meta:
        model = FileManager
        fields = (
            "name", "description", "group", "max_file_size", "allowed_extensions", "allowed_mime_types", "is_default",
            "is_active", "is_public_default", "backend_type", "backend_url", "supports_direct_upload",
        )  # fmt: skip
        help_texts = {"backend_url": "Optional: s3://bucket/prefix/, azure://…, gs://… or file:///folder/."}

    def full_clean(self) -> None:
        super().full_clean()
        for name in self.changed_data if self.errors else ():
            if isinstance(self.fields[name].widget, forms.PasswordInput):
                self.add_error(name, "Enter this again: a form with errors keeps no secret.")

    def clean(self) -> None:
        # Out of `cleaned_data`, which reports of errors show when validation is over.
        typed = {name: self.cleaned_data.pop(name, "") for name in self.fields if name.startswith((SETTING, REMOVE))}
        if not typed:
            return
        settings, changed = dict(self.instance.settings), [name for name in self.changed_data if name in typed]
        for name in changed:
            key = name.partition("_")[2]
            if {SETTING + key, REMOVE + key} <= {*changed}:
                self.add_error(name, "Enter a new value or remove the stored one, not both.")
            settings[key] = typed[name]
            if typed[name] in ("", None) or name == REMOVE + key:
                del settings[key]
        if any(settings.get(name) != self.instance.settings.get(name) for name in self.endpoint_settings):
            # Staff who may not read a secret could learn it from a host of their own.
            for key in settings:
                if {SETTING + key, REMOVE + key} <= typed.keys() and SETTING + key not in changed:
                    self.add_error(SETTING + key, "Enter this again, because the endpoint is another one.")
        self.instance.settings = OpenedObject(settings, row=self.instance.pk)

    def _update_errors(self, errors: ValidationError) -> None:
        """Show what the model finds at the first field that it names."""
        for name, problems in errors.update_error_dict({}).items():
            for problem in problems:
                words = re.findall(r"\w+", problem.messages[0].partition(" Known ")[0])
                named = (one for word in words for one in (SETTING + word, word) if "_" in one)
                place = next((one for one in (name, *named) if one in self.fields), None)
                if place not in self.errors or "is missing" not in problem.messages[0]:
                    self.add_error(place, problem)


@admin.register(FileManager)
@method_decorator(sensitive_post_parameters(), name="changeform_view")
class FileManagerAdmin(PageActionsAdmin):
    list_display = ("name", "group", "backend_type", "is_default", "is_active", "location")
    list_filter = ("backend_type", "is_active", "group")
    search_fields = ("name", "location")
    readonly_fields = ("files_stored",)
    actions = ("check_configuration", "turn_off")

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Ask for the type of the backend first."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.GET.get("backend_type") in (types := backend_types()):
            return super().add_view(request, *args, **kwargs)
        context = {**self.admin_site.each_context(request), "types": types, "opts": self.opts}
        return TemplateResponse(request, "admin/fileman/filemanager/choose_type.html", context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kind = obj.backend_type if obj else request.GET.get("backend_type", "")
        own: dict[str, Any] = {"backend_type": forms.CharField(disabled=True, initial=kind)}
        try:
            if self.has_change_permission(request, obj) if obj else self.has_add_permission(request):
                settings_class = backend_class(kind).settings_class
                own |= {"endpoint_settings": settings_class.endpoint_settings}
                own |= build_fields(settings_class, obj.settings if obj else {})
        except StorageMisconfigured as error:
            own["backend_type"].help_text = escape(error.message)
        kwargs["form"] = type("FileManagerForm", (FileManagerForm,), own)
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        names = [str(name) for name in self.get_fields(request, obj) if obj or name not in self.readonly_fields]
        storage = [name for name in names if name.startswith(("backend_", "supports_", SETTING, REMOVE))]
        return [(None, {"fields": [one for one in names if one not in storage]}), ("Storage", {"fields": storage})]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Count what protects a file manager instead of listing it: there may be millions of files."""
        counts = [(manager, manager.files.count(), manager.deletions.count()) for manager in objs]
        used = [f"{one}: files {files}, queued deletions {queued}" for one, files, queued in counts if files or queued]
        return ([], {}, set(), used) if used else super().get_deleted_objects(objs, request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        former = FileManager.objects.filter(group=obj.group, is_default=True).exclude(pk=obj.pk).first()
        super().save_model(request, obj, form, change)
        if former and obj.is_default:
            self.message_user(request, f"{obj} is the default now, instead of {former}.", messages.WARNING)

    @admin.display(description="Files")
    def files_stored(self, manager: FileManager) -> str:
        completed = manager.files.filter(upload_status=File.COMPLETED)
        found = completed.aggregate(count=Count("pk"), size=Sum("file_size", default=0))
        return f"{found['count']} completed, {filesizeformat(found['size'])}"

    @admin.action(description="Test the connection to the storage", permissions=["change"])
    def check_configuration(self, request: HttpRequest, chosen: QuerySet[FileManager]) -> None:
        for manager in chosen:
            problems = diagnose_manager(manager)
            text = f"{manager.name}: {' '.join(problems) or f'The connection {describe_success(manager)}'}"
            self.message_user(request, text, messages.ERROR if problems else messages.SUCCESS)

    @admin.action(description="Turn off: take no new uploads", permissions=["change"])
    def turn_off(self, request: HttpRequest, chosen: QuerySet[FileManager]) -> None:
        """Turn off broken ones too, which `save` would refuse."""
        for manager in chosen:
            FileManager.objects.filter(pk=manager.pk).update(is_active=False)
            self.log_change(request, manager, "Turned off.")
            self.message_user(request, f"{manager}: Turned off. Its files stay available.", messages.SUCCESS)
