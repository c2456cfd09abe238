"""Idempotency keys: the same key and input replay the same uploads."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from fileman import access, tokens
from fileman.caller import Caller
from fileman.errors import IdempotencyKeyReused, InvalidInput, NotFound
from fileman.models import File
from fileman.uploads.lookup import WITH_RELATED
from fileman.uploads.values import InitiateRequest

KEY_LENGTH = 128  # characters


@dataclass(frozen=True, kw_only=True)
class Replay:
    """An earlier call with the same key, if there was one."""

    digest: str
    """Of the key; "" without a key."""
    fingerprint: str
    """Of the input."""
    files: Mapping[int, File]
    """Index in the batch -> the file made by that call."""


def find_replay(caller: Caller, request: InitiateRequest) -> Replay:
    """Return the uploads of an earlier call with the same key; empty without a key.

    Raises InvalidInput for an impossible key, IdempotencyKeyReused if the input was another one, and NotFound if the
    key finds an upload of a group that the caller has left.
    """
    key = request.idempotency_key
    if key is None:
        return Replay(digest="", fingerprint="", files={})
    if not 1 <= len(key) <= KEY_LENGTH:
        raise InvalidInput(f"idempotencyKey must have 1 to {KEY_LENGTH} characters.", field=("idempotencyKey",))
    # fileman 0.1 had no slot. Without one the fingerprint is as there, so a call repeated after an upgrade matches.
    given = {name: value for name, value in asdict(request).items() if name != "slot" or value is not None}
    digest, fingerprint = tokens.digest(key), tokens.digest(json.dumps(given, sort_keys=True, default=str))
    rows = File.objects.filter(uploaded_by=caller.user, idempotency_digest=digest)
    files = {row.idempotency_index: row for row in rows.select_related(*WITH_RELATED)}
    if any(row.idempotency_fingerprint != fingerprint for row in files.values()):
        raise IdempotencyKeyReused(field=("idempotencyKey",))
    if not all(access.policy().may_continue(caller, row) for row in files.values()):
        raise NotFound(field=("idempotencyKey",))
    return Replay(digest=digest, fingerprint=fingerprint, files=files)
