"""Global ids: opaque strings that name a type and a key.

A malformed id becomes a key that no row has, so that the domain treats it like the id of an object that does not exist.
"""

import re
from typing import Final
from uuid import UUID

import strawberry
from strawberry.relay import from_base64, to_base64

# Keys that no row has.
NO_UUID: Final = UUID(int=0)
NO_NUMBER: Final = 0
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def to_global_id(kind: str, key: object) -> strawberry.ID:
    """Return the id of an object whose type is not a Node."""
    return strawberry.ID(to_base64(kind, str(key)))


def get_kind(global_id: str) -> str:
    """Return the type that an id names; "" if it is malformed."""
    return _split(global_id)[0]


def to_uuid(kind: str, global_id: str) -> UUID:
    """Return the key of a File or FileManager; NO_UUID for anything else."""
    key = _get_key(kind, global_id)
    try:
        found = UUID(key)
    except ValueError:
        return NO_UUID
    # UUID() also accepts braces, a URN prefix and upper case. Only one spelling is an id.
    return found if str(found) == key else NO_UUID


def to_group_key(global_id: str) -> int:
    """Return the key of a Group; NO_NUMBER for anything else."""
    key = _get_key("Group", global_id)
    return int(key) if _NUMBER.fullmatch(key) else NO_NUMBER


def _get_key(kind: str, global_id: str) -> str:
    found, key = _split(global_id)
    # Base64 decoders skip unknown characters; comparing the encoded form refuses them.
    return key if found == kind and to_base64(kind, key) == global_id else ""


def _split(global_id: str) -> tuple[str, str]:
    try:
        return from_base64(global_id)
    except ValueError:
        return "", ""
