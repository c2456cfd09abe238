"""An HTTP client that sends signed requests without knowledge of the storage."""

import http.client
import secrets
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from fileman.backends.values import UploadRequest

TIMEOUT_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def send(request: UploadRequest, data: bytes) -> Response:
    """Send one slice, raw or as the last field of a form."""
    if not request.fields:
        return exchange(request.method, request.url, body=data, headers=dict(request.headers))
    boundary = secrets.token_hex(16)
    headers = {**dict(request.headers), "Content-Type": f"multipart/form-data; boundary={boundary}"}
    return exchange(request.method, request.url, body=_form(request, data, boundary), headers=headers)


def exchange(method: str, url: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """Send one HTTP request and return the response. Redirects are not followed."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    with closing(kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)) as connection:
        connection.request(method, target, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        return Response(status=response.status, headers=response.msg, body=response.read())


def _form(request: UploadRequest, data: bytes, boundary: str) -> bytes:
    lines = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in request.fields
    ]
    lines.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{request.file_field}"; filename="file"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return "".join(lines).encode() + data + f"\r\n--{boundary}--\r\n".encode()
