"""Requests, answers and bodies of the Google Cloud Storage front, apart from the socket they travel on."""

import tempfile
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property
from hashlib import md5, sha256
from io import BufferedIOBase
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

import google_crc32c

CHUNK_BYTES = 1024 * 1024
_MEMORY_BYTES = 1024 * 1024  # a larger spool goes to disk
_Crc32c: Any = google_crc32c.Checksum  # ships no types


class Disconnected(Exception):
    """The client went away before it had sent the whole body."""


class Refused(Exception):
    """A request that Google would refuse."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        """`status` is the HTTP status, `code` the error code of the XML API, such as `EntityTooLarge`."""
        super().__init__(f"{status} {code} {message}".rstrip())
        self.status = status
        self.code = code
        self.message = message or code


class Body:
    """The body of one request, read once and in pieces; closed connections raise Disconnected."""

    def __init__(self, stream: BufferedIOBase, *, length: int | None, cut_after_bytes: int | None = None) -> None:
        """`length` is None for a chunked body; after `cut_after_bytes` the client is treated as gone."""
        self.length = length
        self._stream = stream
        self._left = 0 if length is None else length
        self._chunked = length is None
        self._cut = cut_after_bytes

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """Return up to `size` bytes, empty at the end."""
        if self._chunked and not self._left:
            self._next_chunk()
        wanted = min(size, self._left)
        if self._cut is not None:
            wanted = min(wanted, self._cut)
            if self._left and not wanted:
                raise Disconnected
        data = self._stream.read(wanted) if wanted else b""
        if wanted and not data:
            raise Disconnected
        self._left -= len(data)
        self._cut = None if self._cut is None else self._cut - len(data)
        if self._chunked and data and not self._left:
            self._stream.readline()
        return data

    def pieces(self) -> Iterator[bytes]:
        """Yield what is left of the body."""
        while piece := self.read():
            yield piece

    def drain(self) -> None:
        """Read and forget the rest, so that the connection can carry the next request."""
        for _ in self.pieces():
            pass

    def _next_chunk(self) -> None:
        line = self._stream.readline()
        if not line:
            raise Disconnected
        self._left = int(line.split(b";")[0], 16)
        if not self._left:
            self._chunked = False
            while self._stream.readline() not in (b"\r\n", b"\n", b""):
                pass


@dataclass(frozen=True, kw_only=True)
class Digests:
    md5: str
    """Base64, as in Content-MD5 and md5Hash."""
    crc32c: str
    """Base64 of the big-endian value, as in x-goog-hash."""
    sha256: str
    """Lower-case hexadecimal, as in x-goog-content-sha256."""


class Spool:
    """Bytes on their way: in memory while few, in a temporary file when many."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115  close() ends it
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def append(self, data: bytes) -> None:
        self._file.seek(self.size)
        self._file.write(data)
        self.size += len(data)

    def truncate(self, size: int) -> None:
        self._file.truncate(size)
        self.size = size

    def pieces(self, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield `length` bytes (default: all) from `start`."""
        left = self.size - start if length is None else length
        self._file.seek(start)
        while left and (piece := self._file.read(min(CHUNK_BYTES, left))):
            left -= len(piece)
            yield piece

    def digests(self, start: int = 0, length: int | None = None) -> Digests:
        md5_hash, crc, sha = md5(usedforsecurity=False), _Crc32c(), sha256()
        for piece in self.pieces(start, length):
            md5_hash.update(piece)
            crc.update(piece)
            sha.update(piece)
        return Digests(
            md5=b64encode(md5_hash.digest()).decode(), crc32c=b64encode(crc.digest()).decode(), sha256=sha.hexdigest()
        )

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str
    """As sent: percent-encoded, without the query."""
    query: str
    """As sent, without the question mark."""
    headers: Message
    body: Body

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The decoded query parameters in the order in which they came; a plus stays a plus."""
        parts = (part.partition("=") for part in self.query.split("&") if part)
        return [(unquote(name), unquote(value)) for name, _, value in parts]

    @cached_property
    def parameters(self) -> dict[str, str]:
        return dict(self.pairs)


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Spool = b""
    length: int | None = None
    """Content-Length where it is not the body's own: the answer to HEAD."""

    @property
    def content_length(self) -> int:
        if self.length is not None:
            return self.length
        return self.body.size if isinstance(self.body, Spool) else len(self.body)
