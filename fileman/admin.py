"""The admin: file managers with write-only settings; files and the deletion queue read-only."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from fileman.backends import backend_types
from fileman.diagnosis.subjects import diagnose_manager, find_subjects
from fileman.encryption import OpenedObject
from fileman.models import File, FileManager, StorageDeletion


class WriteOnlyTextarea(forms.Textarea):
    """Never shows what was typed, not even next to its errors."""

    def format_value(self, value: Any) -> None:  # noqa: ARG002
        return None


class FileManagerForm(forms.ModelForm):  # type: ignore[type-arg]
    """Settings can be written but not read. An empty field keeps them."""

    backend_type = forms.ChoiceField(choices=lambda: [(name, name) for name in backend_types()])
    new_settings = forms.JSONField(
        required=False,
        label="Settings",
        widget=WriteOnlyTextarea(attrs={"rows": 8, "autocomplete": "off"}),
        help_text="A JSON object with the backend's settings. They are stored encrypted and not shown again: "
        "leave this empty to keep them, or enter all of them again.",
    )
    supports_direct_upload = forms.NullBooleanField(
        help_text="Direct uploads go from the browser to the storage. Others pass through this server.",
        widget=forms.Select(choices=[("", "Automatic: if the storage can"), ("True", "Yes"), ("False", "No")]),
    )

    class Meta:
        model = FileManager
        fields = (
            "name", "description", "group", "backend_type", "backend_url", "supports_direct_upload", "max_file_size",
            "allowed_extensions", "allowed_mime_types", "is_default", "is_active", "is_public_default",
        )  # fmt: skip

    @sensitive_variables()
    def clean_new_settings(self) -> dict[str, Any] | None:
        value = self.cleaned_data["new_settings"]
        if value is not None and not isinstance(value, dict):
            raise forms.ValidationError("Enter a JSON object.")
        # Reports of errors show `cleaned_data`, and only the names of the settings in it.
        return None if value is None else OpenedObject(value, row=self.instance.pk)

    def _post_clean(self) -> None:
        given = self.cleaned_data.get("new_settings")
        if given is not None:
            self.instance.settings = given
        super()._post_clean()  # type: ignore[misc]


@admin.register(FileManager)
@method_decorator(sensitive_post_parameters("new_settings"), name="changeform_view")
class FileManagerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = FileManagerForm
    list_display = ("name", "group", "backend_type", "location", "is_default", "is_active")
    list_filter = ("backend_type", "is_active", "group")
    search_fields = ("name", "location")
    readonly_fields = ("setting_names",)
    actions = ("check_configuration",)

    @admin.display(description="Settings present")
    def setting_names(self, manager: FileManager) -> str:
        return ", ".join(sorted(manager.settings)) or "none"

    @admin.action(description="Test the connection to the storage", permissions=["change"])
    def check_configuration(self, request: HttpRequest, chosen: QuerySet[FileManager]) -> None:
        for manager in chosen:
            problems = diagnose_manager(manager)
            text = f"{manager.name}: {' '.join(problems) or 'The connection works.'}"
            self.message_user(request, text, messages.ERROR if problems else messages.SUCCESS)


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    has_delete_permission = has_change_permission


@admin.register(File)
class FileAdmin(ReadOnlyAdmin):
    """Read-only. Uploads are created, changed and deleted through the API."""

    list_display = ("original_filename", "upload_status", "size", "uploaded_by", "group", "file_manager", "created")
    list_filter = ("upload_status", "is_public", "file_manager", "group", "content_type")
    list_select_related = ("uploaded_by", "group", "file_manager")
    date_hierarchy = "created"
    search_fields = ("original_filename", "filename")
    search_help_text = "A part of the name, or an id as links, the API, logs and paths show it"
    fields = (
        "original_filename", "filename", "file_path", "file_manager", "group", "uploaded_by", "upload_status",
        "failure_reason", "size", "content_type", "detected_content_type", "checksum", "checksum_verified",
        "shown_metadata", "is_public", "created", "modified", "completed_at", "expires_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(ordering="file_size")
    def size(self, file: File) -> str:
        return filesizeformat(file.file_size)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[QuerySet[File], bool]:
        named = [file.pk for file in find_subjects(search_term, only_files=True)[1]] if search_term else []
        found = super().get_search_results(request, queryset, search_term)
        return (queryset.filter(pk__in=named), False) if named else found

    @admin.display(description="Metadata")
    def shown_metadata(self, file: File) -> str:
        return json.dumps(file.metadata, ensure_ascii=False)


@admin.register(StorageDeletion)
class StorageDeletionAdmin(ReadOnlyAdmin):
    """Read-only. The deletion queue."""

    list_display = ("path", "file_manager", "due_at", "attempts", "last_error")
    list_filter = ("attempts", "file_manager")
    search_fields = ("path", "last_error")
    list_select_related = ("file_manager",)
