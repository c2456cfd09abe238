"""Idempotency keys: the same key and input replay the same uploads."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from fileman import access
from fileman.caller import Caller
from fileman.errors import IdempotencyKeyReused, InvalidInput, NotFound
from fileman.models import File

if TYPE_CHECKING:
    from fileman.uploads import InitiateRequest

KEY_LENGTH = 128


@dataclass(frozen=True, kw_only=True)
class Replay:
    """An earlier call with the same key, if there was one."""

    digest: str
    """Of the key; "" when the caller gave none."""
    fingerprint: str
    """Of the input."""
    files: Mapping[int, File]
    """Index in the batch -> the file made then."""


def find(caller: Caller, request: "InitiateRequest") -> Replay:
    """Raises InvalidInput for an impossible key, IdempotencyKeyReused when the input was another, and NotFound when an
    upload that the key finds is of a group that the caller has left.
    """
    key = request.idempotency_key
    if key is None:
        return Replay(digest="", fingerprint="", files={})
    if not 1 <= len(key) <= KEY_LENGTH:
        raise InvalidInput(f"idempotencyKey must have 1 to {KEY_LENGTH} characters.", field=("idempotencyKey",))
    digest, fingerprint = _sha256(key), _fingerprint(request)
    rows = File.objects.filter(uploaded_by=caller.user, idempotency_digest=digest)
    files = {row.idempotency_index: row for row in rows.select_related("file_manager__group", "group", "uploaded_by")}
    if any(row.idempotency_fingerprint != fingerprint for row in files.values()):
        raise IdempotencyKeyReused(field=("idempotencyKey",))
    if not all(access.may_continue(caller, row) for row in files.values()):
        raise NotFound(field=("idempotencyKey",))
    return Replay(digest=digest, fingerprint=fingerprint, files=files)


def _fingerprint(request: "InitiateRequest") -> str:
    return _sha256(json.dumps(asdict(request), sort_keys=True, default=str))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
