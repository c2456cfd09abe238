"""The front: Google Cloud Storage as strict as its documentation, over an emulator that checks next to nothing.

It verifies signed URLs, preconditions, checksums and lengths, keeps resumable sessions, answers CORS, and does the
faults that a test orders. Bodies stream through temporary files, so memory stays small whatever their size.
"""

import json
import re
from urllib.parse import unquote
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.servers.gcs_batch import BATCH_PATH, respond_batch
from tests.servers.gcs_cors import bucket_headers, session_headers
from tests.servers.gcs_emulator import Emulator
from tests.servers.gcs_faults import CONTROL_PREFIX, Fault, Faults
from tests.servers.gcs_http import Refused, Request, Response
from tests.servers.gcs_json import JsonApi, json_response, read_small
from tests.servers.gcs_sessions import Sessions
from tests.servers.gcs_signing import SignatureVerifier
from tests.servers.gcs_tokens import TOKEN_PATH, Tokens
from tests.servers.gcs_uploads import Uploads
from tests.servers.gcs_xml import XmlApi, split_path

FAULTS_PATH = f"{CONTROL_PREFIX}faults"
REWRITES_PATH = f"{CONTROL_PREFIX}rewrites"
_UPLOAD = re.compile(r"(?:/upload)?/storage/v1/b/(?P<bucket>[^/]+)/o")
_JSON_PATHS = ("/storage/v1/", "/upload/storage/v1/", "/download/storage/v1/", "/batch/storage/v1", "/_front/")
_REASONS = {404: "notFound", 412: "conditionNotMet"}


class Front:
    def __init__(self, emulator: Emulator, *, client_email: str, public_key: RSAPublicKey) -> None:
        self.faults = Faults()
        self._emulator = emulator
        self._json = JsonApi(emulator)
        self._uploads = Uploads(emulator)
        self._sessions = Sessions(emulator, self._uploads)
        self._xml = XmlApi(emulator, SignatureVerifier(client_email=client_email, public_key=public_key))
        self._tokens = Tokens(client_email=client_email, public_key=public_key)

    def respond(self, request: Request) -> Response:
        """Answer one request; refusals are answers in the manner of the API that was asked."""
        try:
            return self._with_cors(request, self._routed(request))
        except Refused as refusal:
            return self._with_cors(request, refused(request, refusal))

    def close(self) -> None:
        self._sessions.close()

    def _routed(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response()
        if request.path.startswith("/_front/"):
            return self._controlled(request)
        if not _is_json(request):
            return self._xml.respond(request)
        if request.path.startswith("/upload/") and "upload_id" in request.parameters:
            return self._sessions.respond(request)
        self._tokens.check(request)
        if request.path == BATCH_PATH:
            return respond_batch(request, self.respond)
        if (match := _UPLOAD.fullmatch(request.path)) and "uploadType" in request.parameters:
            bucket = unquote(match["bucket"])
            resumable = request.parameters["uploadType"] == "resumable"
            return (self._sessions.start if resumable else self._uploads.respond)(request, bucket)
        return self._json.respond(request)

    def _controlled(self, request: Request) -> Response:
        if request.path == TOKEN_PATH:
            return self._tokens.respond(request)
        if request.path == FAULTS_PATH and request.method == "DELETE":
            self.faults.clear()
        elif request.path == FAULTS_PATH:
            self.faults.add(Fault(**json.loads(read_small(request))))
        elif request.path == REWRITES_PATH:
            self._json.rewrites.unfinished_steps = json.loads(read_small(request))["unfinished_steps"]
        else:
            raise Refused(404, "notFound")
        return json_response({})

    def _with_cors(self, request: Request, response: Response) -> Response:
        if request.headers["Origin"] is None:
            return response
        if upload_id := request.parameters.get("upload_id"):
            added = session_headers(self._sessions.origin(upload_id), request)
        elif _is_json(request):
            added = {}
        else:
            added = bucket_headers(self._rules(request), request)
        return Response(
            status=response.status,
            headers=response.headers | added,
            body=response.body,
            length=response.length,
        )

    def _rules(self, request: Request) -> list[dict[str, list[str]]]:
        try:
            return self._emulator.bucket(split_path(request.path)[0]).get("cors") or []
        except Refused:
            return []


def refused(request: Request, refusal: Refused) -> Response:
    """Render a refusal as XML or JSON, whichever API the path belongs to."""
    if _is_json(request):
        reason = _REASONS.get(refusal.status, refusal.code)
        error = {"code": refusal.status, "message": refusal.message}
        details = [{"domain": "global", "reason": reason, "message": refusal.message}]
        body = json.dumps({"error": error | {"errors": details}}).encode()
        return Response(status=refusal.status, headers={"Content-Type": "application/json; charset=UTF-8"}, body=body)
    text = f"<Error><Code>{escape(refusal.code)}</Code><Message>{escape(refusal.message)}</Message></Error>"
    document = f"<?xml version='1.0' encoding='UTF-8'?>{text}".encode()
    return Response(status=refusal.status, headers={"Content-Type": "application/xml; charset=UTF-8"}, body=document)


def _is_json(request: Request) -> bool:
    return request.path.startswith(_JSON_PATHS)
