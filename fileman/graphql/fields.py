"""Fields of our types. The description is the first argument, because each field has one."""

from typing import Any

import strawberry
import strawberry_django


def field(description: str, **options: Any) -> Any:
    """Return a field of an input or a payload."""
    return strawberry.field(description=description, **options)


def optional(description: str, *, default: Any = None, **options: Any) -> Any:
    """Return a field with a default, for values that may be left out."""
    return field(description, default=default, **options)


def model_field(description: str, **options: Any) -> Any:
    """Return a field of a type that shows rows of a model."""
    return strawberry_django.field(description=description, **options)
