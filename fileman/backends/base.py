"""The one class that a storage implements. See docs/writing-a-backend.md; fileman.testing.contract proves a backend."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, BinaryIO, ClassVar

from django.urls import reverse
from django.utils import timezone

from fileman import conf, tokens
from fileman.backends.settings import BackendSettings, setting_problems
from fileman.backends.values import (
    SERVE_AS_DOWNLOAD,
    BackendConfig,
    Budget,
    Capabilities,
    DeleteFailure,
    ServeAs,
    Slice,
    StoredObject,
    Upload,
    UploadRequest,
)
from fileman.errors import StorageMisconfigured


class Backend(ABC):
    """One storage, as one file manager configures it.

    Paths are absolute within the storage and use "/"; the prefix of the file manager is part of them. Everything may
    raise StorageUnavailable (may pass) and StorageMisconfigured (needs an operator); what else is raised is said below.
    """

    settings_class: ClassVar[type[BackendSettings]] = BackendSettings
    capabilities: Capabilities
    """Of the class, for planning. An instance may narrow them to what its configuration can do."""

    def __init__(self, config: BackendConfig) -> None:
        """Raises StorageMisconfigured when the configuration has a problem. No network."""
        problems = self.configuration_problems(config)
        if problems:
            raise StorageMisconfigured(" ".join(problems))
        self.config = config
        self.settings: Any = self.settings_class(**config.settings)
        self.prefix = self.get_prefix(config)

    # Configuration

    @classmethod
    def configuration_problems(cls, config: BackendConfig) -> list[str]:
        """What is wrong with a configuration, without asking the storage. Subclasses extend it."""
        problems = setting_problems(cls.settings_class, config.settings)
        if problems:
            return problems
        if config.supports_direct_upload and not cls.capabilities.supports_direct_upload:
            problems.append("This backend cannot take direct uploads: set supports_direct_upload to False.")
        settings = cls.settings_class(**config.settings)
        return problems + settings.problems() + cls.location_problems(config, settings)

    @classmethod
    def location_problems(cls, config: BackendConfig, settings: Any) -> list[str]:  # noqa: ARG003
        """Where `backend_url` is malformed or disagrees with the settings."""
        return []

    @classmethod
    def get_prefix(cls, config: BackendConfig) -> str:  # noqa: ARG003
        """The folder inside the storage that `backend_url` names: "" or "some/folder/"."""
        return ""

    @abstractmethod
    def location(self) -> str:
        """Names the place where objects lie. Two file managers with the same one share a storage."""

    @abstractmethod
    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Ask the storage itself: (True, []) or (False, one sentence for each problem). Never raises."""

    # Upload

    def begin(self, upload: Upload, *, origin: str | None) -> Mapping[str, Any]:  # noqa: ARG002
        """Start on the server's side what needs starting (a multipart upload, a session for this browser origin).

        The answer is JSON; it comes back as `upload.begun`. After a crash the same upload is begun again; what the
        first call started must then not outlive `assemble`, where the storage can list it.
        """
        return {}

    def instructions(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        """Signed requests for the missing slices. No I/O where the backend signs locally."""
        if self.config.supports_direct_upload:
            return self.direct_requests(upload, missing)
        return [self._request_through_us(upload, part) for part in missing]

    def direct_requests(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        """Signed requests to the storage itself. Only called when `supports_direct_upload` is on."""
        raise NotImplementedError

    @abstractmethod
    def missing(self, upload: Upload) -> list[Slice]:
        """What the storage lacks, in order; empty when everything has arrived and can be assembled.

        Raises UploadLost when what `begin` started is there no more, and its object is not there either.
        """

    @abstractmethod
    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject | None:
        """Take one slice that comes through our view: exactly `part.length` bytes, in bounded memory.

        Create-only: raises UploadInProgress when that slice is already there, SizeMismatch when the stream ends early.
        The answer describes the stored object when it is whole and its checksums were computed on the way.
        """

    @abstractmethod
    def assemble(self, upload: Upload, budget: Budget) -> StoredObject:
        """Make the parts one object, unverified. Idempotent. Raises UploadInProgress when the budget is spent.

        The object stands at the upload path (for S3 parts, by their upload id, at the file path).
        """

    @abstractmethod
    def publish(self, upload: Upload, verified: StoredObject, budget: Budget) -> StoredObject:
        """Copy or link the object, pinned to `verified.etag`, to the file path. No-op when it is there already.

        Raises ObjectChanged when the source is another object by now, UploadInProgress when the budget is spent.
        """

    @abstractmethod
    def abort(self, upload: Upload) -> None:
        """Drop what is begun and every part of this upload, found by its path, not only by `upload.begun`."""

    # Objects

    @abstractmethod
    def stat(self, path: str) -> StoredObject:
        """Raises FileMissing."""

    @abstractmethod
    def read(self, path: str, *, start: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        """Bytes start to start + length in chunks. Raises FileMissing, and ObjectChanged when the etag differs."""

    @abstractmethod
    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        """Delete objects, their old versions too where the backend's page says so. Absent counts as deleted."""

    @abstractmethod
    def list_objects(self, prefix: str, *, older_than: datetime | None = None) -> Iterable[StoredObject]:
        """Objects below a prefix, for reconciliation. Lazy."""

    @abstractmethod
    def get_url(
        self,
        path: str,
        expires_in: int | None = None,
        *,
        serve_as: ServeAs = SERVE_AS_DOWNLOAD,
        now: datetime | None = None,
    ) -> str:
        """A signed address that serves the object, with disposition, name and type signed in. `now`: when it is signed.

        `expires_in`: seconds, from 1; clamped to 604,800; None is the manager's download_expires_in.
        """

    # For subclasses

    def _lifetime(self, expires_in: int | None) -> int:
        """Seconds that a download address lives."""
        seconds = self.settings.download_expires_in if expires_in is None else expires_in
        return max(1, min(int(seconds), conf.URL_LIFETIME_CAP_SECONDS))

    def _request_through_us(self, upload: Upload, part: Slice) -> UploadRequest:
        """A PUT to our own view, for storages that clients cannot reach."""
        payload = {"file": str(upload.file_id), "part": part.part_number, "offset": part.offset, "length": part.length}
        signed = tokens.sign(tokens.UPLOAD, payload, expires_at=upload.now + timedelta(seconds=upload.expires_in))
        return UploadRequest(
            slice=part,
            method="PUT",
            url=reverse("fileman:upload", args=[signed]),
            headers=(("Content-Type", "application/octet-stream"),),
            success_status=(201,),
        )

    def _content_url(
        self, path: str, expires_in: int | None, *, serve_as: ServeAs, now: datetime | None, base_url: str = ""
    ) -> str:
        """An address of our own content view, for storages that clients cannot reach; `base_url` is its mount."""
        expires_at = (now or timezone.now()) + timedelta(seconds=self._lifetime(expires_in))
        payload = {"manager": str(self.config.manager_id), "path": path, "as": serve_as.disposition}
        payload |= {"name": serve_as.filename, "type": serve_as.content_type}
        signed = tokens.sign(tokens.CONTENT, payload, expires_at=expires_at)
        return f"{base_url.rstrip('/')}/{signed}" if base_url else reverse("fileman:content", args=[signed])
