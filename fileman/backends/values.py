"""The values that fileman and its storage backends exchange. No vendor type is among them."""

import re
import unicodedata
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from urllib.parse import quote
from uuid import UUID

from fileman.checksums import Checksum

HEAD_BYTES = 4096  # read from the beginning of a stored object
Disposition = Literal["attachment", "inline"]


class Strategy(StrEnum):
    """The way that the bytes of one file take."""

    SINGLE = "single"
    """One request."""
    PARTS = "parts"
    """Several requests, in any order, assembled by the server."""
    SESSION = "session"
    """One resumable session: a request for the whole remainder, which another continues after an interruption."""


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """Limits and abilities of a storage. Uploads are planned by these, never by the vendor's name."""

    supports_direct_upload: bool
    """False: clients cannot reach it, so the bytes always come through our own upload view."""
    signs_locally: bool = True
    """False: signing uses the network, so lists do not sign."""
    max_object_bytes: int
    single_request_max_bytes: int
    """Largest object that one request can carry."""
    large_strategy: Strategy = Strategy.PARTS
    """PARTS or SESSION: the strategy for larger files."""
    part_min_bytes: int = 1
    """Smallest size of all parts but the last."""
    part_max_bytes: int
    parts_max: int
    single_checksums: frozenset[str] = frozenset()
    """Algorithms that the storage itself computes over an object sent by one request."""
    parts_checksums: frozenset[str] = frozenset()
    """The same for an object sent in parts or by a session."""
    pins_copies: bool = True
    """False: `publish` may copy other bytes than the verified ones, so its object is verified too."""
    sandboxes_downloads: bool = False
    """True: downloads come from our own content view, whose policy lets nothing run."""
    late_write_seconds: int = 0
    """Time after its signature in which a grant can still write (a resumable session lives a week)."""


@dataclass(frozen=True, kw_only=True)
class BackendConfig:
    """The part of a file manager that a backend is made from."""

    manager_id: UUID
    backend_url: str
    settings: Mapping[str, Any] = field(repr=False)
    """They contain secrets."""
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
    """The division of a file into parts. All parts but the last have `part_size` bytes."""

    strategy: Strategy
    part_size: int
    total_parts: int


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One unfinished upload, as a backend sees it."""

    file_id: UUID
    upload_path: str
    """Path that signed requests write to."""
    file_path: str
    """Path that `publish` writes to: a new one for each publishing request. No signed request names it."""
    parts_path: str
    """Path of a multipart upload that is completed where its parts were sent (S3). The same for the whole upload."""
    folder: str
    """Prefix of `file_path` and `parts_path` that only this upload has."""
    filename: str
    """The uploader's name of the file, for Content-Disposition."""
    size: int
    content_type: str
    checksum: Checksum | None
    plan: PartPlan
    begun: Mapping[str, Any]
    """Return value of `begin`."""
    progress: dict[str, Any] = field(default_factory=dict)
    """JSON notes of `assemble` and `publish`, changed in place: the next call has them if this one breaks off."""
    now: datetime
    expires_in: int
    """Seconds that requests signed at `now` live."""

    @property
    def content_disposition(self) -> str:
        """Header of the published object, for stores that ignore the one in a signed URL."""
        return ServeAs(filename=self.filename).content_disposition

    @property
    def checksum_algorithms(self) -> set[str]:
        """Algorithms to compute over bytes that pass through this server: SHA-256 and the declared one."""
        return {"sha256"} | ({self.checksum.algorithm} if self.checksum else set())

    def get_declared(self, algorithms: Container[str]) -> Checksum | None:
        """Return the declared checksum if its algorithm is one of these."""
        return self.checksum if self.checksum and self.checksum.algorithm in algorithms else None

    def slices(self) -> Iterator[Slice]:
        """Yield all parts in order."""
        for index in range(self.plan.total_parts):
            yield self.slice(index + 1)

    def slice(self, part_number: int) -> Slice:
        offset = (part_number - 1) * self.plan.part_size
        return Slice(part_number=part_number, offset=offset, length=min(self.plan.part_size, self.size - offset))


@dataclass(frozen=True, kw_only=True)
class UploadRequest:
    """One signed HTTP request for the client to send, with the fields of the API."""

    slice: Slice
    method: Literal["POST", "PUT"]
    url: str
    """Absolute, or beginning with "/" for a URL of this server."""
    headers: tuple[tuple[str, str], ...] = ()
    """Without headers that browsers forbid to set."""
    fields: tuple[tuple[str, str], ...] = ()
    """If not empty: multipart/form-data with these fields in order, then the slice as `file_field`."""
    file_field: str | None = None
    success_status: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """The storage's facts of one object."""

    path: str
    size: int
    etag: str
    """Changes with the bytes; pins reads and copies."""
    version: str = ""
    """Version id or generation, if the storage has them."""
    content_type: str = ""
    """Empty if the storage keeps none."""
    content_encoding: str = ""
    checksums: Mapping[str, str] = field(default_factory=dict)
    """Algorithm -> hex, only as the storage itself computed them over all bytes. Never a client's claim."""
    irregular: str = ""
    """If not empty: the reason why no signed request made this object (an append blob, a copy from elsewhere)."""
    modified: datetime | None = None
    beginning: bytes = field(default=b"", repr=False)
    """The first HEAD_BYTES, or all of a smaller object, if they came with the facts. If not, they are read."""


@dataclass(frozen=True, kw_only=True)
class ServeAs:
    """The presentation of a download in the browser."""

    disposition: Disposition = "attachment"
    filename: str = ""
    """Name for the downloaded file; empty: the browser takes it from the URL."""
    content_type: str = "application/octet-stream"
    viewer: str | None = None
    """Primary key of the user who asked, "" if nobody was signed in; None: the server. For our own content view."""

    @property
    def content_disposition(self) -> str:
        """The header per RFC 6266: a name that old programs read, and the exact one where the two differ."""
        if not self.filename:
            return self.disposition
        letters = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", self.filename))
        plain = re.sub(r'[^\x20-\x7e]|["%/:\\]|^\.', "_", letters)
        header = f'{self.disposition}; filename="{plain}"'
        return header if plain == self.filename else f"{header}; filename*=UTF-8''{quote(self.filename, safe='')}"


@dataclass(frozen=True, kw_only=True)
class DeleteFailure:
    """A path that could not be deleted. An absent object counts as deleted."""

    path: str
    reason: str
    """For the operator, without secrets."""
