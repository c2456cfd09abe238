"""Buckets and objects in memory, as resources of the JSON API, and what Google checks before it changes one."""

import itertools
import time
from base64 import b64encode
from datetime import UTC, datetime
from email.message import Message
from hashlib import md5
from threading import RLock
from typing import Any
from urllib.parse import quote

import google_crc32c

from tests.servers.gcs.http import Refused, Resource

_ANY_LENGTH = f"0,{5 * 1024**4}"
_Crc32c: Any = google_crc32c.Checksum  # ships no types
_CHECKSUMS = {"md5Hash": "md5", "crc32c": "crc32c"}


class Store:
    def __init__(self, host: str) -> None:
        """`host`: the server's host and port, for the links in resources."""
        self.lock = RLock()
        self._host = host
        self._buckets: dict[str, Resource] = {}
        self._objects: dict[tuple[str, str], tuple[Resource, bytes]] = {}
        self._generations = itertools.count(time.time_ns() // 1000)

    def create_bucket(self, settings: Resource) -> Resource:
        name = settings["name"]
        self._buckets[name] = {"kind": "storage#bucket", "id": name, "metageneration": "1", **settings}
        return self._buckets[name]

    def bucket(self, name: str) -> Resource:
        """Return the bucket resource; 404 NoSuchBucket if it is absent."""
        if name not in self._buckets:
            raise Refused(404, "NoSuchBucket", f"The bucket {name} does not exist")
        return self._buckets[name]

    def find(self, bucket: str, name: str) -> Resource | None:
        """Return the resource of the live object, or None."""
        return self._objects.get((bucket, name), (None,))[0]

    def list(self, bucket: str, prefix: str) -> list[Resource]:
        self.bucket(bucket)
        found = (facts for (place, _), (facts, _) in self._objects.items() if place == bucket)
        return sorted((facts for facts in found if facts["name"].startswith(prefix)), key=lambda facts: facts["name"])

    def content(self, resource: Resource) -> bytes:
        return self._objects[resource["bucket"], resource["name"]][1]

    def put(self, bucket: str, metadata: Resource, data: bytes, *, generation: str | None) -> Resource:
        """Create or replace the object that `metadata` names if it has the wanted generation and declared checksums."""
        with self.lock:
            self.bucket(bucket)
            name, digests, now = metadata["name"], digests_of(data), _now()
            check_generation(self.find(bucket, name), generation)
            facts = {field: digests[algorithm] for field, algorithm in _CHECKSUMS.items()}
            if any(metadata.get(field, digest) != digest for field, digest in facts.items()):
                raise Refused(400, "invalid", "The content does not have the declared checksum")
            made = str(next(self._generations))
            link = f"http://{self._host}/download/storage/v1/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"
            facts |= {"kind": "storage#object", "bucket": bucket, "generation": made, "metageneration": "1"}
            facts |= {"size": str(len(data)), "timeCreated": now, "updated": now, "etag": made}
            resource = {**metadata, **facts, "mediaLink": f"{link}?generation={made}&alt=media"}
            self._objects[bucket, name] = resource, data
            return resource

    def patch(self, resource: Resource, changes: Resource) -> Resource:
        """Change a resource in place."""
        resource |= {**changes, "updated": _now(), "metageneration": str(int(resource["metageneration"]) + 1)}
        return resource

    def delete(self, bucket: str, name: str) -> None:
        del self._objects[bucket, name]


def digests_of(data: bytes) -> dict[str, str]:
    """Return "md5" and "crc32c" in base64, as Google does."""
    hashed = md5(data, usedforsecurity=False).digest()
    return {"md5": b64encode(hashed).decode(), "crc32c": b64encode(_Crc32c(data).digest()).decode()}


def check_generation(resource: Resource | None, wanted: str | None) -> None:
    """Raise 412 unless `resource` has the wanted generation; an absent object has generation 0."""
    if wanted not in (None, resource["generation"] if resource else "0"):
        raise Refused(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")


def existing(resource: Resource | None, generation: str | None = None) -> Resource:
    """Return the live object; 404 if it is absent or of another generation."""
    if resource is None or generation not in (None, resource["generation"]):
        raise Refused(404, "NoSuchKey", "The specified key does not exist")
    return resource


def check_goog_hash(headers: Message, data: bytes) -> None:
    """Check the `crc32c=` or `md5=` of an x-goog-hash header."""
    digests = (f"{name}={value}" for name, value in digests_of(data).items())
    if headers.get("x-goog-hash") not in (None, *digests):
        raise Refused(400, "BadDigest", "The checksum of the content is not the one in x-goog-hash")


def check_length_range(headers: Message, length: int) -> None:
    """Check x-goog-content-length-range, whose bounds are inclusive; without one up to 5 TiB are allowed."""
    minimum, _, maximum = headers.get("x-goog-content-length-range", _ANY_LENGTH).partition(",")
    if length > int(maximum):
        raise Refused(400, "EntityTooLarge", f"The content is larger than {maximum} bytes")
    if length < int(minimum):
        raise Refused(400, "EntityTooSmall", f"The content is smaller than {minimum} bytes")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
