"""The XML API, `/bucket/object`: PUT and GET by signed URLs."""

from datetime import UTC, datetime
from urllib.parse import unquote

from tests.servers.gcs.conditions import check_generation, check_goog_hash, check_length_range, existing
from tests.servers.gcs.emulator import Emulator
from tests.servers.gcs.http import Refused, Request, Resource, Response, Spool
from tests.servers.gcs.media import media, version_headers
from tests.servers.gcs.signing import SignatureVerifier

_STORED_HEADERS = {
    "Content-Type": "contentType",
    "Content-Encoding": "contentEncoding",
    "Content-Disposition": "contentDisposition",
    "Cache-Control": "cacheControl",
}


class XmlApi:
    def __init__(self, emulator: Emulator, verifier: SignatureVerifier) -> None:
        self._emulator = emulator
        self._verifier = verifier

    def respond(self, request: Request) -> Response:
        """Check the signature, then serve PUT or GET of one object."""
        self._verifier.verify(request, now=datetime.now(UTC))
        bucket, name = split_path(request.path)
        self._emulator.bucket(bucket)
        if request.method == "PUT":
            return self._put(request, bucket, name)
        if request.method != "GET" or not name:
            raise Refused(501, "NotImplemented", "The front serves PUT and GET of objects")
        with self._emulator.lock:
            return media(self._emulator, existing(self._emulator.find(bucket, name), None), request)

    def _put(self, request: Request, bucket: str, name: str) -> Response:
        check_length_range(request.headers, request.body.length)
        with Spool() as spool:
            for piece in request.body.pieces():
                spool.append(piece)
            check_goog_hash(request.headers, spool.digests())
            headers = request.headers
            metadata: Resource = {"name": name, "contentType": "application/octet-stream"}
            metadata |= {field: headers[header] for header, field in _STORED_HEADERS.items() if header in headers}
            with self._emulator.lock:
                found = self._emulator.find(bucket, name)
                check_generation(found, headers["x-goog-if-generation-match"])
                stored = self._emulator.store(bucket, metadata, spool, start=0, length=spool.size)
        return Response(headers=version_headers(stored))


def split_path(path: str) -> tuple[str, str]:
    """Return the decoded bucket and object name of an XML API path."""
    bucket, _, name = path.removeprefix("/").partition("/")
    return unquote(bucket), unquote(name)
