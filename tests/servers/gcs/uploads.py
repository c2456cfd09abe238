"""The JSON API's uploads: in one request (media, multipart), or in a session, whose object exists once it is whole.

The protocol is https://cloud.google.com/storage/docs/performing-resumable-uploads, for objects of a known size.
"""

import json
import re
import secrets
from dataclasses import dataclass, field
from threading import RLock

from tests.servers.gcs.http import Refused, Request, Resource, Response, json_response
from tests.servers.gcs.store import Store, check_generation

CHUNK_MULTIPLE_BYTES = 256 * 1024
_MULTIPART = rb"\s*{mark}\r?\n.*?\r?\n\r?\n(.*?)\r?\n{mark}\r?\n(.*?)\r?\n\r?\n(.*?)\r?\n{mark}--\s*"
_CLIENT_CLOSED_REQUEST = 499
_RESUME_INCOMPLETE = 308


@dataclass(kw_only=True)
class Session:
    bucket: str
    metadata: Resource
    size: int
    """Bytes of the whole object."""
    origin: str | None
    """The Origin of the request that opened it: the only one that CORS allows on its URL."""
    generation: str | None
    """What ifGenerationMatch asks of the object in the end."""
    data: bytearray = field(default_factory=bytearray)
    lock: RLock = field(default_factory=RLock)
    cancelled: bool = False
    finished: Response | None = None


class Sessions:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._sessions: dict[str, Session] = {}

    def start(self, request: Request, bucket: str) -> Response:
        """Open a session and return its URL in Location."""
        self._store.bucket(bucket)
        metadata = request.json()
        metadata |= {"name": request.parameters.get("name") or metadata["name"]}
        metadata.setdefault("contentType", request.headers.get("X-Upload-Content-Type", "application/octet-stream"))
        generation = request.parameters.get("ifGenerationMatch")
        check_generation(self._store.find(bucket, metadata["name"]), generation)
        upload_id = secrets.token_urlsafe(48)
        self._sessions[upload_id] = Session(
            bucket=bucket,
            metadata=metadata,
            size=int(request.headers["X-Upload-Content-Length"]),
            origin=request.headers["Origin"],
            generation=generation,
        )
        location = f"http://{request.headers['Host']}{request.path}?{request.query}&upload_id={upload_id}"
        return Response(headers={"Location": location, "X-GUploader-UploadID": upload_id})

    def origin(self, upload_id: str) -> str | None:
        """Return the origin that opened the session, or None."""
        session = self._sessions.get(upload_id)
        return session.origin if session else None

    def respond(self, request: Request) -> Response:
        """Serve PUT (bytes, or the question how many there are) and DELETE (cancel) of a session URL."""
        session = self._sessions.get(request.parameters["upload_id"])
        if session is None:
            raise Refused(404, "notFound", "There is no such upload session")
        with session.lock:
            if session.cancelled:
                raise Refused(_CLIENT_CLOSED_REQUEST, "cancelled", "The upload session was cancelled")
            if request.method == "DELETE":
                return self._cancel(session)
            return session.finished or self._receive(session, request)

    def _cancel(self, session: Session) -> Response:
        if session.finished:
            raise Refused(404, "notFound", "The upload session has become an object")
        session.cancelled = True
        session.data.clear()
        return Response(status=_CLIENT_CLOSED_REQUEST)

    def _receive(self, session: Session, request: Request) -> Response:
        """Add new bytes; bytes that the session holds already are skipped, as Google does."""
        start = _checked_start(session, request)
        session.data += request.body[len(session.data) - start :]
        if request.is_cut:
            del session.data[len(session.data) // CHUNK_MULTIPLE_BYTES * CHUNK_MULTIPLE_BYTES :]
        held = len(session.data)
        if held < session.size:
            return Response(status=_RESUME_INCOMPLETE, headers={"Range": f"bytes=0-{held - 1}"} if held else {})
        made = self._store.put(session.bucket, session.metadata, bytes(session.data), generation=session.generation)
        session.data.clear()
        session.finished = json_response(made)
        return session.finished


def _checked_start(session: Session, request: Request) -> int:
    """Return the offset of the body in the object. Without bytes the request asks how many the session holds."""
    length = int(request.headers.get("Content-Length", "0"))
    sent = request.headers.get("Content-Range", f"bytes 0-{length - 1}/{length}")
    match = re.fullmatch(r"bytes (?:\*|([0-9]+)-([0-9]+))/([0-9]+)", sent)
    if not match or int(match[3]) != session.size:
        raise Refused(400, "invalid", f"Content-Range is malformed, or not of {session.size} bytes")
    if match[1] is None:
        return len(session.data)
    start, end = int(match[1]), int(match[2]) + 1
    if end - start != length or end > session.size:
        raise Refused(400, "invalid", "Content-Range, Content-Length and the size of the object disagree")
    if start > len(session.data):
        raise Refused(503, "backendError", "The offset is beyond the bytes that the session holds")
    if end < session.size and length % CHUNK_MULTIPLE_BYTES:
        raise Refused(400, "invalid", "A chunk that is not the last must be a multiple of 256 KiB")
    return start


def respond_upload(store: Store, request: Request, bucket: str) -> Response:
    """Store the body as one object."""
    store.bucket(bucket)
    metadata: Resource = {"contentType": request.headers.get("Content-Type", "application/octet-stream")}
    data = request.body
    if request.parameters["uploadType"] == "multipart":
        metadata, data = _parse_multipart(data, request.headers.get_boundary())
    metadata |= {"name": request.parameters.get("name") or metadata["name"]}
    return json_response(store.put(bucket, metadata, data, generation=request.parameters.get("ifGenerationMatch")))


def _parse_multipart(body: bytes, boundary: str | None) -> tuple[Resource, bytes]:
    """Return the metadata and the content of a multipart/related body."""
    pattern = _MULTIPART.replace(b"{mark}", re.escape(f"--{boundary}".encode()))
    match = re.fullmatch(pattern, body, re.DOTALL)
    if not match:
        raise Refused(400, "badContent", "The body is not metadata and content in multipart/related")
    metadata: Resource = json.loads(match[1])
    kind = re.search(rb"(?im)^content-type:\s*(.+?)\s*$", match[2])
    metadata.setdefault("contentType", kind[1].decode() if kind else "application/octet-stream")
    return metadata, match[3]
