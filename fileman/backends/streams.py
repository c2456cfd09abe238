"""Bytes on their way from our upload view to a storage, one slice each, and back: whole reads, pinned to an etag."""

import io
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

from fileman.backends.base import Backend
from fileman.backends.values import StoredObject
from fileman.checksums import hasher
from fileman.errors import SizeMismatch, StorageUnavailable

CHUNK_BYTES: Final = 1024**2  # read at once from a client or a storage


def read_exactly(
    backend: Backend, stored: StoredObject, *, start: int = 0, length: int | None = None
) -> Iterator[bytes]:
    """Yield bytes start to start + length of an object, pinned to its etag.

    Raises StorageUnavailable if the storage sends more or fewer: a response that broke off may look whole.
    """
    left = min(stored.size - start, stored.size if length is None else length)
    for chunk in backend.read(stored.path, start=start, length=length, etag=stored.etag):
        left -= len(chunk)
        if left < 0:
            raise StorageUnavailable
        yield chunk
    if left > 0:
        raise StorageUnavailable


class ObjectReader(io.RawIOBase):
    """A stored object as a read-only file that can seek, pinned to its etag. Each read is one ranged request.

    Reading raises FileMissing if the object is gone, ObjectChanged if it was replaced, and StorageError.
    """

    def __init__(self, backend: Backend, path: str, *, size: int, etag: str) -> None:
        self._backend = backend
        self._stored = StoredObject(path=path, size=size, etag=etag)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._stored.size}[whence]
        if base + offset < 0:
            raise ValueError("The position would be negative.")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = self._read_at_most(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """Read the rest in one request. The inherited method sends one for each 8 KiB."""
        return self._read_at_most(self._stored.size)

    def _read_at_most(self, length: int) -> bytes:
        length = min(length, max(0, self._stored.size - self._position))
        if length == 0:
            return b""
        data = b"".join(read_exactly(self._backend, self._stored, start=self._position, length=length))
        self._position += length
        return data


class ExactBody:
    """Exactly `length` bytes of a stream, hashed on the way and read once.

    Iterate over it, or `take` from it for an SDK that reads a file. A stream that ends early or breaks off raises
    SizeMismatch, so that the request with the body fails and nothing is stored. SDKs wrap that error in their own;
    `error` keeps it.
    """

    def __init__(self, stream: BinaryIO, length: int, *, algorithms: Iterable[str] = ()) -> None:
        self.error: SizeMismatch | None = None
        self._stream = stream
        self._length = length
        self._left = length
        self._hashers = {name: hasher(name) for name in algorithms}

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.take(CHUNK_BYTES):
            yield chunk

    def take(self, size: int = -1) -> bytes:
        """Return up to `size` bytes (all the rest if negative), b"" at the end. Raises SizeMismatch."""
        if self._left == 0:
            return b""
        try:
            chunk = self._stream.read(self._left if size < 0 else min(size, self._left))
        except OSError as error:  # a client that disconnects
            raise self._ended_early() from error
        if not chunk:
            raise self._ended_early()
        self._left -= len(chunk)
        for one in self._hashers.values():
            one.update(chunk)
        return chunk

    @property
    def checksums(self) -> dict[str, str]:
        """Algorithm -> hex digest of the bytes read so far."""
        return {name: one.hexdigest() for name, one in self._hashers.items()}

    def _ended_early(self) -> SizeMismatch:
        self.error = SizeMismatch(f"The request ended {self._left} bytes before its {self._length} bytes had arrived.")
        return self.error
