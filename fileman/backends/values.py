"""What crosses the border between the domain and a storage backend. No vendor type ever does."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from django.utils.http import content_disposition_header

from fileman.checksums import Checksum

Disposition = Literal["attachment", "inline"]


class Strategy(StrEnum):
    """How the bytes of one file travel."""

    SINGLE = "single"
    """One request."""
    PARTS = "parts"
    """Several requests, in any order, assembled by the server."""
    SESSION = "session"
    """One resumable session: a request for the whole remainder, again from where it broke off."""


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a storage can do. The domain plans by these and never asks for the vendor's name."""

    supports_direct_upload: bool
    """False: clients cannot reach it, the bytes always come through our own upload view."""
    signs_locally: bool = True
    """False: signing asks the network, so lists do not sign."""
    max_object_bytes: int
    single_request_max_bytes: int
    """Largest object that one request can carry."""
    large_strategy: Strategy
    """PARTS or SESSION: how what is larger travels."""
    part_min_bytes: int = 1
    """All parts but the last have at least this many bytes."""
    part_max_bytes: int
    parts_max: int
    single_checksums: frozenset[str] = frozenset()
    """Algorithms that the storage itself computes over a whole object sent by one request."""
    parts_checksums: frozenset[str] = frozenset()
    """The same for an object sent in parts or by a session."""
    late_write_seconds: int = 0
    """How much longer than its signature a grant can still write (a resumable session lives a week)."""


@dataclass(frozen=True, kw_only=True)
class BackendConfig:
    """What a backend is made from: the storage part of a file manager."""

    manager_id: UUID
    backend_url: str
    settings: Mapping[str, Any] = field(repr=False)
    """They hold secrets."""
    supports_direct_upload: bool


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One part of a file: bytes offset to offset + length."""

    part_number: int
    """From 1."""
    offset: int
    length: int


@dataclass(frozen=True, kw_only=True)
class PartPlan:
    """How a file is cut. All parts but the last have `part_size` bytes."""

    strategy: Strategy
    part_size: int
    total_parts: int


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One unfinished upload, as a backend sees it."""

    file_id: UUID
    upload_path: str
    """Where signed requests write."""
    file_path: str
    """Where the verified object is published; no signed request names it, except S3 parts by their upload id."""
    filename: str
    """Name that the uploader gave, for Content-Disposition."""
    size: int
    content_type: str
    checksum: Checksum | None
    plan: PartPlan
    begun: Mapping[str, Any]
    """What `begin` returned."""
    progress: Mapping[str, Any] = field(default_factory=dict)
    """What an earlier finalize call left in UploadInProgress.progress."""
    now: datetime
    expires_in: int
    """Seconds that requests signed at `now` live."""

    @property
    def checksum_algorithms(self) -> set[str]:
        """Algorithms to compute over bytes that pass through this server: SHA-256 and the declared one."""
        return {"sha256"} | ({self.checksum.algorithm} if self.checksum else set())

    def slices(self) -> Iterator[Slice]:
        """All parts, in order."""
        for index in range(self.plan.total_parts):
            yield self.slice(index + 1)

    def slice(self, part_number: int) -> Slice:
        offset = (part_number - 1) * self.plan.part_size
        return Slice(part_number=part_number, offset=offset, length=min(self.plan.part_size, self.size - offset))


@dataclass(frozen=True, kw_only=True)
class UploadRequest:
    """One HTTP request for the client to send, ready signed. The shape is that of the API."""

    slice: Slice
    method: Literal["POST", "PUT"]
    url: str
    """Absolute, or starting with "/" for an address of this server."""
    headers: tuple[tuple[str, str], ...] = ()
    """Never one that browsers forbid to set."""
    fields: tuple[tuple[str, str], ...] = ()
    """Not empty: multipart/form-data with these fields in order, then the slice under `file_field`."""
    file_field: str | None = None
    success_status: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """What the storage says of one object."""

    path: str
    size: int
    etag: str
    """Changes whenever the bytes do; pins reads and copies."""
    version: str = ""
    """Version id or generation, where the storage has them."""
    content_type: str = ""
    """Empty where the storage keeps none."""
    content_encoding: str = ""
    checksums: Mapping[str, str] = field(default_factory=dict)
    """Algorithm -> hex, only what the storage computed itself over all bytes. Never what a client said."""
    irregular: str = ""
    """Not empty: why this cannot be the object that was granted (an append blob, a copy from elsewhere)."""
    modified: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ServeAs:
    """How a download presents itself to the browser."""

    disposition: Disposition = "attachment"
    filename: str = ""
    """Name offered to the user; empty leaves it to the address."""
    content_type: str = "application/octet-stream"

    @property
    def content_disposition(self) -> str:
        """The header, with names of any script as RFC 6266 wants them."""
        return content_disposition_header(self.disposition == "attachment", self.filename) or self.disposition


SERVE_AS_DOWNLOAD = ServeAs()


@dataclass(frozen=True, kw_only=True)
class DeleteFailure:
    """A path that could not be deleted; what is absent counts as deleted."""

    path: str
    reason: str
    """For the operator; no secret in it."""


@dataclass(kw_only=True)
class Budget:
    """The time that one finalize call may take. Long steps look at it between their pieces."""

    seconds: float
    started: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> bool:
        return time.monotonic() - self.started >= self.seconds
