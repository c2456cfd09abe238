"""objects.rewrite and objects.copy: in as many steps as a test asks for, metadata replaced as a whole."""

import secrets

from tests.servers.gcs_emulator import Emulator, Resource
from tests.servers.gcs_http import Refused

_METADATA = (
    "cacheControl",
    "contentDisposition",
    "contentEncoding",
    "contentLanguage",
    "contentType",
    "customTime",
    "metadata",
    "storageClass",
)


class Rewrites:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._begun: dict[str, tuple[tuple[str, ...], int]] = {}
        self.unfinished_steps = 0
        """How many answers of each rewrite say `done: false` before the one that copies."""

    def step(self, source: Resource, to: tuple[str, str], metadata: Resource, *, token: str | None) -> Resource:
        """Take one step of a rewrite; the caller has checked the preconditions and holds the emulator's lock."""
        left = self._steps_left(_identity(source, to), token)
        size = int(source["size"])
        answer: Resource = {"kind": "storage#rewriteResponse", "objectSize": str(size)}
        if not left:
            copied = self.copy(source, to, metadata)
            return answer | {"done": True, "totalBytesRewritten": str(size), "resource": copied}
        token = secrets.token_urlsafe()
        self._begun[token] = (_identity(source, to), left - 1)
        written = size * (self.unfinished_steps - left) // (self.unfinished_steps + 1)
        return answer | {"done": False, "totalBytesRewritten": str(written), "rewriteToken": token}

    def copy(self, source: Resource, to: tuple[str, str], metadata: Resource) -> Resource:
        """Copy the bytes; given metadata replaces all of the source's, none given keeps it."""
        size = int(source["size"])
        kept = {name: source[name] for name in _METADATA if source.get(name) is not None}
        described = {name: value for name, value in metadata.items() if name in _METADATA} or kept
        with self._emulator.content(source, 0, size) as spool:
            return self._emulator.store(to[0], described | {"name": to[1]}, spool, start=0, length=size)

    def _steps_left(self, identity: tuple[str, ...], token: str | None) -> int:
        if token is None:
            return self.unfinished_steps
        begun, left = self._begun.pop(token, ((), 0))
        if begun != identity:
            raise Refused(400, "invalid", "The rewriteToken belongs to no such rewrite")
        return left


def _identity(source: Resource, to: tuple[str, str]) -> tuple[str, ...]:
    return (source["bucket"], source["name"], source["generation"], *to)
