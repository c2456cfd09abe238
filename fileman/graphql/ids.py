"""Global ids: opaque strings that name a type and a key.

A malformed id becomes a key that no row has, so that the domain treats it like the id of an object that does not exist.
"""

import re
from functools import cache
from typing import Final
from uuid import UUID

import strawberry
from django.utils.module_loading import import_string
from strawberry.relay import from_base64, to_base64

from fileman import conf
from fileman.graphql.names import prefixed

# Keys that no row has.
NO_UUID: Final = UUID(int=0)
NO_NUMBER: Final = 0
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def to_global_id(kind: str, key: object) -> strawberry.ID:
    """Return the id of an object of one of our types."""
    return strawberry.ID(to_base64(prefixed(kind), str(key)))


def get_kind(global_id: str) -> str:
    """Return the type that an id names; "" if it is malformed."""
    return _split(global_id)[0]


def to_uuid(kind: str, global_id: str) -> UUID:
    """Return the key of a File or FileManager; NO_UUID for anything else."""
    key = _get_key(prefixed(kind), global_id)
    try:
        found = UUID(key)
    except ValueError:
        return NO_UUID
    # UUID() also accepts braces, a URN prefix and upper case. Only one spelling is an id.
    return found if str(found) == key else NO_UUID


def to_group_key(global_id: str) -> int:
    """Return the key of a Group; NO_NUMBER for anything else."""
    key = _get_key(_get_group_kind(), global_id)
    return int(key) if _NUMBER.fullmatch(key) else NO_NUMBER


@cache
def _get_group_kind() -> str:
    """Return the name of the type that the schema shows for groups. Imported late: ours needs this module."""
    return str(import_string(conf.GRAPHQL_GROUP_TYPE).__strawberry_definition__.name)


def _get_key(kind: str, global_id: str) -> str:
    found, key = _split(global_id)
    # Base64 decoders skip unknown characters; comparing the encoded form refuses them.
    return key if found == kind and to_base64(kind, key) == global_id else ""


def _split(global_id: str) -> tuple[str, str]:
    try:
        return from_base64(global_id)
    except ValueError:
        return "", ""
