"""The XML API, `/bucket/object`: only what a signed URL allows."""

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import unquote

from tests.servers.gcs_conditions import (
    check_content_md5,
    check_goog_hash,
    check_preconditions,
    existing,
    header_preconditions,
    length_range,
)
from tests.servers.gcs_emulator import Emulator, Resource
from tests.servers.gcs_http import Digests, Refused, Request, Response, Spool
from tests.servers.gcs_media import media, version_headers
from tests.servers.gcs_signing import SignatureVerifier

_STORED_HEADERS = {
    "Content-Encoding": "contentEncoding",
    "Content-Disposition": "contentDisposition",
    "Content-Language": "contentLanguage",
    "Cache-Control": "cacheControl",
}
_SUBRESOURCES = {"acl", "compose", "cors", "partNumber", "tagging", "uploadId", "uploads"}
_UNSUPPORTED_HEADERS = {"x-goog-copy-source", "x-goog-resumable"}


class XmlApi:
    def __init__(self, emulator: Emulator, verifier: SignatureVerifier) -> None:
        self._emulator = emulator
        self._verifier = verifier

    def respond(self, request: Request) -> Response:
        """Check the signature, then serve PUT, GET, HEAD or DELETE of one object."""
        payload_hash = self._verifier.verify(request, now=datetime.now(UTC))
        bucket, name = split_path(request.path)
        unsupported = _SUBRESOURCES & request.parameters.keys() or [
            header for header in _UNSUPPORTED_HEADERS if header in request.headers
        ]
        if not name or unsupported or request.method not in ("PUT", "GET", "HEAD", "DELETE"):
            raise Refused(501, "NotImplemented", "The front serves PUT, GET, HEAD and DELETE of objects")
        self._emulator.bucket(bucket)
        if request.method == "PUT":
            return self._put(request, bucket, name, payload_hash)
        with self._emulator.lock:
            found = existing(self._emulator.find(bucket, name), request.parameters.get("generation"))
            check_preconditions(found, header_preconditions(request.headers))
            if request.method != "DELETE":
                return media(self._emulator, found, request)
            self._emulator.delete(bucket, name)
            return Response(status=204)

    def _put(self, request: Request, bucket: str, name: str, payload_hash: str) -> Response:
        with Spool() as spool:
            for piece in _limited(request):
                spool.append(piece)
            digests = spool.digests()
            _check_payload(payload_hash, digests)
            check_content_md5(request.headers, digests)
            check_goog_hash(request.headers, digests)
            with self._emulator.lock:
                check_preconditions(self._emulator.find(bucket, name), header_preconditions(request.headers))
                metadata = _metadata(request, name)
                stored = self._emulator.store(bucket, metadata, spool, start=0, length=spool.size)
        return Response(headers=version_headers(stored))


def split_path(path: str) -> tuple[str, str]:
    """Return the decoded bucket and object name of an XML API path."""
    bucket, _, name = path.removeprefix("/").partition("/")
    return unquote(bucket), unquote(name)


def _limited(request: Request) -> Iterator[bytes]:
    allowed = length_range(request.headers)
    if request.body.length is not None:
        allowed.check_maximum(request.body.length)
        allowed.check_minimum(request.body.length)
    size = 0
    for piece in request.body.pieces():
        size += len(piece)
        allowed.check_maximum(size)
        yield piece
    allowed.check_minimum(size)


def _check_payload(payload_hash: str, digests: Digests) -> None:
    if payload_hash not in ("UNSIGNED-PAYLOAD", digests.sha256):
        raise Refused(400, "BadDigest", "The SHA-256 of the content is not the signed x-goog-content-sha256")


def _metadata(request: Request, name: str) -> Resource:
    headers = request.headers
    metadata: Resource = {"name": name, "contentType": headers.get("Content-Type", "application/octet-stream")}
    metadata |= {field: headers[header] for header, field in _STORED_HEADERS.items() if header in headers}
    custom = {key.lower(): value for key, value in headers.items() if key.lower().startswith("x-goog-meta-")}
    return metadata | {"metadata": {key.removeprefix("x-goog-meta-"): value for key, value in custom.items()}}
