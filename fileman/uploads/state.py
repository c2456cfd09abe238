"""UploadState: what an unfinished upload remembers between calls. The only reader and writer of `File.upload_state`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from fileman.backends.values import PartPlan, StoredObject, Strategy
from fileman.encryption import OpenedObject
from fileman.models import File

_PLAIN: dict[str, Any] = {"begun": None, "origin": None, "progress": {}, "awaits_claims": False}
"""Parts of an UploadState that are JSON already, and their values at initiate."""


@dataclass(frozen=True, kw_only=True)
class WrittenObject:
    """The object that came through our own upload view, and the checksums computed on the way."""

    etag: str
    checksums: Mapping[str, str]
    """Algorithm -> hex digest."""


@dataclass(kw_only=True)
class Progress:
    """What finalize calls have established so far, changed in place. The next call goes on from it."""

    stored: StoredObject | None = None
    """The object under verification, with the checksums that this server has computed over it."""
    detected_content_type: str | None = None
    """Of its first bytes; None until they were checked."""
    is_validated: bool = False
    """True after the content validators of the host project have passed it."""
    next_look: int = 0
    """The first earlier try that was not looked at since the last publishing request; 0: none was."""
    try_number: int | None = None
    """The try whose publishing has begun and goes on."""
    is_questioned: bool = False
    """True after a storage that contradicts the upload has proven to be the storage."""
    notes: dict[str, Any] = field(default_factory=dict)
    """Of the backend: `Upload.progress`."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote. What fileman 0.1 wrote has other keys; then finalize begins again."""
        if not value.keys() <= {spec.name for spec in fields(cls)}:
            return cls()
        stored = value.get("stored")
        return cls(**{**value, "stored": stored and StoredObject(**stored), "notes": dict(value.get("notes", {}))})

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object, empty if nothing was established."""
        if self == Progress():
            return {}
        stored = self.stored and {**asdict(self.stored), "modified": None}
        if stored:
            del stored["beginning"]
        return {**self.__dict__, "stored": stored, "notes": dict(self.notes)}

    def examine(self, stored: StoredObject) -> StoredObject:
        """Begin the verification of an object, or go on if it is the one at hand. Return its facts."""
        if self.stored is None or (self.stored.path, self.stored.etag) != (stored.path, stored.etag):
            self.forget()
            self.stored = stored
        return self.stored or stored

    def add_checksums(self, checksums: Mapping[str, str]) -> None:
        """Remember checksums computed over the object at hand."""
        if self.stored is not None:
            self.stored = replace(self.stored, checksums={**self.stored.checksums, **checksums})

    def forget(self) -> None:
        """Forget the object at hand, because it was replaced or refused."""
        self.stored, self.detected_content_type, self.is_validated, self.is_questioned = None, None, False, False
        self.try_number = None
        self.notes.clear()


@dataclass(frozen=True, kw_only=True)
class UploadState:
    """Change it with `dataclasses.replace`."""

    plan: PartPlan
    begun: Mapping[str, Any] | None = None
    """What the backend's `begin` returned; None until it was called."""
    origin: str | None = None
    """Browser origin that `begin` was told."""
    progress: Mapping[str, Any] = field(default_factory=dict)
    """JSON of a Progress: where the next finalize call resumes."""
    written: WrittenObject | None = None
    awaits_claims: bool = False
    """True if a sweep has completed the upload, and its client has not stated size, checksum and metadata yet."""

    @classmethod
    def from_file(cls, file: File) -> Self:
        """Return the state of a file in hand: read what `to_json` wrote."""
        value: Mapping[str, Any] = file.upload_state
        strategy, written = Strategy(value["strategy"]), value.get("written")
        plan = PartPlan(strategy=strategy, part_size=value["part_size"], total_parts=value["total_parts"])
        plain = {name: value[name] for name in _PLAIN if name in value}
        return cls(plan=plan, written=WrittenObject(**written) if written else None, **plain)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object. It holds only the keys that have a value."""
        written = {"written": vars(self.written)} if self.written else {}
        plain = {name: getattr(self, name) for name, absent in _PLAIN.items() if getattr(self, name) != absent}
        return {**vars(self.plan), **written, **plain}

    def update_for(self, file: File) -> dict[str, Any]:
        """Return the argument with which `QuerySet.update` writes the state to this file's row."""
        return {"upload_state": OpenedObject(self.to_json(), row=file.pk)}

    @property
    def needs_begin(self) -> bool:
        """True if the upload must still be started on the storage."""
        return self.plan.strategy is not Strategy.SINGLE and self.begun is None
