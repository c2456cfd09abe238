"""Content validators as projects write them; each test names one in CONTENT_VALIDATORS."""

from django.core.exceptions import ValidationError

from fileman.models import File
from fileman.validation.validators import Content

SEEN: list[tuple[str, int, bytes, bytes]] = []
"""Arguments of `remember`: name, size, all bytes, bytes 1 to 3."""


def remember(file: File, content: Content) -> None:
    SEEN.append((file.original_filename, content.size, content.read(), content.read(1, 2)))


def find_virus(file: File, content: Content) -> None:
    if any(b"EICAR" in chunk for chunk in content.chunks()):
        raise ValidationError("This file is infected.")


def scanner_is_down(file: File, content: Content) -> None:
    raise TimeoutError("The scanner does not answer.")
