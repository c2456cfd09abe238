"""Metadata: a small JSON object that belongs to the user. Its keys have no meaning to fileman."""

import json
import re
from collections.abc import Mapping
from typing import Any

from fileman.errors import InvalidMetadata

MAX_BYTES = 8 * 1024
MAX_KEYS = 50
MAX_DEPTH = 5
_SCALARS = (str, int, float, type(None))
# An escaped NUL in JSON. Six characters that only look like one have another backslash before them.
_ESCAPED_NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")


def clean(given: object, *, field: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the checked object, an empty one for None.

    Raises InvalidMetadata for anything but an object, for more than 8 KiB of JSON, 50 keys or 5 levels, and for values
    that databases cannot store: NaN, infinities, NUL, lone surrogates.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidMetadata("Metadata must be a JSON object.", field=field)
    if is_deeper_than(MAX_DEPTH, given):
        raise InvalidMetadata(f"Metadata is nested deeper than {MAX_DEPTH} levels.", field=field)
    if _count_keys(given) > MAX_KEYS:
        raise InvalidMetadata(f"Metadata has more than {MAX_KEYS} keys.", field=field)
    try:
        text = json.dumps(given, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except (ValueError, TypeError, UnicodeEncodeError):
        raise InvalidMetadata("Metadata contains NaN or a broken character.", field=field) from None
    if _ESCAPED_NUL.search(text):
        raise InvalidMetadata("Metadata must not contain NUL characters.", field=field)
    if size > MAX_BYTES:
        raise InvalidMetadata(f"Metadata is larger than {MAX_BYTES} bytes.", field=field)
    return dict(given)


def merge(under: Mapping[str, Any], over: Mapping[str, Any], *, field: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return two checked objects in one; top-level keys of `over` win. The result has the same limits as each."""
    return clean({**under, **over}, field=field) if under and over else dict(under or over)


def is_deeper_than(levels: int, value: object) -> bool:
    """Return True if objects and lists are nested deeper. Looks no further down, so that hostile values cost little."""
    level = [value]
    for _ in range(levels):
        level = [child for item in level for child in _children(item) if not isinstance(child, _SCALARS)]
    return any(_children(item) for item in level)


def _children(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


def _count_keys(value: object) -> int:
    own = len(value) if isinstance(value, Mapping) else 0
    return own + sum(_count_keys(child) for child in _children(value))
