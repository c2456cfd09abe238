"""The XML API, `/bucket/object`: PUT and GET by signed URLs."""

from datetime import UTC, datetime
from urllib.parse import unquote

from tests.servers.gcs.http import Refused, Request, Resource, Response
from tests.servers.gcs.objects import METADATA_HEADERS, media, version_headers
from tests.servers.gcs.signing import SignatureVerifier
from tests.servers.gcs.store import Store, check_goog_hash, check_length_range, existing


class XmlApi:
    def __init__(self, store: Store, verifier: SignatureVerifier) -> None:
        self._store = store
        self._verifier = verifier

    def respond(self, request: Request) -> Response:
        """Check the signature, then serve PUT or GET of one object."""
        self._verifier.verify(request, now=datetime.now(UTC))
        bucket, name = split_path(request.path)
        self._store.bucket(bucket)
        if request.method == "PUT":
            return self._put(request, bucket, name)
        if request.method != "GET" or not name:
            raise Refused(501, "NotImplemented", "The server serves PUT and GET of objects")
        with self._store.lock:
            return media(self._store, existing(self._store.find(bucket, name)), request)

    def _put(self, request: Request, bucket: str, name: str) -> Response:
        headers = request.headers
        check_length_range(headers, len(request.body))
        check_goog_hash(headers, request.body)
        metadata: Resource = {"name": name, "contentType": "application/octet-stream"}
        metadata |= {field: headers[header] for field, header in METADATA_HEADERS.items() if header in headers}
        generation = headers["x-goog-if-generation-match"]
        return Response(headers=version_headers(self._store.put(bucket, metadata, request.body, generation=generation)))


def split_path(path: str) -> tuple[str, str]:
    """Return the decoded bucket and object name of an XML API path."""
    bucket, _, name = path.removeprefix("/").partition("/")
    return unquote(bucket), unquote(name)
