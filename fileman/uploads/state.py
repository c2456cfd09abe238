"""UploadState: what an unfinished upload remembers between calls. The only reader and writer of `File.upload_state`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from fileman.backends.values import PartPlan, Strategy
from fileman.encryption import OpenedObject
from fileman.models import File


@dataclass(frozen=True, kw_only=True)
class WrittenObject:
    """The object that came through our own upload view, and the checksums computed on the way."""

    etag: str
    checksums: Mapping[str, str]
    """Algorithm -> hex digest."""


@dataclass(frozen=True, kw_only=True)
class UploadState:
    """Change it with `dataclasses.replace`."""

    plan: PartPlan
    begun: Mapping[str, Any] | None = None
    """What the backend's `begin` returned; None until it was called."""
    origin: str | None = None
    """Browser origin that `begin` was told."""
    progress: Mapping[str, Any] = field(default_factory=dict)
    """Where the next finalize call resumes."""
    written: WrittenObject | None = None

    @classmethod
    def from_file(cls, file: File) -> Self:
        """Return the state of a file in hand."""
        return cls.from_json(file.upload_state)

    @classmethod
    def reload(cls, file: File) -> Self:
        """Return the state as the database has it now."""
        file.refresh_from_db(fields=["upload_state"])
        return cls.from_file(file)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        strategy = Strategy(value["strategy"])
        written = value.get("written")
        return cls(
            plan=PartPlan(strategy=strategy, part_size=value["part_size"], total_parts=value["total_parts"]),
            begun=value.get("begun"),
            origin=value.get("origin"),
            progress=value.get("progress", {}),
            written=WrittenObject(**written) if written else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object. It holds only the keys that have a value."""
        plan, written = self.plan, self.written
        optional = {
            "begun": None if self.begun is None else dict(self.begun),
            "origin": self.origin,
            "progress": dict(self.progress) or None,
            "written": written and {"etag": written.etag, "checksums": dict(written.checksums)},
        }
        required = {"strategy": plan.strategy.value, "part_size": plan.part_size, "total_parts": plan.total_parts}
        return required | {key: value for key, value in optional.items() if value is not None}

    def set_on(self, file: File) -> None:
        """Put the state on a file in hand, unsaved."""
        file.upload_state = self.to_json()

    def update_for(self, file: File) -> dict[str, Any]:
        """Return the argument with which `QuerySet.update` writes the state to this file's row."""
        return {"upload_state": OpenedObject(self.to_json(), row=file.pk)}

    @property
    def needs_begin(self) -> bool:
        """True if the upload must still be started on the storage."""
        return self.plan.strategy is not Strategy.SINGLE and self.begun is None
