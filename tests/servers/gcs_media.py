"""Answers that carry an object: its bytes or a part of them, with the headers that both of Google's APIs send."""

from base64 import b64decode
from datetime import datetime
from email.utils import format_datetime

from tests.servers.gcs_conditions import byte_range
from tests.servers.gcs_emulator import Emulator, Resource
from tests.servers.gcs_http import Request, Response

_METADATA_HEADERS = {
    "contentType": "Content-Type",
    "contentEncoding": "Content-Encoding",
    "contentDisposition": "Content-Disposition",
    "contentLanguage": "Content-Language",
    "cacheControl": "Cache-Control",
}
_OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-content-disposition": "Content-Disposition",
    "response-content-language": "Content-Language",
    "response-content-encoding": "Content-Encoding",
    "response-cache-control": "Cache-Control",
}


def media(emulator: Emulator, resource: Resource, request: Request) -> Response:
    """Answer GET or HEAD with the object, or with the range that the request asks for."""
    size = int(resource["size"])
    part = byte_range(request.headers["Range"], size)
    start, length = part or (0, size)
    headers = object_headers(resource) | {"Accept-Ranges": "bytes"}
    headers |= {header: request.parameters[name] for name, header in _OVERRIDES.items() if name in request.parameters}
    if part:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    status = 206 if part else 200
    if request.method == "HEAD":
        return Response(status=status, headers=headers, length=length)
    return Response(status=status, headers=headers, body=emulator.content(resource, start, length))


def object_headers(resource: Resource) -> dict[str, str]:
    """Return the stored metadata and checksums as response headers."""
    headers = {header: resource[name] for name, header in _METADATA_HEADERS.items() if resource.get(name)}
    headers |= {f"x-goog-meta-{name}": value for name, value in (resource.get("metadata") or {}).items()}
    headers["Last-Modified"] = format_datetime(datetime.fromisoformat(resource["updated"]), usegmt=True)
    return headers | version_headers(resource)


def version_headers(resource: Resource) -> dict[str, str]:
    """Return the headers that tell which bytes these are; the answer to an XML PUT has them too."""
    return {
        "ETag": f'"{_hex_md5(resource)}"',
        "x-goog-generation": resource["generation"],
        "x-goog-metageneration": resource["metageneration"],
        "x-goog-hash": f"crc32c={resource['crc32c']},md5={resource['md5Hash']}",
        "x-goog-stored-content-length": str(resource["size"]),
        "x-goog-stored-content-encoding": resource.get("contentEncoding") or "identity",
    }


def _hex_md5(resource: Resource) -> str:
    return b64decode(resource["md5Hash"]).hex()
