"""Evidence: what the database and the storage know about one file. Nothing is changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from django.core.exceptions import ImproperlyConfigured

from fileman import access, conf
from fileman.backends import get_backend
from fileman.backends.values import Slice, StoredObject
from fileman.caller import Caller
from fileman.errors import StorageError, UploadLost
from fileman.models import File
from fileman.uploads import transitions
from fileman.uploads.instructions import build_upload
from fileman.uploads.state import Progress, UploadState


def format_time(moment: datetime) -> str:
    """Return the time to the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@dataclass(kw_only=True)
class Evidence:
    """The facts that a verdict is found by. Its sentences are formatted with them."""

    file: File
    now: datetime
    problem: str = ""
    """Why the storage could not be asked. Then the facts below are those found before."""
    progress: Progress = field(default_factory=Progress)
    """Of earlier finalize calls."""
    awaits_claims: bool = False
    total_parts: int = 1
    uploaded: StoredObject | None = None
    """At the upload path, where signed requests write."""
    published: StoredObject | None = None
    """At the file path or, if the upload is not completed, at that of a try."""
    missing: Sequence[Slice] = ()
    """Slices that the storage lacks of an unfinished upload."""
    needs_begin: bool = False
    """True if the storage was never told of the multipart upload or session."""
    is_lost: bool = False
    """True if the storage does not know it any more."""
    unreadable: str = ""
    """Why the first and the last byte of the published object cannot be read."""

    @classmethod
    def gather(cls, file: File, *, now: datetime) -> Self:
        """Read the row and ask the storage, until it fails."""
        evidence = cls(file=file, now=now)
        try:
            evidence._read_state()
            evidence._ask_storage()
        except (StorageError, ImproperlyConfigured) as error:
            evidence.problem = str(error)
        return evidence

    def _read_state(self) -> None:
        state = UploadState.from_file(self.file)
        self.progress, self.awaits_claims = Progress.from_json(state.progress), state.awaits_claims
        self.total_parts, self.needs_begin = state.plan.total_parts, state.needs_begin

    def _ask_storage(self) -> None:
        file = self.file
        backend = get_backend(file.file_manager)
        is_completed = file.upload_status == File.COMPLETED
        paths = [file.stored_path] if is_completed else transitions.get_tried_paths(file)
        self.uploaded = backend.find(file.upload_path)
        self.published = next((found for path in paths if (found := backend.find(path))), None)
        if is_completed and self.is_same:
            self.unreadable = self._find_reading_problem()
        elif file.upload_status in File.UNFINISHED and not self.has_object:
            self.missing = self._find_missing()

    def _find_missing(self) -> list[Slice]:
        upload = build_upload(self.file, now=self.now)
        if not self.needs_begin:
            try:
                return get_backend(self.file.file_manager).missing(upload)
            except UploadLost:
                self.is_lost = True
        return list(upload.slices())

    def _find_reading_problem(self) -> str:
        """Read the first and the last byte: a store may describe an object that it can no longer read."""
        file, backend = self.file, get_backend(self.file.file_manager)
        try:
            for start in (0, file.file_size - 1):
                if not b"".join(backend.read(file.stored_path, start=start, length=1, etag=file.etag)):
                    return "The storage returns no bytes of it."
        except StorageError as error:
            return error.message
        return ""

    # The storage

    @property
    def has_object(self) -> bool:
        return bool(self.uploaded or self.published)

    @property
    def is_same(self) -> bool:
        """True if the object of a completed file is the published one, by its size and etag."""
        facts = self.published and (self.published.size, self.published.etag)
        return facts == (self.file.file_size, self.file.etag)

    @property
    def missing_bytes(self) -> int:
        return sum(part.length for part in self.missing)

    @property
    def missing_parts(self) -> str:
        """The numbers of the missing parts: "2, 5-7"."""
        ranges: list[list[int]] = []
        for part in self.missing:
            if ranges and ranges[-1][-1] == part.part_number - 1:
                ranges[-1][1:] = [part.part_number]
            else:
                ranges.append([part.part_number])
        return ", ".join("-".join(map(str, ends)) for ends in ranges)

    @property
    def arrived_parts(self) -> int:
        return self.total_parts - len(self.missing)

    # Attempts and clocks

    @property
    def established(self) -> str:
        """What earlier finalize calls have verified or begun."""
        progress = self.progress
        stored = progress.stored
        steps = [
            *(f"checksum {name}" for name in sorted(stored.checksums if stored else ())),
            *(["content type"] if progress.detected_content_type else []),
            *(["content validators"] if progress.is_validated else []),
        ]
        if progress.try_number is not None:
            steps.append(f"publishing request {progress.try_number} begun")
        return ", ".join(steps) or "nothing yet"

    @property
    def lease(self) -> str:
        return f"until {format_time(self.file.lease_until)}" if self.file.lease_until else "none"

    @property
    def is_held(self) -> bool:
        return self.file.lease_until is not None and self.file.lease_until > self.now

    @property
    def is_over(self) -> bool:
        """True if finalize is not accepted any more."""
        return self.closes_at <= self.now and not self.is_held

    @property
    def is_late(self) -> bool:
        """True if nothing is signed any more."""
        return self.file.expires_at <= self.now

    @property
    def deadline(self) -> str:
        return format_time(self.file.expires_at)

    @property
    def closes_at(self) -> datetime:
        """Until when finalize is accepted."""
        return self.file.expires_at + conf.settings().FINALIZE_GRACE

    @property
    def closing(self) -> str:
        return format_time(self.closes_at)

    @property
    def next_look(self) -> str:
        """When a sweep looks at the upload."""
        settings = conf.settings()
        if not settings.SWEEP_UPLOADS:
            return "never, because SWEEP_UPLOADS is off"
        last_moment = self.closes_at - timedelta.resolution
        rows = File.objects.filter(pk=self.file.pk).to_look_at(last_moment, grace=settings.FINALIZE_GRACE)
        if self.file.look_at is None or not self.may_continue or not rows.exists():
            return "not any more"
        is_due = self.file.look_at <= self.now
        return "at the next cleanup" if is_due else f"at the first cleanup after {format_time(self.file.look_at)}"

    # People

    @property
    def uploader_is_active(self) -> bool:
        user = self.file.uploaded_by
        return user is not None and Caller(user=user).is_signed_in

    @property
    def may_continue(self) -> bool:
        """True if the uploader may still finalize, as `uploads.sweep` asks."""
        if not self.uploader_is_active:
            return False
        return access.policy().may_continue(Caller(user=self.file.uploaded_by), self.file)
