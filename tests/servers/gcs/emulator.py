"""Calls gcp-storage-emulator: the plain, unchecking store of objects behind the front.

It serves one request at a time and reads every body whole, so calls take turns here, and bodies are spooled on this
side: no slow client can hold it up.
"""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from urllib.parse import parse_qs, quote, urlsplit

from tests.servers.gcs.http import CHUNK_BYTES, Refused, Resource, Response, Spool

_TIMEOUT_SECONDS = 60


class Emulator:
    def __init__(self, port: int, *, public_host: str) -> None:
        """`public_host` is the front's host and port, for the links in resources."""
        self._port = port
        self._public_host = public_host
        self.lock = RLock()

    def call(
        self,
        method: str,
        target: str,
        kind: str = "application/json",
        body: bytes | Iterator[bytes] = b"",
        length: int | None = None,
    ) -> Response:
        """Send one request and return its whole, small response. `length` is that of an iterator."""
        headers = {"Content-Type": kind} | ({} if length is None else {"Content-Length": str(length)})
        with self._exchange(method, target, headers, body) as answer:
            kept = {name: value for name in ("Content-Type", "Location") if (value := answer.getheader(name))}
            return Response(status=answer.status, headers=kept, body=answer.read())

    def bucket(self, bucket: str) -> Resource:
        """Return the bucket resource; 404 NoSuchBucket if it is absent."""
        response = self.call("GET", f"/storage/v1/b/{quote(bucket, safe='')}")
        if response.status != 200:
            raise Refused(404, "NoSuchBucket", f"The bucket {bucket} does not exist")
        return _json(response)

    def find(self, bucket: str, name: str) -> Resource | None:
        """Return the resource of the live object, or None."""
        response = self.call("GET", _object_path(bucket, name))
        return self._mend(_json(response)) if response.status == 200 else None

    def listing(self, bucket: str, query: str) -> Resource:
        """Return the response of objects.list to `query`, which holds every object at once."""
        response = self.call("GET", f"/storage/v1/b/{quote(bucket, safe='')}/o?{query}")
        if response.status != 200:
            raise Refused(response.status, "NoSuchBucket", f"The bucket {bucket} cannot be listed")
        listing = _json(response)
        return listing | {"items": [self._mend(item) for item in listing["items"]]}

    def content(self, resource: Resource, start: int, length: int) -> Spool:
        """Return a spool of the object's bytes, which the caller closes."""
        spool = Spool()
        if length:
            target = f"{_object_path(resource['bucket'], resource['name'])}?alt=media"
            with self._exchange("GET", target, {"Range": f"bytes={start}-{start + length - 1}"}, b"") as answer:
                while piece := answer.read(CHUNK_BYTES):
                    spool.append(piece)
        assert spool.size == length
        return spool

    def store(self, bucket: str, metadata: Resource, spool: Spool, *, start: int, length: int) -> Resource:
        """Create or replace the object that `metadata` names and return its resource."""
        self.bucket(bucket)
        target = f"/upload/storage/v1/b/{quote(bucket, safe='')}/o?uploadType=resumable"
        with self.lock:
            location = self.call("POST", target, body=json.dumps(metadata).encode()).headers["Location"]
            upload_id = parse_qs(urlsplit(location).query)["upload_id"][0]
            target = f"{target}&upload_id={quote(upload_id, safe='')}"
            pieces = spool.pieces(start, length)
            response = self.call("PUT", target, "application/octet-stream", pieces, length)
        if response.status != 200:
            raise Refused(response.status, "InvalidArgument", str(response.body))
        return self._mend(_json(response))

    def delete(self, bucket: str, name: str) -> None:
        self.call("DELETE", _object_path(bucket, name))

    def _mend(self, resource: Resource) -> Resource:
        """Encode the name in mediaLink, and count metageneration from 1: the emulator takes the upload for a change."""
        path = f"/download{_object_path(resource['bucket'], resource['name'])}"
        link = f"http://{self._public_host}{path}?generation={resource['generation']}&alt=media"
        return resource | {"mediaLink": link, "metageneration": str(int(resource["metageneration"]) - 1)}

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


def _json(response: Response) -> Resource:
    assert isinstance(response.body, bytes)
    value: Resource = json.loads(response.body)
    return value
