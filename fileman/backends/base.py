"""The one class that a storage implements. See docs/writing-a-backend.md; fileman.testing.contract tests a backend."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from inspect import isfunction
from typing import Any, BinaryIO, ClassVar

from django.urls import reverse
from django.utils import timezone

from fileman import conf, tokens
from fileman.backends.guard import guard_method
from fileman.backends.settings import BackendSettings
from fileman.backends.values import (
    BackendConfig,
    Capabilities,
    DeleteFailure,
    ServeAs,
    Slice,
    StoredObject,
    Upload,
    UploadRequest,
)
from fileman.errors import FileMissing, StorageMisconfigured


class Backend(ABC):
    """One storage, as one file manager configures it.

    Paths are absolute within the storage and use "/"; they include the prefix of the file manager. Every method may
    raise StorageUnavailable (try again) and StorageMisconfigured (needs an operator); other errors are listed below.
    Any exception that is not fileman's, such as a KeyError of an SDK, becomes StorageUnavailable.
    """

    settings_class: ClassVar[type[BackendSettings]] = BackendSettings
    settings: BackendSettings
    """An instance of `settings_class`; a subclass annotates it with its own class."""
    capabilities: Capabilities
    """The limits and abilities of the storage. An instance may narrow them by its configuration."""
    local_root = ""
    """The folder of this server where each object is a plain file at its path, for SENDFILE. Empty: there is none."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Guard the public methods that the class defines, or takes from a class that is no backend."""
        super().__init_subclass__(**options)
        for name in [name for name, value in vars(Backend).items() if isfunction(value) and name[0] != "_"]:
            owner = next(base for base in cls.__mro__ if name in vars(base))
            if owner is cls or not issubclass(owner, Backend):
                setattr(cls, name, guard_method(getattr(owner, name)))

    def __init__(self, config: BackendConfig) -> None:
        """Check the configuration without the network. Raises StorageMisconfigured."""
        problems = self.configuration_problems(config)
        if problems:
            raise StorageMisconfigured(" ".join(problems))
        self.config = config
        self.settings = self.settings_class(**config.settings)
        self.prefix = self.settings.get_prefix(config.backend_url)

    # Configuration

    @classmethod
    def configuration_problems(cls, config: BackendConfig) -> list[str]:
        """Return one sentence for each problem of a configuration, without asking the storage."""
        problems = conf.find_type_problems(cls.settings_class, config.settings)
        if problems:
            return problems
        if config.supports_direct_upload and not cls.capabilities.supports_direct_upload:
            problems.append("This backend cannot take direct uploads. Set supports_direct_upload to False.")
        settings = cls.settings_class(**config.settings)
        return problems + settings.problems() + settings.location_problems(config.backend_url)

    @abstractmethod
    def location(self) -> str:
        """Return a name of the place that holds the objects. File managers with equal locations share a storage."""

    def place_problems(self) -> list[str]:
        """Return reasons to store no uploads here. Called when a file manager is created, moved or signed elsewhere."""
        return []

    @abstractmethod
    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Ask the storage itself. Return (True, []) or (False, one sentence for each problem). Never raises."""

    def mark_place(self, known: Iterable[str]) -> None:  # noqa: B027 - most storages need no marker
        """Mark the storage so that an absent object is known to be absent, where a missing disk looks the same.

        Called when the file manager is saved, and by the doctor. `known`: paths of objects that it must have.
        """

    # Upload

    def begin(self, upload: Upload, *, origin: str | None) -> Mapping[str, Any]:  # noqa: ARG002
        """Start the upload on the storage if it needs that: a multipart upload, a session for this browser origin.

        The result is JSON and comes back as `upload.begun`. After a crash the same upload is begun again; `assemble`
        must then clean up after the first call, where the storage can list what was begun.
        """
        return {}

    def instructions(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        """Return signed requests for the missing slices. No I/O where the backend signs locally."""
        if self.config.supports_direct_upload:
            return self.direct_requests(upload, missing)
        return [self._request_through_us(upload, part) for part in missing]

    def direct_requests(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        """Return signed requests to the storage itself. Only called when `supports_direct_upload` is on."""
        raise NotImplementedError

    @abstractmethod
    def missing(self, upload: Upload) -> list[Slice]:
        """Return the slices that the storage lacks, in order; empty when the upload can be assembled.

        Raises UploadLost when the storage has neither the begun upload any more nor its object.
        """

    @abstractmethod
    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject | None:
        """Store one slice that comes through our view: exactly `part.length` bytes, in bounded memory.

        Create-only: raises UploadInProgress when the slice exists already, SizeMismatch when the stream ends early.
        Returns the stored object if it is whole and its checksums were computed on the way.
        """

    @abstractmethod
    def assemble(self, upload: Upload) -> StoredObject:
        """Join the parts into one object, unverified. Idempotent. One that is not at the upload path is published.

        Raises UploadInProgress or OutOfTime when the time limit is over, with `upload.progress` to go on from.
        """

    @abstractmethod
    def publish(self, upload: Upload, verified: StoredObject) -> StoredObject:
        """Copy or link the object, pinned to `verified.etag`, to the file path, by one request that is never repeated.

        Raises ObjectChanged when the source has been replaced. When the copy goes on by itself or needs more calls,
        raises UploadInProgress or OutOfTime with `upload.progress`; the next call has the same file path then. With
        empty progress the next call has a new one, so that nothing that this request still does can matter.
        """

    @abstractmethod
    def abort(self, upload: Upload) -> None:
        """Delete the begun upload and every part of it, found by its path and not only by `upload.begun`.

        Also what an unfinished `publish` has left below `upload.folder`, other than objects.
        """

    # Objects

    @abstractmethod
    def stat(self, path: str) -> StoredObject:
        """Return size, etag and the other facts of an object. Raises FileMissing."""

    def find(self, path: str) -> StoredObject | None:
        """Return the facts of an object, or None if it does not exist."""
        try:
            return self.stat(path)
        except FileMissing:
            return None

    @abstractmethod
    def read(self, path: str, *, start: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        """Yield bytes start to start + length in chunks. Raises FileMissing, ObjectChanged when the etag differs."""

    @abstractmethod
    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        """Delete objects, and their old versions where the backend's page says so. A missing object is no failure.

        A path that ends with "/" is an `Upload.folder`: delete what an unfinished `publish` has left below it that is
        no object, such as a multipart upload.
        """

    @abstractmethod
    def list_objects(self, prefix: str, *, older_than: datetime | None = None) -> Iterable[StoredObject]:
        """Return the objects below a prefix, lazily. For reconciliation."""

    def get_url(
        self, path: str, expires_in: int | None = None, *, serve_as: ServeAs | None = None, now: datetime | None = None
    ) -> str:
        """Return a signed URL that serves the object, with disposition, name and type signed in.

        `expires_in`: from 1 to `signing_seconds`; None: the manager's download_expires_in. `now`: time of signing.
        """
        now = now or timezone.now()
        seconds = self.settings.download_expires_in if expires_in is None else int(expires_in)
        lifetime = max(1, min(seconds, self.signing_seconds(now)))
        return self.sign_url(path, expires_in=lifetime, serve_as=serve_as or ServeAs(), now=now)

    def signing_seconds(self, now: datetime) -> int:  # noqa: ARG002
        """Return the longest life of a signature made at `now`: not longer than that of temporary credentials."""
        return conf.URL_LIFETIME_CAP_SECONDS

    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        """Sign the URL that `get_url` returns: of the storage itself, by default of our own content view."""
        token = self._sign_content(path, expires_in=expires_in, serve_as=serve_as, now=now)
        return reverse("fileman:content", args=[token])

    # For storages that clients cannot reach

    def _request_through_us(self, upload: Upload, part: Slice) -> UploadRequest:
        """Return a PUT to our own upload view."""
        payload = {"file": str(upload.file_id), "part": part.part_number, "offset": part.offset, "length": part.length}
        signed = tokens.sign(tokens.UPLOAD, payload, expires_at=upload.now + timedelta(seconds=upload.expires_in))
        url, headers = reverse("fileman:upload", args=[signed]), (("Content-Type", "application/octet-stream"),)
        return UploadRequest(slice=part, method="PUT", url=url, headers=headers, success_status=(201,))

    def _sign_content(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        """Return the token that our own content view serves an object for."""
        payload: dict[str, Any] = {"manager": str(self.config.manager_id), "path": path, "as": serve_as.disposition}
        payload |= {"name": serve_as.filename, "type": serve_as.content_type, "viewer": serve_as.viewer}
        return tokens.sign(tokens.CONTENT, payload, expires_at=now + timedelta(seconds=expires_in))
