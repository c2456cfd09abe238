"""Bytes of one slice on their way from our upload view into a storage."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from fileman.backends.values import Upload
from fileman.checksums import hasher
from fileman.errors import SizeMismatch


def chunks_of(stream: BinaryIO, *, length: int, chunk_bytes: int) -> Iterator[bytes]:
    """Exactly `length` bytes of a stream, never reading further. Raises SizeMismatch when it ends or breaks off."""
    left = length
    while left:
        try:
            chunk = stream.read(min(chunk_bytes, left))
        except OSError as error:
            raise SizeMismatch("The connection broke off.") from error
        if not chunk:
            raise SizeMismatch(f"The body ended {left} bytes early.")
        left -= len(chunk)
        yield chunk


class Received:
    """Passes chunks on and computes, where it `hashes`, SHA-256 and the checksum that the upload declares."""

    def __init__(self, chunks: Iterable[bytes], *, upload: Upload, hashes: bool) -> None:
        declared = {upload.checksum.algorithm} if upload.checksum else set()
        self._chunks = chunks
        self._hashers = {name: hasher(name) for name in {"sha256"} | declared} if hashes else {}

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            for one in self._hashers.values():
                one.update(chunk)
            yield chunk

    @property
    def checksums(self) -> dict[str, str]:
        """Algorithm -> hex, of what has passed so far."""
        return {name: one.hexdigest() for name, one in self._hashers.items()}
