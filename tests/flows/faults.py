"""Fault injection: the n-th call of the storage fails, before or after its effect."""

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
    """A storage where an upload in parts must be begun, and that remembers it until it is completed or aborted."""

    def begin(self, upload: Upload, *, origin: str | None) -> Mapping[str, Any]:
        with self._operation("begin", upload.upload_path) as store:
            store.parts[upload.upload_path, 0] = b""
        return {"id": "1"}


@dataclass(kw_only=True)
class Fault:
    """Raises `error` at one call, once."""

    index: int
    """Number of the call, from 0."""
    moment: Moment
    error: type[BaseException] = StorageUnavailable
    fired: str = ""
    """Name of the operation that failed."""
    seen: list[str] = field(default_factory=list)
    """Names of the operations that have begun."""

    def __call__(self, operation: str, path: str, moment: str) -> None:
        if moment == "before":
            self.seen.append(operation)
        if not self.fired and moment == self.moment and len(self.seen) == self.index + 1:
            self.fired = operation
            raise self.error()


@contextmanager
def injected(fault: Fault) -> Iterator[Fault]:
    """Inject a fault into the storage during the block."""
    MemoryBackend.faults.append(fault)
    try:
        yield fault
    finally:
        MemoryBackend.faults.remove(fault)
