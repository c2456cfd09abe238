"""Resumable sessions, kept wholly in the front: the emulator sees the object once all of it is there.

The protocol is https://cloud.google.com/storage/docs/performing-resumable-uploads, for objects of a known size.
"""

import re
import secrets
from dataclasses import dataclass, field
from threading import RLock

from tests.servers.gcs.conditions import check_generation
from tests.servers.gcs.emulator import Emulator
from tests.servers.gcs.http import Disconnected, Refused, Request, Resource, Response, Spool
from tests.servers.gcs.uploads import Uploads

CHUNK_MULTIPLE_BYTES = 256 * 1024
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
    spool: Spool = field(default_factory=Spool)
    lock: RLock = field(default_factory=RLock)
    cancelled: bool = False
    finished: Response | None = None


class Sessions:
    def __init__(self, emulator: Emulator, uploads: Uploads) -> None:
        self._emulator = emulator
        self._uploads = uploads
        self._sessions: dict[str, Session] = {}

    def start(self, request: Request, bucket: str) -> Response:
        """Open a session and return its URL in Location."""
        self._emulator.bucket(bucket)
        metadata = request.json()
        metadata |= {"name": request.parameters.get("name") or metadata["name"]}
        metadata.setdefault("contentType", request.headers.get("X-Upload-Content-Type", "application/octet-stream"))
        generation = request.parameters.get("ifGenerationMatch")
        check_generation(self._emulator.find(bucket, metadata["name"]), generation)
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

    def close(self) -> None:
        for session in self._sessions.values():
            session.spool.close()

    def _cancel(self, session: Session) -> Response:
        if session.finished:
            raise Refused(404, "notFound", "The upload session has become an object")
        session.cancelled = True
        session.spool.close()
        return Response(status=_CLIENT_CLOSED_REQUEST)

    def _receive(self, session: Session, request: Request) -> Response:
        start = _checked_start(session, request)
        try:
            self._append(session, request, start)
        except Disconnected:
            session.spool.truncate(session.spool.size // CHUNK_MULTIPLE_BYTES * CHUNK_MULTIPLE_BYTES)
            raise
        held = session.spool.size
        if held < session.size:
            return Response(status=_RESUME_INCOMPLETE, headers={"Range": f"bytes=0-{held - 1}"} if held else {})
        session.finished = self._uploads.store(
            session.bucket, session.metadata, session.spool, (0, held), session.generation
        )
        session.spool.close()
        return session.finished

    def _append(self, session: Session, request: Request, start: int) -> None:
        """Add new bytes; bytes that the session holds already are skipped, as Google does."""
        known = session.spool.size - start
        for piece in request.body.pieces():
            new = piece[known:] if known < len(piece) else b""
            known = max(0, known - len(piece))
            session.spool.append(new)


def _checked_start(session: Session, request: Request) -> int:
    """Return the offset of the body in the object. Without bytes the request asks how many the session holds."""
    length = request.body.length
    sent = request.headers.get("Content-Range", f"bytes 0-{length - 1}/{length}")
    match = re.fullmatch(r"bytes (?:\*|([0-9]+)-([0-9]+))/([0-9]+)", sent)
    if not match or int(match[3]) != session.size:
        raise Refused(400, "invalid", f"Content-Range is malformed, or not of {session.size} bytes")
    if match[1] is None:
        return 0
    start, end = int(match[1]), int(match[2]) + 1
    if end - start != length or end > session.size:
        raise Refused(400, "invalid", "Content-Range, Content-Length and the size of the object disagree")
    if start > session.spool.size:
        raise Refused(503, "backendError", "The offset is beyond the bytes that the session holds")
    if end < session.size and length % CHUNK_MULTIPLE_BYTES:
        raise Refused(400, "invalid", "A chunk that is not the last must be a multiple of 256 KiB")
    return start
