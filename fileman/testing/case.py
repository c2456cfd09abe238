"""The base of the contract's cases: make uploads, send, assemble, publish and fetch them."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.message import Message
from email.utils import collapse_rfc2231_value
from enum import StrEnum
from typing import Any, ClassVar

import pytest
from django.utils import timezone

from fileman import tokens
from fileman.backends.base import Backend
from fileman.backends.diagnosis import new_upload
from fileman.backends.time_limit import time_limit
from fileman.backends.values import PartPlan, Slice, StoredObject, Strategy, Upload, UploadRequest
from fileman.checksums import hasher
from fileman.errors import FilemanError, OutOfTime, PermissionDenied, SizeMismatch, UploadInProgress

ORIGIN = "https://app.example.com"
TYPE = "image/png"
# Length of the last part of a large upload, smaller than the other parts.
SPARE_BYTES = 1000
# Part size where the storage has no larger minimum.
SMALL_PART_BYTES = 64 * 1024
SIZE = 3000
each_size = pytest.mark.parametrize("large", [False, True], ids=["single", "large"])


class Reduction(StrEnum):
    """A promise that a storage or its emulator cannot keep. Its cases are skipped with this reason."""

    CONTENT_TYPE = "keeps no content type"
    EXACT_LENGTH = "takes bodies of another length than was signed"
    SIGNATURES = "does not verify signatures, expiry included"
    DISPOSITION = "does not serve the signed name and type"
    SIGNS_LOCALLY = "asks the network for its signatures"
    CREATE_ONLY = "has no write that never overwrites"


@dataclass(frozen=True, kw_only=True)
class Served:
    """A download as a browser sees it."""

    status: int
    body: bytes = b""
    filename: str = ""
    content_type: str = ""
    disposition: str = ""


def get_filename(headers: Message) -> str:
    """Return the name that a browser saves a download under: that of `filename*`, where the header has both."""
    given: list[tuple[str, Any]] = headers.get_params([], "Content-Disposition")
    names = [value for name, value in given if name == "filename"]
    return collapse_rfc2231_value(next((name for name in names if isinstance(name, tuple)), names[0] if names else ""))


def content(size: int, *, seed: str = "first") -> bytes:
    """Return bytes that depend only on size and seed."""
    return hashlib.shake_128(seed.encode()).digest(size)


def digest(algorithm: str, data: bytes) -> str:
    """Return the checksum of some bytes in hex."""
    computed = hasher(algorithm)
    computed.update(data)
    return computed.hexdigest()


def reopened(backend: Backend, **changes: Any) -> Backend:
    """Return the backend as another process makes it, from the configuration alone."""
    return type(backend)(replace(backend.config, **changes))


@contextmanager
def must_raise(expected: type[FilemanError], deed: str) -> Iterator[None]:
    """Fail with a sentence unless the block raises the error."""
    try:
        yield
    except expected:
        return
    pytest.fail(f"{deed} must raise {expected.__name__}.")


class ContractCase:
    """Subclasses override `backend`, and other methods where their storage needs it."""

    reduced: ClassVar[frozenset[Reduction]] = frozenset()
    limits: ClassVar[Sequence[str]] = ()
    """Problems that the diagnosis finds at a storage which cannot do better."""

    @pytest.fixture
    def backend(self) -> Backend:
        """Return a backend over an empty place of its own, with a new `manager_id`."""
        raise NotImplementedError

    def without(self, reduction: Reduction) -> None:
        """Skip this case if the storage declares the reduction."""
        if reduction in self.reduced:
            pytest.skip(reduction.value)

    # Uploads

    def part_size(self, backend: Backend) -> int:
        return max(backend.capabilities.part_min_bytes, SMALL_PART_BYTES)

    def _plan(self, backend: Backend, size: int, *, large: bool) -> PartPlan:
        strategy = backend.capabilities.large_strategy if large else Strategy.SINGLE
        part_size = self.part_size(backend) if strategy is Strategy.PARTS else size
        return PartPlan(strategy=strategy, part_size=part_size, total_parts=-(-size // part_size))

    def begin(self, backend: Backend, size: int = 0, *, large: bool = False, **changes: Any) -> Upload:
        """Return an upload that the storage has begun: by default small, or of two whole parts and a rest.

        `large`: with the storage's strategy for large files.
        """
        size = size or (2 * self.part_size(backend) + SPARE_BYTES if large else SIZE)
        plan, owner = self._plan(backend, size, large=large), str(backend.config.manager_id)
        changes = {"content_type": TYPE, "expires_in": 600, **changes}
        upload = new_upload(size, plan=plan, prefix=backend.prefix, owner=owner, **changes)
        return replace(upload, begun=backend.begin(upload, origin=ORIGIN))

    # Sending

    def requests(self, backend: Backend, upload: Upload) -> list[UploadRequest]:
        """Return signed requests for all missing slices."""
        return backend.instructions(upload, backend.missing(upload))

    def send(
        self, backend: Backend, upload: Upload, request: UploadRequest, data: bytes
    ) -> tuple[int, StoredObject | None]:
        """Send `data` by a request: over HTTP, or to `write` as the upload view does.

        Return the status, and the return value of `write`, if the bytes go through this server.
        """
        if not request.url.startswith("/"):
            from fileman.backends.connections import send_slice  # needs urllib3

            return send_slice(request, data, backend.settings.trusts).status, None
        grant = tokens.unsign(tokens.UPLOAD, request.url.rpartition("/")[2], now=upload.now)
        assert grant["file"] == str(upload.file_id), "instructions() must sign the file_id of the upload."
        part = Slice(part_number=grant["part"], offset=grant["offset"], length=grant["length"])
        try:
            return 201, backend.write(upload, part, io.BytesIO(data))
        except UploadInProgress:
            return 409, None
        except SizeMismatch:
            return 400, None

    def send_slice(self, backend: Backend, upload: Upload, request: UploadRequest, data: bytes) -> None:
        """Send the slice of `data`, the whole file, that a request is for."""
        part = request.slice
        status, _ = self.send(backend, upload, request, data[part.offset : part.offset + part.length])
        assert status in request.success_status, "The storage rejected a request that instructions() signed."

    def send_all(self, backend: Backend, upload: Upload, data: bytes) -> None:
        """Send all missing slices."""
        for request in self.requests(backend, upload):
            self.send_slice(backend, upload, request, data)
        assert backend.missing(upload) == [], "missing() must be empty after all slices were sent."

    # Publishing

    def assemble(self, backend: Backend, upload: Upload, *, seconds: float = 20) -> StoredObject:
        """Assemble in as many calls of `seconds` as the storage needs."""
        return self._repeat("assemble", backend, upload, seconds=seconds)

    def publish(self, backend: Backend, upload: Upload, verified: StoredObject, *, seconds: float = 20) -> StoredObject:
        """Publish as finalize does: not what is published already, and in as many calls as the storage needs."""
        if verified.path != upload.upload_path:
            return verified
        return self._repeat("publish", backend, upload, verified, seconds=seconds)

    def _repeat(self, verb: str, backend: Backend, upload: Upload, *arguments: Any, seconds: float) -> StoredObject:
        for _ in range(100):
            try:
                with time_limit(seconds):
                    done: StoredObject = getattr(backend, verb)(upload, *arguments)
            except (UploadInProgress, OutOfTime):
                upload = replace(upload, progress=json.loads(json.dumps(upload.progress)))
            else:
                return done
        pytest.fail(f"{verb}() did not come to its end in 100 calls. Each call must make progress.")

    def uploaded(self, backend: Backend, size: int = 0, *, large: bool = False) -> Upload:
        """Return an upload whose bytes, `content(upload.size)`, have arrived."""
        upload = self.begin(backend, size, large=large)
        self.send_all(backend, upload, content(upload.size))
        return upload

    def published(self, backend: Backend, size: int = 0, *, large: bool = False) -> StoredObject:
        """Return the object at the file path of a finished upload."""
        upload = self.uploaded(backend, size, large=large)
        return self.publish(backend, upload, self.assemble(backend, upload))

    def replace_upload(self, backend: Backend, upload: Upload, data: bytes) -> StoredObject:
        """Put other bytes at the upload path, as a client with a valid signed request can."""
        assert backend.delete([upload.upload_path]) == [], "delete() must delete the object at the upload path."
        self.send_all(backend, upload, data)
        return self.assemble(backend, upload)

    def read_bytes(self, backend: Backend, path: str, **how: Any) -> bytes:
        return b"".join(backend.read(path, **how))

    def assert_stored(self, backend: Backend, path: str, data: bytes) -> None:
        assert self.read_bytes(backend, path) == data, "read() must return the bytes that were sent."

    def leftovers(self, backend: Backend, upload: Upload) -> Sequence[object]:
        """Return all remains of an upload. Add those that `list_objects` cannot show, such as open sessions."""
        paths = [*backend.list_objects(upload.upload_path), *backend.list_objects(upload.folder)]
        return [stored.path for stored in paths]

    def fetch(self, backend: Backend, url: str) -> Served:
        """Download over HTTP, or from `read` as the content view does."""
        if url.startswith("/"):
            return self._fetch_through_us(backend, url)
        from fileman.backends.connections import send_as_client  # needs urllib3

        response, headers = send_as_client("GET", url, backend.settings.trusts), Message()
        for name, value in response.headers.items():
            headers[name] = value
        name, kind, how = get_filename(headers), headers.get_content_type(), headers.get_content_disposition() or ""
        return Served(status=response.status, body=response.data, filename=name, content_type=kind, disposition=how)

    def _fetch_through_us(self, backend: Backend, url: str) -> Served:
        try:
            grant: Mapping[str, str] = tokens.unsign(tokens.CONTENT, url.rpartition("/")[2], now=timezone.now())
        except PermissionDenied:
            return Served(status=403)
        assert grant["manager"] == str(backend.config.manager_id), "get_url() must sign the id of the file manager."
        body, name, kind = self.read_bytes(backend, grant["path"]), grant["name"], grant["type"]
        return Served(status=200, body=body, filename=name, content_type=kind, disposition=grant["as"])
