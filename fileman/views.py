"""HTTP views beside GraphQL: bytes that go through this server, the stable link and the CSRF token; limits for ASGI.

URLs of uploads and contents are signed for one purpose and carry the permission. Their views read and set no cookie.
"""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from io import BytesIO
from typing import Any
from urllib.parse import quote
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth.views import redirect_to_login
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.decorators import method_decorator
from django.utils.http import http_date, quote_etag
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from fileman import conf, errors, files, tokens, uploads
from fileman.access import rates
from fileman.backends import Backend, get_backend
from fileman.backends.values import Disposition, ServeAs, Slice, StoredObject
from fileman.caller import Caller
from fileman.errors import ErrorCode, FilemanError
from fileman.models import FileManager

# All other errors are conflicts with the state of the upload: 409.
_STATUS = {
    ErrorCode.PERMISSION_DENIED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.NOT_UPLOADED: 404,
    ErrorCode.SIZE_MISMATCH: 400,
    ErrorCode.UPLOAD_EXPIRED: 410,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.STORAGE_UNAVAILABLE: 503,
    ErrorCode.STORAGE_MISCONFIGURED: 503,
}
_ONE_RANGE = re.compile(r"(?i)bytes=([0-9]{0,100})-([0-9]{0,100})")
_SENDFILE_PREFIX = {"X-Accel-Redirect": "/fileman-files", "X-Sendfile": ""}
_SAFE_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'"
_SHOWN_POLICY = "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox allow-same-origin"


def _wants_page(request: HttpRequest) -> bool:
    return request.get_preferred_type(["application/json", "text/html"]) == "text/html"


def _error(error: FilemanError, *, as_page: bool = False) -> HttpResponse:
    status = 507 if isinstance(error, errors.StorageFull) else _STATUS.get(error.code, 409)
    headers = {"Retry-After": str(error.retry_after_seconds)} if error.retry_after_seconds else {}
    if as_page:
        with suppress(TemplateDoesNotExist):  # no engine of the host project looks into apps
            page = render_to_string("fileman/download_error.html", {"error": error})
            return HttpResponse(page, status=status, headers={**headers, "Content-Security-Policy": _PAGE_POLICY})
    return JsonResponse({"code": error.code.value, "message": error.message}, status=status, headers=headers)


@method_decorator([csrf_exempt, never_cache, transaction.non_atomic_requests], name="dispatch")
class UploadView(View):
    """PUT /fileman/upload/<signed>: one slice of one upload, of exactly the signed length, in bounded memory.

    201: stored. 400: the body is shorter than signed. 403: the URL is invalid or has expired. 404, 410: the upload is
    gone. 409: the slice exists already or the upload accepts no more. 411: no Content-Length. 413: the body is longer
    than signed. 503: the storage failed. 507: it is full. Only 201 stores anything. After any other status, call
    refreshUpload for the next steps.
    """

    def put(self, request: HttpRequest, signed: str) -> HttpResponse:
        now = timezone.now()
        try:
            grant = tokens.unsign(tokens.UPLOAD, signed, now=now)
            refusal = self.refuse_length(request, grant["length"])
            if refusal is not None:
                return refusal
            part = Slice(part_number=grant["part"], offset=grant["offset"], length=grant["length"])
            uploads.receive(file_id=UUID(grant["file"]), part=part, stream=request, now=now)  # type: ignore[arg-type]
        except FilemanError as error:
            return _error(error)
        return HttpResponse(status=201)

    def refuse_length(self, request: HttpRequest, length: int) -> HttpResponse | None:
        """Return an error for a wrong length, before a byte is read."""
        given = request.headers.get("Content-Length", "")
        if not given.isdecimal() or "Transfer-Encoding" in request.headers:
            return HttpResponse("Send Content-Length.", status=411, content_type="text/plain")
        if int(given) < length:
            return _error(errors.SizeMismatch(f"This URL accepts exactly {length} bytes."))
        if int(given) > length:
            return HttpResponse(f"This URL accepts exactly {length} bytes.", status=413, content_type="text/plain")
        return None


@method_decorator([never_cache, transaction.non_atomic_requests], name="dispatch")
class ContentView(View):
    """GET /fileman/content/<signed>: the bytes of one object, or one range of them.

    The response is safe in a browser: no sniffing, no scripts, no referrer, no caching, no cookie. A browser gets an
    error as a page.
    """

    def get(self, request: HttpRequest, signed: str) -> HttpResponseBase:
        try:
            grant = tokens.unsign(tokens.CONTENT, signed, now=timezone.now())
            manager = FileManager.objects.get(pk=grant["manager"])
            if conf.settings().RECHECK_DOWNLOADS and grant["viewer"] is not None:
                files.require_visible(manager_id=manager.pk, path=grant["path"], viewer=grant["viewer"])
            backend = get_backend(manager)
            stored, header = backend.stat(grant["path"]), conf.settings().SENDFILE
            if not header or not backend.local_root:
                return _serve(request, grant, stored, backend)
            path = f"{_SENDFILE_PREFIX[header]}{backend.local_root}/{stored.path}"
            return _protect(HttpResponse(headers={header: quote(path)}), grant)
        except (FileManager.DoesNotExist, errors.FileMissing):
            return _error(errors.NotFound(), as_page=_wants_page(request))
        except FilemanError as error:
            return _error(error, as_page=_wants_page(request))


def _serve(request: HttpRequest, grant: dict[str, Any], stored: StoredObject, backend: Backend) -> HttpResponseBase:
    etag, modified = quote_etag(stored.etag), int(stored.modified.timestamp()) if stored.modified else None
    validators = {"ETag": etag} | ({} if modified is None else {"Last-Modified": http_date(modified)})
    unconditional = HttpResponse(headers=validators)
    conditional = get_conditional_response(request, etag, modified, unconditional)
    if conditional is not None and conditional is not unconditional:  # 304, or 412
        return conditional
    is_same = request.headers.get("If-Range", etag) in validators.values()
    part = _parse_range(request.headers.get("Range") if is_same else None, size=stored.size)
    start, length = part or (0, stored.size)
    if part and length <= 0:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{stored.size}"})
    body = backend.read(stored.path, start=start, length=length, etag=stored.etag) if request.method == "GET" else ()
    stream = _one_by_one(body) if isinstance(request, ASGIRequest) else body
    headers = {**validators, "Accept-Ranges": "bytes", "Content-Length": str(length)}
    if part:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{stored.size}"
    return _protect(StreamingHttpResponse(stream, status=206 if part else 200, headers=headers), grant)


def _protect(response: HttpResponseBase, grant: dict[str, Any]) -> HttpResponseBase:
    """Add the headers that make a response with the bytes safe in a browser."""
    response["Content-Type"] = grant["type"]
    response["Content-Disposition"] = ServeAs(disposition=grant["as"], filename=grant["name"]).content_disposition
    for name, value in _SAFE_HEADERS.items():
        response[name] = value
    if grant["as"] == "inline":  # players need its origin to load its own bytes; nothing runs there
        response["Content-Security-Policy"] = _SHOWN_POLICY
        response.xframe_options_exempt = True  # type: ignore[attr-defined]  # XFrameOptionsMiddleware reads it
    return response


async def _one_by_one(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield what an iterator yields. Under ASGI Django would collect all of it before it sends the first piece."""
    iterator = iter(chunks)
    read_one = sync_to_async(lambda: next(iterator, None))
    while (chunk := await read_one()) is not None:
        yield chunk


def _parse_range(header: str | None, *, size: int) -> tuple[int, int] | None:
    """Return start and length of the one requested range; the length is not positive outside the object.

    None serves the whole object: no header, another unit, several ranges or nonsense (RFC 9110, section 14.2, lets a
    server ignore the header).
    """
    found = _ONE_RANGE.fullmatch((header or "").replace(" ", ""))
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        length = min(int(last), size)
        return size - length, length
    start = int(first)
    if last and int(last) < start:
        return None
    return start, min(int(last) if last else size - 1, size - 1) - start + 1


@method_decorator([never_cache, transaction.non_atomic_requests], name="dispatch")
class DownloadView(View):
    """GET /fileman/download/<file id>/: checks access on each use, then redirects to a signed URL.

    404 for a file that does not exist, is unfinished or is not the caller's, but a browser whose user is not signed in
    goes to LOGIN_URL; 429 above the rate; 503 without the storage. A browser gets an error as a page. `?inline=1`
    displays the file in the browser, where that is safe.
    """

    def get(self, request: HttpRequest, file_id: UUID) -> HttpResponseBase:
        caller = Caller.from_request(request)
        disposition: Disposition = "inline" if request.GET.get("inline") == "1" else "attachment"
        try:
            file = files.find(caller, file_id)
            if files.permalink(caller=caller, file=file) is None:
                raise errors.NotFound
            rates.count_download_url(caller, now=timezone.now())
            url = files.signed_download(file, viewer=caller, disposition=disposition, now=timezone.now())
        except (errors.NotFound, errors.RateLimited, errors.StorageUnavailable, errors.StorageMisconfigured) as error:
            if isinstance(error, errors.NotFound) and _wants_page(request) and not caller.is_signed_in:
                return redirect_to_login(request.get_full_path())
            return _error(error, as_page=_wants_page(request))
        response = redirect(url)
        response["Referrer-Policy"] = "no-referrer"
        return response


@method_decorator(never_cache, name="dispatch")
class CsrfView(View):
    """GET /fileman/csrf/: sets the CSRF cookie and returns the token, for pages that this server did not render."""

    http_method_names = ["get", "options"]

    def get(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse({"csrfToken": get_token(request)})


class UploadLimit:
    """Refuse an upload of a wrong length under ASGI, where Django stores the body before the view runs.

    In asgi.py: `application = UploadLimit(get_asgi_application())`. Let a proxy limit all other bodies.
    """

    def __init__(self, application: ASGIHandler) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        is_http = scope["type"] == "http"
        refusal = await sync_to_async(self._refuse)(ASGIRequest(scope, BytesIO())) if is_http else None
        application = self.application
        await (application.send_response(refusal, send) if refusal else application(scope, receive, send))

    def _refuse(self, request: HttpRequest) -> HttpResponse | None:
        try:
            match = resolve(request.path_info)
            if getattr(match.func, "view_class", None) is not UploadView:
                return None
            if request.method != "PUT":
                has_body = not {"Content-Length", "Transfer-Encoding"}.isdisjoint(request.headers)
                return HttpResponse(status=405) if has_body else None
            grant = tokens.unsign(tokens.UPLOAD, match.kwargs["signed"], now=timezone.now())
            return UploadView().refuse_length(request, grant["length"])
        except Resolver404:
            return None
        except FilemanError as error:
            return _error(error)
