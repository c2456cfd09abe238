"""A request body of known length, read once from a stream."""

from typing import BinaryIO

from fileman.checksums import Hasher


class StreamEnded(Exception):
    """The stream gave fewer bytes than were promised."""


class ExactBody:
    """Lets exactly `length` bytes of a stream through and hashes them on the way."""

    def __init__(self, stream: BinaryIO, length: int, hasher: Hasher | None) -> None:
        self.length = length
        self.ended_early = False
        self._stream = stream
        self._left = length
        self._hasher = hasher

    def read(self, size: int = -1) -> bytes:
        """Raises StreamEnded instead of giving less, so that the request breaks off and nothing is stored."""
        if self._left == 0:
            return b""
        data = self._next(self._left if size < 0 else min(size, self._left))
        if not data:
            self.ended_early = True
            raise StreamEnded
        self._left -= len(data)
        if self._hasher:
            self._hasher.update(data)
        return data

    def _next(self, size: int) -> bytes:
        """A client that goes away shows as an OSError of its stream."""
        try:
            return self._stream.read(size)
        except OSError:
            return b""
