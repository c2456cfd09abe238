"""Ids as clients see them: opaque texts that name a type and a key.

A text that is not exactly such an id becomes the key of nothing, so that the domain answers it like any id that does
not exist.
"""

import re
from typing import Final
from uuid import UUID

import strawberry
from strawberry.relay import from_base64, to_base64

NO_UUID: Final = UUID(int=0)
NO_NUMBER: Final = 0
"""Keys that no row has."""
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def opaque(kind: str, key: object) -> strawberry.ID:
    """The id of a thing that is not a Node."""
    return strawberry.ID(to_base64(kind, str(key)))


def kind_of(global_id: str) -> str:
    """The type that an id names; "" when it is not an id."""
    return _split(global_id)[0]


def uuid_of(kind: str, global_id: str) -> UUID:
    """The key of a File or FileManager; NO_UUID for anything else."""
    key = _key_of(kind, global_id)
    try:
        found = UUID(key)
    except ValueError:
        return NO_UUID
    return found if str(found) == key else NO_UUID


def group_key_of(global_id: str) -> int:
    """The key of a Group; NO_NUMBER for anything else."""
    key = _key_of("Group", global_id)
    return int(key) if _NUMBER.fullmatch(key) else NO_NUMBER


def _key_of(kind: str, global_id: str) -> str:
    found, key = _split(global_id)
    return key if found == kind and to_base64(kind, key) == global_id else ""


def _split(global_id: str) -> tuple[str, str]:
    try:
        return from_base64(global_id)
    except ValueError:
        return "", ""
