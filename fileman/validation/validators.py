"""The host project's own validators.

FILEMAN_SETTINGS["UPLOAD_VALIDATORS"]: `validate(request, file_data)` at initiate, before anything is stored. `request`
is the Caller (it has `.user`); `file_data` has filename, size, content_type, metadata and file_manager.

FILEMAN_SETTINGS["CONTENT_VALIDATORS"]: `validate(file, content)` at finalize, over the stored bytes before they are
published. `file` is the File row, `content` reads it (see Content). Any error other than ValidationError keeps the
upload unfinished: nothing passes a scanner that does not respond.

Both raise django.core.exceptions.ValidationError to refuse. The client sees its message.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.module_loading import import_string

from fileman import conf
from fileman.backends import Backend
from fileman.backends.streams import read_exactly
from fileman.backends.values import StoredObject
from fileman.caller import Caller
from fileman.errors import RejectedByValidator
from fileman.models import File


@dataclass(frozen=True, kw_only=True)
class Content:
    """The stored bytes of one upload, pinned to the verified object."""

    backend: Backend
    stored: StoredObject

    @property
    def size(self) -> int:
        return self.stored.size

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes start to start + length. Raises ObjectChanged if the object was replaced."""
        return b"".join(self.chunks(start, length))

    def chunks(self, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Return the same bytes in chunks."""
        return read_exactly(self.backend, self.stored, start=start, length=length)


def check_declared(caller: Caller, file: File, *, at: tuple[str, ...]) -> None:
    """Run UPLOAD_VALIDATORS. Raises RejectedByValidator with the validator's message."""
    data = {name: getattr(file, name) for name in ("content_type", "metadata", "file_manager")}
    data |= {"filename": file.original_filename, "size": file.file_size}
    _run(conf.settings().UPLOAD_VALIDATORS, (caller, data), at=at)


def check_content(file: File, content: Content) -> None:
    """Run CONTENT_VALIDATORS. Raises RejectedByValidator with the validator's message."""
    _run(conf.settings().CONTENT_VALIDATORS, (file, content), at=())


def _run(paths: Iterable[str], arguments: tuple[Any, ...], *, at: tuple[str, ...]) -> None:
    for path in paths:
        validate: Callable[..., None] = import_string(path)
        try:
            validate(*arguments)
        except ValidationError as error:
            raise RejectedByValidator(" ".join(error.messages), field=at) from error
