"""Responses that carry an object: its bytes or a range of them, with the headers of both of Google's APIs."""

import re
from base64 import b64decode

from tests.servers.gcs.emulator import Emulator
from tests.servers.gcs.http import Refused, Request, Resource, Response

_METADATA_HEADERS = {
    "contentType": "Content-Type",
    "contentEncoding": "Content-Encoding",
    "contentDisposition": "Content-Disposition",
    "cacheControl": "Cache-Control",
}
_OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-content-disposition": "Content-Disposition",
}


def media(emulator: Emulator, resource: Resource, request: Request) -> Response:
    """Return the object, or the range that the request asks for."""
    size = int(resource["size"])
    start, length = _range(request.headers["Range"], size)
    headers = {header: resource[name] for name, header in _METADATA_HEADERS.items() if resource.get(name)}
    headers |= version_headers(resource) | {"Accept-Ranges": "bytes"}
    headers |= {header: request.parameters[name] for name, header in _OVERRIDES.items() if name in request.parameters}
    if length < size:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    body = emulator.content(resource, start, length)
    return Response(status=206 if length < size else 200, headers=headers, body=body)


def version_headers(resource: Resource) -> dict[str, str]:
    """Return the headers that identify the bytes; the response to an XML PUT has them too."""
    return {
        "ETag": f'"{b64decode(resource["md5Hash"]).hex()}"',
        "x-goog-generation": resource["generation"],
        "x-goog-metageneration": resource["metageneration"],
        "x-goog-hash": f"crc32c={resource['crc32c']},md5={resource['md5Hash']}",
    }


def _range(sent: str | None, size: int) -> tuple[int, int]:
    """Return start and length of a Range header, by default of the whole object; 416 if it starts beyond the end."""
    match = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", sent or "")
    if not match:
        return 0, size
    start, end = int(match[1]), min(int(match[2] or size), size - 1)
    if start > end:
        raise Refused(416, "InvalidRange", "The requested range cannot be satisfied")
    return start, end - start + 1
