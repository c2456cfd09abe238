"""The JSON API's batch endpoint: each part is served as if it had come alone."""

import secrets
from collections.abc import Callable
from email.message import Message
from email.parser import BytesParser
from http import HTTPStatus
from urllib.parse import urlsplit

from tests.servers.gcs.http import Refused, Request, Response

BATCH_PATH = "/batch/storage/v1"
_MAX_CALLS = 100  # https://cloud.google.com/storage/docs/batch


def respond_batch(request: Request, respond: Callable[[Request], Response]) -> Response:
    """Return multipart/mixed with the responses of `respond`, in the order of the parts."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    whole = BytesParser().parsebytes(head + request.body)
    parts = [part for part in whole.get_payload() if isinstance(part, Message)]
    if not whole.is_multipart() or len(parts) > _MAX_CALLS:
        raise Refused(400, "badRequest", f"A batch is multipart/mixed and holds at most {_MAX_CALLS} calls")
    boundary = f"batch_{secrets.token_hex(16)}"
    body = b"".join(_part(boundary, respond(_inner(part, request))) for part in parts)
    kind = f"multipart/mixed; boundary={boundary}"
    return Response(headers={"Content-Type": kind}, body=body + f"--{boundary}--\r\n".encode())


def _inner(part: Message, outer: Request) -> Request:
    """Return the call of one part, with the authorization of the batch."""
    raw = part.get_payload(decode=True)
    line, _, rest = (raw if isinstance(raw, bytes) else b"").partition(b"\n")
    message = BytesParser().parsebytes(rest)
    message["Authorization"] = outer.headers["Authorization"]
    method, target, *_ = line.decode().split()
    url = urlsplit(target)
    body = str(message.get_payload()).encode()
    return Request(method=method, path=url.path, query=url.query, headers=message, body=body)


def _part(boundary: str, response: Response) -> bytes:
    lines = [f"--{boundary}", "Content-Type: application/http", ""]
    lines += [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    return "\r\n".join([*lines, f"Content-Length: {len(response.body)}", "", ""]).encode() + response.body + b"\r\n"
