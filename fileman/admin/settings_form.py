"""Form fields of a file manager: those of its settings, made from the settings class of its backend, and its limits.

Settings with `repr=False` are secrets: forms write them and never show them.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from fractions import Fraction
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import pretty_name
from django.utils.html import escape

from fileman import conf

SETTING, REMOVE = "setting_", "remove_"
"""What the names of fields begin with, before the name of a setting."""
_YES_NO = {"True": "Yes", "False": "No"}
_UNITS = {f"{name}{end}": base**n for base, end in ((1024, "iB"), (1000, "B")) for n, name in enumerate("KMGTP", 1)}
_SIZE = re.compile(rf"(\d{{1,16}}(?:\.\d{{1,9}})?)\s*({'|'.join(_UNITS)}|)", re.IGNORECASE)


class SecretTextarea(forms.PasswordInput):
    """Never shows its value, not even next to its errors."""

    template_name = "django/forms/widgets/textarea.html"


class ListField(forms.CharField):
    """Strings, separated by commas or new lines."""

    widget = forms.Textarea({"rows": 2, "class": "vLargeTextField"})

    def to_python(self, value: Any) -> Any:
        return list(filter(None, map(str.strip, re.split("[,\n]", value or ""))))

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value


class SizeField(forms.CharField):
    """Bytes, entered as "5 GiB", "500 MB" or a plain number."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        found = _SIZE.fullmatch(text or "0")
        units = {unit.lower(): size for unit, size in _UNITS.items()}
        size = Fraction(found[1]) * units.get(found[2].lower(), 1) if found else Fraction("0.1")
        if size.denominator > 1:
            raise ValidationError('Enter a size such as "5 GiB", "500 MB" or 1000000; 0 is no limit.')
        return int(size) if text else None

    def prepare_value(self, value: Any) -> Any:
        """Return the shortest text that is exactly this number of bytes."""
        whole = {unit: size for unit, size in _UNITS.items() if value and isinstance(value, int) and value % size == 0}
        return min([f"{value // size} {unit}" for unit, size in whole.items()], key=len, default=value)


def build_fields(settings_class: type[Any], stored: Mapping[str, Any]) -> dict[str, forms.Field]:
    """Return a field for each setting, and a checkbox to remove each secret and each stored key that is not known."""
    hints, built = get_type_hints(settings_class), {}
    texts = {ast.unparse(node.target): text for node, text in conf.read_fields(settings_class)}
    for spec in sorted(fields(settings_class), key=lambda spec: _get_default(spec) is not MISSING):
        name, value = spec.name, stored.get(spec.name)
        built[SETTING + name] = field = _build_field(spec, conf.get_options(hints[name]), value)
        label = spec.metadata.get("label", pretty_name(name))
        field.label = re.sub(r"(?i)\b(id|kms|url)\b", lambda word: word[0].upper(), label)
        field.help_text = escape(texts.get(name, "")) + field.help_text
        if not spec.repr and value:
            built[REMOVE + name] = forms.BooleanField(required=False, label=f"Remove the stored {field.label.lower()}")
    for name in sorted(stored.keys() - hints.keys()):
        label = f"Remove {name!r}, which this backend does not know"
        built[REMOVE + name] = forms.BooleanField(required=False, label=label)
    return built


def _get_default(spec: "Field[Any]") -> Any:
    return spec.default if spec.default_factory is MISSING else spec.default_factory()


def _build_field(spec: "Field[Any]", options: Sequence[Any], value: Any) -> Any:
    default = _get_default(spec)
    shown = "" if default in (MISSING, None, "") else f"Default: {_YES_NO.get(str(default), default)}"
    kinds = [get_origin(option) or option for option in options if option is not NoneType]
    field: Any
    if spec.repr and {*kinds} <= {bool, Literal}:
        known = [one for option in options for one in get_args(option) or ((True, False) if option is bool else ())]
        values = {str(one): one for one in (known if value is None else [*known, value])}
        choices = [("", shown or "---------"), *((key, _YES_NO.get(key, key)) for key in values)]
        field = forms.TypedChoiceField(choices=choices, coerce=values.get, initial="" if value is None else str(value))
    else:
        kind = str if str in kinds else kinds[0]
        form_field = {str: forms.CharField, int: forms.IntegerField, float: forms.FloatField}.get(kind, forms.JSONField)
        is_long = not {*kinds} <= {str, int, float}
        plain, secret = (forms.Textarea, SecretTextarea) if is_long else (forms.TextInput, forms.PasswordInput)
        attributes = {"placeholder": shown, "class": "vLargeTextField" if is_long else "vTextField"}
        if spec.repr:
            field = form_field(widget=plain(attributes))
            # A number where text may stand as well is a mode, which is typed in octal.
            field.initial = oct(value) if kind is str and isinstance(value, int) else value
        else:  # "off" would let browsers fill in the password of the administrator
            field = form_field(widget=secret({**attributes, "autocomplete": "new-password"}))
            field.help_text = " A value is stored and not shown. Empty keeps it." if value else ""
    field.required = default is MISSING and (spec.repr or not value)
    return field
