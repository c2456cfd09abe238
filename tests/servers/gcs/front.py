"""Routes each request to the API that it asks, and gives refusals and CORS headers their form."""

import re
from urllib.parse import unquote
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.servers.gcs.batch import BATCH_PATH, respond_batch
from tests.servers.gcs.http import Refused, Request, Resource, Response, json_response
from tests.servers.gcs.objects import JsonApi, Rewrites
from tests.servers.gcs.signing import TOKEN_PATH, SignatureVerifier, Tokens
from tests.servers.gcs.store import Store
from tests.servers.gcs.uploads import Sessions, respond_upload
from tests.servers.gcs.xml import XmlApi, split_path

_UPLOAD = re.compile(r"(?:/upload)?/storage/v1/b/(?P<bucket>[^/]+)/o")
_JSON_PATHS = ("/storage/v1/", "/upload/storage/v1/", "/download/storage/v1/", BATCH_PATH, TOKEN_PATH)
_SESSION_METHODS = "PUT, POST, DELETE, OPTIONS"
_SESSION_EXPOSED = "Content-Length, Content-Type, Date, X-GUploader-UploadID"
_REASONS = {404: "notFound", 412: "conditionNotMet"}


class Front:
    def __init__(self, store: Store, *, client_email: str, public_key: RSAPublicKey) -> None:
        self.rewrites = Rewrites(store)
        self._store = store
        self._json = JsonApi(store, self.rewrites)
        self._sessions = Sessions(store)
        self._xml = XmlApi(store, SignatureVerifier(client_email=client_email, public_key=public_key))
        self._tokens = Tokens(client_email=client_email)

    def respond(self, request: Request) -> Response:
        """Return the response to one request; refusals have the format of the API that was asked."""
        try:
            is_session = request.path.startswith("/upload/") and "upload_id" in request.parameters
            if request.is_cut and not is_session:
                raise Refused(400, "badContent", "The body is not complete")
            is_step = is_session and request.method != "OPTIONS"
            response = self._sessions.respond(request) if is_step else self._route(request)
        except Refused as refusal:
            response = _refuse(request, refusal)
        if request.headers["Origin"] is None:
            return response
        headers = response.headers | self._cors_headers(request)
        return Response(status=response.status, headers=headers, body=response.body)

    def _route(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response()
        if request.path == TOKEN_PATH:
            return self._tokens.respond(request)
        if not _is_json(request):
            return self._xml.respond(request)
        self._tokens.check(request)
        if request.path == BATCH_PATH:
            return respond_batch(request, self.respond)
        if (match := _UPLOAD.fullmatch(request.path)) and "uploadType" in request.parameters:
            bucket = unquote(match["bucket"])
            if request.parameters["uploadType"] == "resumable":
                return self._sessions.start(request, bucket)
            return respond_upload(self._store, request, bucket)
        return self._json.respond(request)

    def _cors_headers(self, request: Request) -> dict[str, str]:
        if upload_id := request.parameters.get("upload_id"):
            return _session_headers(self._sessions.origin(upload_id), request)
        return {} if _is_json(request) else _bucket_headers(self._rules(request), request)

    def _rules(self, request: Request) -> list[Resource]:
        try:
            return self._store.bucket(split_path(request.path)[0]).get("cors") or []
        except Refused:
            return []


def _refuse(request: Request, refusal: Refused) -> Response:
    """Render a refusal as XML or JSON, whichever API the path belongs to."""
    if _is_json(request):
        reason = _REASONS.get(refusal.status, refusal.code)
        details = [{"domain": "global", "reason": reason, "message": refusal.message}]
        error = {"code": refusal.status, "message": refusal.message, "errors": details}
        return json_response({"error": error}, status=refusal.status)
    text = f"<Error><Code>{escape(refusal.code)}</Code><Message>{escape(refusal.message)}</Message></Error>"
    document = f"<?xml version='1.0' encoding='UTF-8'?>{text}".encode()
    return Response(status=refusal.status, headers={"Content-Type": "application/xml; charset=UTF-8"}, body=document)


def _is_json(request: Request) -> bool:
    return request.path.startswith(_JSON_PATHS)


def _bucket_headers(rules: list[Resource], request: Request) -> dict[str, str]:
    """Return the headers of the first rule of the bucket that allows the origin and the method."""
    origin = request.headers.get("Origin", "")
    preflight = request.method == "OPTIONS"
    method = request.headers.get("Access-Control-Request-Method", "") if preflight else request.method
    for rule in rules:
        if origin in rule.get("origin", []) and method in rule.get("method", []):
            headers = {"Access-Control-Allow-Origin": origin}
            listed = ", ".join(rule.get("responseHeader", []))
            if not preflight:
                return headers | {"Access-Control-Expose-Headers": listed}
            headers["Access-Control-Allow-Methods"] = ", ".join(rule["method"])
            return headers | {"Access-Control-Allow-Headers": listed}
    return {}


def _session_headers(opened_by: str | None, request: Request) -> dict[str, str]:
    """Return the headers for a session URL; the bucket's rules count for nothing there."""
    if opened_by is None or request.headers["Origin"] != opened_by:
        return {}
    headers = {"Access-Control-Allow-Origin": opened_by}
    if request.method != "OPTIONS":
        return headers | {"Access-Control-Expose-Headers": _SESSION_EXPOSED}
    return headers | {
        "Access-Control-Allow-Methods": _SESSION_METHODS,
        "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", ""),
    }
