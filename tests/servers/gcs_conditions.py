"""Preconditions, checksums and ranges: what Google checks and the emulator does not."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message

from tests.servers.gcs_emulator import Resource
from tests.servers.gcs_http import Digests, Refused


def check_preconditions(resource: Resource | None, parameters: Mapping[str, str], *, prefix: str = "if") -> None:
    """Raise 412 unless `resource` meets `ifGenerationMatch` and its like; absent objects have generation 0."""
    for field in ("Generation", "Metageneration"):
        actual = int(resource[field.lower()]) if resource else 0
        wanted = parameters.get(f"{prefix}{field}Match")
        unwanted = parameters.get(f"{prefix}{field}NotMatch")
        if (wanted is not None and _number(wanted) != actual) or (unwanted is not None and _number(unwanted) == actual):
            raise Refused(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")


def header_preconditions(headers: Message) -> dict[str, str]:
    """Return the XML API's precondition headers under the names of the JSON API."""
    names = {
        "ifGenerationMatch": "x-goog-if-generation-match",
        "ifMetagenerationMatch": "x-goog-if-metageneration-match",
    }
    return {parameter: headers[header] for parameter, header in names.items() if header in headers}


def existing(resource: Resource | None, generation: str | None) -> Resource:
    """Return the live object; 404 if it is absent or of another generation."""
    if resource is None or generation not in (None, resource["generation"]):
        raise Refused(404, "NoSuchKey", "The specified key does not exist")
    return resource


def check_content_md5(headers: Message, digests: Digests) -> None:
    sent = headers["Content-MD5"]
    if sent is None:
        return
    _check_length(sent, 16)
    if sent != digests.md5:
        raise Refused(400, "BadDigest", "The MD5 of the content is not the one in Content-MD5")


def check_goog_hash(headers: Message, digests: Digests) -> None:
    """Check every `crc32c=` and `md5=` of the x-goog-hash headers."""
    expected = {"crc32c": digests.crc32c, "md5": digests.md5}
    for part in ",".join(headers.get_all("x-goog-hash", [])).split(","):
        algorithm, _, value = part.strip().partition("=")
        if not algorithm:
            continue
        if algorithm not in expected:
            raise Refused(400, "InvalidDigest", f"x-goog-hash knows no {algorithm}")
        _check_length(value, 4 if algorithm == "crc32c" else 16)
        if value != expected[algorithm]:
            raise Refused(400, "BadDigest", f"The {algorithm} of the content is not the one in x-goog-hash")


@dataclass(frozen=True, kw_only=True)
class LengthRange:
    minimum: int
    maximum: int
    """Bytes, inclusive."""

    def check_maximum(self, size: int) -> None:
        if size > self.maximum:
            raise Refused(400, "EntityTooLarge", f"The content is larger than {self.maximum} bytes")

    def check_minimum(self, size: int) -> None:
        if size < self.minimum:
            raise Refused(400, "EntityTooSmall", f"The content is smaller than {self.minimum} bytes")


def length_range(headers: Message) -> LengthRange:
    """Read x-goog-content-length-range; without one everything up to 5 TiB is allowed."""
    sent = headers.get("x-goog-content-length-range", f"0,{5 * 1024**4}")
    match = re.fullmatch(r"([0-9]+), ?([0-9]+)", sent)
    if not match:
        raise Refused(400, "InvalidArgument", "x-goog-content-length-range is not <minimum>,<maximum>")
    return LengthRange(minimum=int(match[1]), maximum=int(match[2]))


def byte_range(sent: str | None, size: int) -> tuple[int, int] | None:
    """Return start and length of a Range header, None for the whole object; 416 if nothing of it exists."""
    match = re.fullmatch(r"bytes=([0-9]*)-([0-9]*)", sent or "")
    if not match or match[0] == "bytes=-":
        return None
    if match[1]:
        start, end = int(match[1]), min(int(match[2] or size), size - 1)
    else:
        start, end = max(0, size - int(match[2])), size - 1
    if start > end:
        raise Refused(416, "InvalidRange", "The requested range cannot be satisfied")
    return start, end - start + 1


def _number(text: str) -> int:
    if not text.isdecimal():
        raise Refused(400, "InvalidArgument", f"{text!r} is not a generation")
    return int(text)


def _check_length(value: str, size: int) -> None:
    try:
        decoded = b64decode(value, validate=True)
    except Base64Error:
        decoded = b""
    if len(decoded) != size:
        raise Refused(400, "InvalidDigest", f"{value!r} is not the base64 of {size} bytes")
