"""Preconditions, checksums and lengths: what Google checks and the emulator does not."""

from email.message import Message

from tests.servers.gcs.http import Refused, Resource

_ANY_LENGTH = f"0,{5 * 1024**4}"


def check_generation(resource: Resource | None, wanted: str | None) -> None:
    """Raise 412 unless `resource` has the wanted generation; an absent object has generation 0."""
    if wanted not in (None, resource["generation"] if resource else "0"):
        raise Refused(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")


def existing(resource: Resource | None, generation: str | None) -> Resource:
    """Return the live object; 404 if it is absent or of another generation."""
    if resource is None or generation not in (None, resource["generation"]):
        raise Refused(404, "NoSuchKey", "The specified key does not exist")
    return resource


def check_goog_hash(headers: Message, digests: dict[str, str]) -> None:
    """Check the `crc32c=` or `md5=` of an x-goog-hash header."""
    if headers.get("x-goog-hash") not in (None, *(f"{name}={value}" for name, value in digests.items())):
        raise Refused(400, "BadDigest", "The checksum of the content is not the one in x-goog-hash")


def check_length_range(headers: Message, length: int) -> None:
    """Check x-goog-content-length-range, whose bounds are inclusive; without one up to 5 TiB are allowed."""
    minimum, _, maximum = headers.get("x-goog-content-length-range", _ANY_LENGTH).partition(",")
    if length > int(maximum):
        raise Refused(400, "EntityTooLarge", f"The content is larger than {maximum} bytes")
    if length < int(minimum):
        raise Refused(400, "EntityTooSmall", f"The content is smaller than {minimum} bytes")
