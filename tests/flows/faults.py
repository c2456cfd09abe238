"""Faults on demand: the n-th call of the storage fails, before or after it has had its effect."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from fileman.backends.values import Upload
from fileman.errors import StorageUnavailable
from fileman.testing.memory import MemoryBackend

Moment = Literal["before", "after"]
MOMENTS: tuple[Moment, ...] = ("before", "after")


class Beginning(MemoryBackend):
    """A storage that has to be told of an upload in parts, and keeps that until it is ended or aborted."""

    def begin(self, upload: Upload, *, origin: str | None) -> Mapping[str, Any]:
        with self._operation("begin", upload.upload_path) as store:
            store.parts[upload.upload_path, 0] = b""
        return {"id": "1"}


@dataclass(kw_only=True)
class Fault:
    """Raises `error` at one call, once."""

    index: int
    """Of the call, from 0."""
    moment: Moment
    error: type[BaseException] = StorageUnavailable
    fired: str = ""
    """The operation that failed."""
    seen: list[str] = field(default_factory=list)
    """Operations that have begun."""

    def __call__(self, operation: str, path: str, moment: str) -> None:
        if moment == "before":
            self.seen.append(operation)
        if not self.fired and moment == self.moment and len(self.seen) == self.index + 1:
            self.fired = operation
            raise self.error()


@contextmanager
def injected(fault: Fault) -> Iterator[Fault]:
    """Inside the block the storage has this fault."""
    MemoryBackend.faults.append(fault)
    try:
        yield fault
    finally:
        MemoryBackend.faults.remove(fault)
