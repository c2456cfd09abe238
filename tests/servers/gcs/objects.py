"""The JSON API's buckets and objects: read, listed, changed, deleted and rewritten; responses with bytes."""

import re
import secrets
from base64 import b64decode
from urllib.parse import unquote

from tests.servers.gcs.http import Refused, Request, Resource, Response, json_response
from tests.servers.gcs.store import Store, check_generation, existing

_BUCKET = re.compile(r"/storage/v1/b/(?P<bucket>[^/]+)")
_OBJECT = re.compile(r"(?:/download)?/storage/v1/b/(?P<bucket>[^/]+)/o/(?P<name>[^/]+)")
_LISTING = re.compile(r"/storage/v1/b/(?P<bucket>[^/]+)/o")
_REWRITE = re.compile(_OBJECT.pattern + r"/rewriteTo/b/(?P<to_bucket>[^/]+)/o/(?P<to_name>[^/]+)")
_PAGE = 1000
_METADATA = "cacheControl contentDisposition contentEncoding contentLanguage contentType customTime "
_METADATA += "metadata storageClass"
METADATA_HEADERS = {
    "contentType": "Content-Type",
    "contentEncoding": "Content-Encoding",
    "contentDisposition": "Content-Disposition",
    "cacheControl": "Cache-Control",
}
_OVERRIDES = {"response-content-type": "Content-Type", "response-content-disposition": "Content-Disposition"}


class Rewrites:
    """objects.rewrite: in as many steps as a test asks for, metadata replaced as a whole."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begun: dict[str, tuple[tuple[str, ...], int]] = {}
        self.unfinished_steps = 0
        """Number of responses of each rewrite that say `done: false` before the one that copies."""

    def step(self, source: Resource, to: tuple[str, str], metadata: Resource, *, token: str | None) -> Resource:
        """Take one step of a rewrite; the caller has checked the preconditions and holds the store's lock."""
        rewrite = (source["bucket"], source["name"], source["generation"], *to)
        left = self.unfinished_steps
        if token is not None:
            begun, left = self._begun.get(token, ((), 0))
            if begun != rewrite:
                raise Refused(400, "invalid", "The rewriteToken belongs to another rewrite")
        size = int(source["size"])
        answer: Resource = {"kind": "storage#rewriteResponse", "objectSize": str(size)}
        if not left:
            copied = self._copy(source, to, metadata)
            return answer | {"done": True, "totalBytesRewritten": str(size), "resource": copied}
        token = secrets.token_urlsafe()
        self._begun[token] = (rewrite, left - 1)
        written = size * (self.unfinished_steps - left) // (self.unfinished_steps + 1)
        return answer | {"done": False, "totalBytesRewritten": str(written), "rewriteToken": token}

    def _copy(self, source: Resource, to: tuple[str, str], metadata: Resource) -> Resource:
        """Copy the bytes; given metadata replaces all of the source's, none given keeps it."""
        fields = _METADATA.split()
        described = {name: value for name, value in metadata.items() if name in fields}
        described = described or {name: source[name] for name in fields if source.get(name) is not None}
        return self._store.put(to[0], described | {"name": to[1]}, self._store.content(source), generation=None)


class JsonApi:
    def __init__(self, store: Store, rewrites: Rewrites) -> None:
        self._store = store
        self._rewrites = rewrites

    def respond(self, request: Request) -> Response:
        with self._store.lock:
            if match := _REWRITE.fullmatch(request.path):
                return self._rewrite(request, {key: unquote(value) for key, value in match.groupdict().items()})
            if (match := _OBJECT.fullmatch(request.path)) and request.method in ("GET", "DELETE", "PATCH"):
                return self._object(request, unquote(match["bucket"]), unquote(match["name"]))
            if (match := _LISTING.fullmatch(request.path)) and request.method == "GET":
                return json_response(self._page(request, unquote(match["bucket"])))
            if request.path == "/storage/v1/b" and request.method == "POST":
                return json_response(self._store.create_bucket(request.json()))
            if (match := _BUCKET.fullmatch(request.path)) and request.method in ("GET", "PATCH"):
                bucket = self._store.bucket(unquote(match["bucket"]))
                return json_response(self._store.patch(bucket, request.json()) if request.body else bucket)
        raise Refused(501, "notImplemented", "The server has no such method")

    def _object(self, request: Request, bucket: str, name: str) -> Response:
        self._store.bucket(bucket)
        found = existing(self._store.find(bucket, name), request.parameters.get("generation"))
        check_generation(found, request.parameters.get("ifGenerationMatch"))
        if request.method == "DELETE":
            self._store.delete(bucket, name)
            return Response(status=204)
        if request.method == "PATCH":
            return json_response(self._store.patch(found, request.json()))
        if request.parameters.get("alt") == "media":
            return media(self._store, found, request)
        return json_response(found)

    def _rewrite(self, request: Request, names: dict[str, str]) -> Response:
        generation = request.parameters.get("sourceGeneration")
        source = existing(self._store.find(names["bucket"], names["name"]), generation)
        check_generation(source, request.parameters.get("ifSourceGenerationMatch"))
        to = (names["to_bucket"], names["to_name"])
        check_generation(self._store.find(*to), request.parameters.get("ifGenerationMatch"))
        token = request.parameters.get("rewriteToken")
        return json_response(self._rewrites.step(source, to, request.json(), token=token))

    def _page(self, request: Request, bucket: str) -> Resource:
        after = request.parameters.get("pageToken", "")
        size = min(int(request.parameters.get("maxResults", _PAGE)), _PAGE)
        listed = self._store.list(bucket, request.parameters.get("prefix", ""))
        items = [item for item in listed if item["name"] > after]
        page: Resource = {"kind": "storage#objects", "items": items[:size]}
        return page | ({"nextPageToken": items[size - 1]["name"]} if len(items) > size else {})


def media(store: Store, resource: Resource, request: Request) -> Response:
    """Return the object, or the range that the request asks for."""
    size = int(resource["size"])
    start, length = _range(request.headers["Range"], size)
    headers = {header: resource[name] for name, header in METADATA_HEADERS.items() if resource.get(name)}
    headers |= version_headers(resource) | {"Accept-Ranges": "bytes"}
    headers |= {header: request.parameters[name] for name, header in _OVERRIDES.items() if name in request.parameters}
    if length < size:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    body = store.content(resource)[start : start + length]
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
