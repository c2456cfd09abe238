"""Checksums in the form that clients pass ("sha256:9f86d0..."), and their computation."""

import base64
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol, Self

import google_crc32c

from fileman.errors import InvalidChecksum

# Algorithm -> length of its value in hex digits.
HEX_DIGITS = {"sha256": 64, "md5": 32, "crc32c": 8}


class Hasher(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class _Crc32c:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = google_crc32c.extend(self._value, data)

    def hexdigest(self) -> str:
        return f"{self._value:08x}"


@dataclass(frozen=True, kw_only=True)
class Checksum:
    algorithm: str
    """One of HEX_DIGITS."""
    hexdigest: str
    """Lowercase."""

    @classmethod
    def parse(cls, text: str, *, allowed: Collection[str] = tuple(HEX_DIGITS), field: tuple[str, ...] = ()) -> Self:
        """Parse "<algorithm>:<hex>". Raises InvalidChecksum, which names the allowed algorithms."""
        algorithm, colon, value = text.partition(":")
        if not colon or algorithm not in allowed:
            problem = f"Pass checksum as '<algorithm>:<hex>'. Possible algorithms: {', '.join(allowed)}."
            none = "This file manager takes no checksum of a file of this size. Leave it out."
            raise InvalidChecksum(problem if allowed else none, field=field)
        if len(value) != HEX_DIGITS[algorithm] or not set(value.lower()) <= set("0123456789abcdef"):
            raise InvalidChecksum(f"A {algorithm} checksum has {HEX_DIGITS[algorithm]} hex digits.", field=field)
        return cls(algorithm=algorithm, hexdigest=value.lower())

    @property
    def base64(self) -> str:
        """The same value in the base64 of the storages."""
        return base64.b64encode(bytes.fromhex(self.hexdigest)).decode()

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hexdigest}"


def hasher(algorithm: str) -> Hasher:
    """Return a new incremental hasher for one of HEX_DIGITS."""
    return _Crc32c() if algorithm == "crc32c" else hashlib.new(algorithm, usedforsecurity=False)


def base64_to_hex(value: str) -> str:
    """Return a storage's base64 checksum in lowercase hex."""
    return base64.b64decode(value).hex()
