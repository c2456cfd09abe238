"""Talks to gcp-storage-emulator: the plain, unchecking store of objects behind the front.

It serves one request at a time and reads every body whole, so calls take turns here, and bodies are spooled on this
side: no slow client can hold it up.
"""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import Any, TypeAlias
from urllib.parse import parse_qs, quote, urlsplit

from tests.servers.gcs_http import CHUNK_BYTES, Refused, Spool

Resource: TypeAlias = dict[str, Any]
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    content_type: str
    body: bytes


class Emulator:
    def __init__(self, port: int, *, public_host: str) -> None:
        """`public_host` is the front's host and port: the links in resources name it."""
        self._port = port
        self._public_host = public_host
        self.lock = RLock()

    def call(
        self, method: str, target: str, *, headers: dict[str, str] | None = None, body: bytes | Iterator[bytes] = b""
    ) -> Answer:
        """Send one request and return its whole, small answer."""
        with self._exchange(method, target, headers or {}, body) as answer:
            return Answer(status=answer.status, content_type=answer.getheader("Content-Type", ""), body=answer.read())

    def bucket(self, bucket: str) -> Resource:
        """Return the bucket resource; 404 NoSuchBucket if there is none."""
        answer = self.call("GET", f"/storage/v1/b/{quote(bucket, safe='')}")
        if answer.status != 200:
            raise Refused(404, "NoSuchBucket", f"The bucket {bucket} does not exist")
        return _json(answer)

    def find(self, bucket: str, name: str) -> Resource | None:
        """Return the resource of the live object, None if there is none."""
        answer = self.call("GET", _object_path(bucket, name))
        return self._mended(_json(answer)) if answer.status == 200 else None

    def listing(self, bucket: str, query: str) -> Resource:
        """Return the objects.list answer for `query`, which holds every object at once."""
        answer = self.call("GET", f"/storage/v1/b/{quote(bucket, safe='')}/o?{query}")
        if answer.status != 200:
            raise Refused(answer.status, "NoSuchBucket", f"The bucket {bucket} cannot be listed")
        listing = _json(answer)
        return listing | {"items": [self._mended(item) for item in listing["items"]]}

    def content(self, resource: Resource, start: int, length: int) -> Spool:
        """Return a spool of the object's bytes, to be closed by the caller."""
        spool = Spool()
        if not length:
            return spool
        target = f"{_object_path(resource['bucket'], resource['name'])}?alt=media"
        with self._exchange("GET", target, {"Range": f"bytes={start}-{start + length - 1}"}, b"") as answer:
            while piece := answer.read(CHUNK_BYTES):
                spool.append(piece)
        if spool.size != length:
            spool.close()
            raise Refused(503, "ServiceUnavailable", "The emulator returned another number of bytes")
        return spool

    def store(self, bucket: str, metadata: Resource, spool: Spool, *, start: int, length: int) -> Resource:
        """Create or replace the object that `metadata` names and return its resource."""
        self.bucket(bucket)
        target = f"/upload/storage/v1/b/{quote(bucket, safe='')}/o?uploadType=resumable"
        with self.lock:
            location = self._location(target, metadata)
            upload_id = parse_qs(urlsplit(location).query)["upload_id"][0]
            answer = self.call(
                "PUT",
                f"{target}&upload_id={quote(upload_id, safe='')}",
                headers={"Content-Type": "application/octet-stream", "Content-Length": str(length)},
                body=spool.pieces(start, length),
            )
        if answer.status != 200:
            raise Refused(answer.status, "InvalidArgument", answer.body.decode(errors="replace"))
        return self._mended(_json(answer))

    def delete(self, bucket: str, name: str) -> None:
        self.call("DELETE", _object_path(bucket, name))

    def _mended(self, resource: Resource) -> Resource:
        """Encode the name in mediaLink, and count metageneration from 1: the emulator takes the upload for a change."""
        path = f"/download{_object_path(resource['bucket'], resource['name'])}"
        link = f"http://{self._public_host}{path}?generation={resource['generation']}&alt=media"
        return resource | {"mediaLink": link, "metageneration": str(int(resource["metageneration"]) - 1)}

    def _location(self, target: str, metadata: Resource) -> str:
        headers = {"Content-Type": "application/json"}
        with self._exchange("POST", target, headers, json.dumps(metadata).encode()) as answer:
            return answer.getheader("Location", "")

    @contextmanager
    def _exchange(
        self, method: str, target: str, headers: dict[str, str], body: bytes | Iterator[bytes]
    ) -> Iterator[http.client.HTTPResponse]:
        with self.lock:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_SECONDS)
            try:
                connection.request(method, target, body=body or None, headers={"Host": self._public_host, **headers})
                yield connection.getresponse()
            finally:
                connection.close()


def _object_path(bucket: str, name: str) -> str:
    return f"/storage/v1/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"


def _json(answer: Answer) -> Resource:
    value: Resource = json.loads(answer.body)
    return value
