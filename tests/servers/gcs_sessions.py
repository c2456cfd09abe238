"""Resumable sessions, kept wholly in the front: the emulator sees the object once all of it is there.

The protocol is https://cloud.google.com/storage/docs/performing-resumable-uploads.
"""

import json
import re
import secrets
from dataclasses import dataclass, field
from threading import RLock

from tests.servers.gcs_conditions import check_preconditions
from tests.servers.gcs_emulator import Emulator, Resource
from tests.servers.gcs_http import Disconnected, Refused, Request, Response, Spool
from tests.servers.gcs_json import read_small
from tests.servers.gcs_uploads import Uploads

CHUNK_MULTIPLE_BYTES = 256 * 1024
_CLIENT_CLOSED_REQUEST = 499
_RESUME_INCOMPLETE = 308


@dataclass(kw_only=True)
class Session:
    bucket: str
    metadata: Resource
    size: int | None
    """Bytes of the whole object, None while nobody has said."""
    origin: str | None
    """The Origin of the request that opened it: the only one that CORS allows on its URL."""
    conditions: dict[str, str]
    spool: Spool = field(default_factory=Spool)
    lock: RLock = field(default_factory=RLock)
    cancelled: bool = False
    finished: Response | None = None


@dataclass(frozen=True, kw_only=True)
class _Range:
    start: int
    length: int
    """Bytes in this request, 0 for the question how many are held."""
    total: int | None
    """Bytes of the whole object, None while the client does not know."""


class Sessions:
    def __init__(self, emulator: Emulator, uploads: Uploads) -> None:
        self._emulator = emulator
        self._uploads = uploads
        self._sessions: dict[str, Session] = {}

    def start(self, request: Request, bucket: str) -> Response:
        """Open a session and answer its URL in Location."""
        self._emulator.bucket(bucket)
        body = read_small(request)
        metadata: Resource = json.loads(body) if body else {}
        metadata["name"] = request.parameters.get("name") or metadata.get("name")
        if not metadata["name"]:
            raise Refused(400, "required", "The object has no name")
        kind = request.headers.get("X-Upload-Content-Type", "application/octet-stream")
        metadata.setdefault("contentType", kind)
        check_preconditions(self._emulator.find(bucket, metadata["name"]), request.parameters)
        size = request.headers["X-Upload-Content-Length"]
        upload_id = secrets.token_urlsafe(48)
        self._sessions[upload_id] = Session(
            bucket=bucket,
            metadata=metadata,
            size=None if size is None else int(size),
            origin=request.headers["Origin"],
            conditions=request.parameters,
        )
        location = f"http://{request.headers['Host']}{request.path}?{request.query}&upload_id={upload_id}"
        return Response(headers={"Location": location, "X-GUploader-UploadID": upload_id})

    def origin(self, upload_id: str) -> str | None:
        """Return the origin that opened the session, None if there is none."""
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
            if request.method not in ("PUT", "POST"):
                raise Refused(405, "methodNotAllowed", "A session takes PUT, POST and DELETE")
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
        sent = _content_range(request)
        _check_range(session, sent)
        try:
            self._append(session, request, sent)
        except Disconnected:
            session.spool.truncate(session.spool.size // CHUNK_MULTIPLE_BYTES * CHUNK_MULTIPLE_BYTES)
            raise
        session.size = sent.total if session.size is None else session.size
        if session.size is None or session.spool.size < session.size:
            return _incomplete(session)
        whole = (0, session.spool.size)
        session.finished = self._uploads.store(
            session.bucket, session.metadata, session.spool, whole, session.conditions
        )
        session.spool.close()
        return session.finished

    def _append(self, session: Session, request: Request, sent: _Range) -> None:
        """Add what is new; bytes that the session holds already are skipped, as Google does."""
        known = session.spool.size - sent.start
        for piece in request.body.pieces():
            new = piece[known:] if known < len(piece) else b""
            known = max(0, known - len(piece))
            session.spool.append(new)


def _content_range(request: Request) -> _Range:
    text = request.headers["Content-Range"]
    length = request.body.length
    if length is None:
        raise Refused(411, "required", "A session takes no chunked transfer coding")
    if text is None:
        return _Range(start=0, length=length, total=length)
    if match := re.fullmatch(r"bytes ([0-9]+)-([0-9]+)/([0-9]+|\*)", text):
        start, end = int(match[1]), int(match[2])
        if length != end - start + 1:
            raise Refused(400, "invalid", "Content-Range and Content-Length disagree")
        return _Range(start=start, length=length, total=_total(match[3]))
    if (match := re.fullmatch(r"bytes \*/([0-9]+|\*)", text)) and not length:
        return _Range(start=0, length=0, total=_total(match[1]))
    raise Refused(400, "invalid", "Content-Range is malformed")


def _total(text: str) -> int | None:
    return None if text == "*" else int(text)


def _check_range(session: Session, sent: _Range) -> None:
    if None not in (session.size, sent.total) and session.size != sent.total:
        raise Refused(400, "invalid", f"The session was opened for {session.size} bytes, not for {sent.total}")
    if sent.start > session.spool.size:
        raise Refused(503, "backendError", "The offset is beyond the bytes that the session holds")
    total = session.size if sent.total is None else sent.total
    end = sent.start + sent.length
    if total is not None and end > total:
        raise Refused(400, "invalid", f"More bytes than the {total} of the whole object")
    if end != total and sent.length % CHUNK_MULTIPLE_BYTES:
        raise Refused(400, "invalid", "A chunk that is not the last must be a multiple of 256 KiB")


def _incomplete(session: Session) -> Response:
    held = session.spool.size
    return Response(status=_RESUME_INCOMPLETE, headers={"Range": f"bytes=0-{held - 1}"} if held else {})
