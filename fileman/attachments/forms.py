"""The form field of an attachment, and mixins that bring the user whose uploads a form may take."""

from contextlib import suppress
from typing import Any

from django import forms
from django.forms.widgets import Script

from fileman import conf
from fileman.errors import FilemanError
from fileman.models import File


class AttachmentInput(forms.Widget):
    """A file input that is not posted, and a hidden one with the handle, or with the key of the row's own file."""

    template_name = "fileman/attachment.html"
    model_field: Any = None

    class Media:
        js = (Script("fileman/attachment.js", type="module"),)

    def use_required_attribute(self, initial: Any) -> bool:  # noqa: ARG002
        return False  # after an upload the file input is empty

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, None, attrs)
        context["widget"] |= {"file": value, "field": self.model_field, "url": conf.settings().GRAPHQL_URL}
        return context


class AttachmentField(forms.Field):
    """Its cleaned value is the File, or None."""

    def __init__(self, *, model_field: Any, user: Any = None, **options: Any) -> None:
        super().__init__(**{**options, "widget": AttachmentInput})
        self.widget.model_field = self.model_field = model_field
        self.user, self.kept = user, ""

    def get_bound_field(self, form: Any, field_name: str) -> Any:
        self.kept = _get_key(getattr(vars(form).get("instance"), self.model_field.attname, None))  # never of the URL
        return super().get_bound_field(form, field_name)

    def prepare_value(self, value: Any) -> File | None:
        """Return the file to show: the row's own, or one uploaded before the form came back with errors."""
        with suppress(forms.ValidationError):
            if file := self.clean(value):
                vars(file)["form_value"] = _get_key(value)
                return file
        return None

    def clean(self, value: Any) -> File | None:
        super().clean(value)
        key = _get_key(value)
        try:
            if key == self.kept:
                return File.objects.get(pk=key) if key else None
            file: File | None = self.model_field.resolve(key, user=self.user) if key else None
        except FilemanError as error:
            raise forms.ValidationError(error.message, code=error.code) from error
        return file

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _get_key(initial) != _get_key(data)


def _get_key(value: Any) -> str:
    return str(getattr(value, "pk", value) or "")


class AttachmentFormMixin:
    """For forms: `OrderForm(request.POST, user=request.user)`."""

    def __init__(self, *arguments: Any, user: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for field in vars(self)["fields"].values():
            field.user = user


class AttachmentAdminMixin:
    """For a ModelAdmin and its inlines."""

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        if hasattr(db_field, "sign_slot"):
            return db_field.formfield(user=request.user, **options)
        return super().formfield_for_dbfield(db_field, request, **options)  # type: ignore[misc]
