"""The Range header (RFC 9110, section 14), one range only: what browsers use to resume and to seek."""

import re

_ONE_RANGE = re.compile(r"bytes=([0-9]{0,100})-([0-9]{0,100})")


class Unsatisfiable(Exception):
    """The range lies outside the object: 416."""


def parse(header: str | None, *, size: int) -> tuple[int, int] | None:
    """(start, length), or None to serve the whole: no header, another unit, several ranges, or nonsense.

    Raises Unsatisfiable.
    """
    found = _ONE_RANGE.fullmatch((header or "").replace(" ", ""))
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        length = min(int(last), size)
        start = size - length
    else:
        start = int(first)
        if last and int(last) < start:
            return None
        length = min(int(last) if last else size - 1, size - 1) - start + 1
    if length <= 0:
        raise Unsatisfiable
    return start, length
