"""The JSON API's objects: rewritten and paged here, where the emulator is wrong; the rest is passed on to it."""

import json
import re
import secrets
from urllib.parse import unquote

from tests.servers.gcs.conditions import check_generation, existing
from tests.servers.gcs.emulator import Emulator
from tests.servers.gcs.http import Refused, Request, Resource, Response, json_response
from tests.servers.gcs.media import media

_OBJECT = re.compile(r"(?:/download)?/storage/v1/b/(?P<bucket>[^/]+)/o/(?P<name>[^/]+)")
_LISTING = re.compile(r"/storage/v1/b/(?P<bucket>[^/]+)/o")
_REWRITE = re.compile(_OBJECT.pattern + r"/rewriteTo/b/(?P<to_bucket>[^/]+)/o/(?P<to_name>[^/]+)")
_PAGE = 1000
_METADATA = (
    "cacheControl",
    "contentDisposition",
    "contentEncoding",
    "contentLanguage",
    "contentType",
    "customTime",
    "metadata",
    "storageClass",
)


class Rewrites:
    """objects.rewrite: in as many steps as a test asks for, metadata replaced as a whole."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._begun: dict[str, tuple[tuple[str, ...], int]] = {}
        self.unfinished_steps = 0
        """Number of responses of each rewrite that say `done: false` before the one that copies."""

    def step(self, source: Resource, to: tuple[str, str], metadata: Resource, *, token: str | None) -> Resource:
        """Take one step of a rewrite; the caller has checked the preconditions and holds the emulator's lock."""
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
        size = int(source["size"])
        kept = {name: source[name] for name in _METADATA if source.get(name) is not None}
        described = {name: value for name, value in metadata.items() if name in _METADATA} or kept
        with self._emulator.content(source, 0, size) as spool:
            return self._emulator.store(to[0], described | {"name": to[1]}, spool, start=0, length=size)


class JsonApi:
    def __init__(self, emulator: Emulator, rewrites: Rewrites) -> None:
        self._emulator = emulator
        self._rewrites = rewrites

    def respond(self, request: Request) -> Response:
        if match := _REWRITE.fullmatch(request.path):
            return self._rewrite(request, {key: unquote(value) for key, value in match.groupdict().items()})
        if (match := _OBJECT.fullmatch(request.path)) and request.method in ("GET", "DELETE", "PATCH"):
            return self._object(request, unquote(match["bucket"]), unquote(match["name"]))
        if (match := _LISTING.fullmatch(request.path)) and request.method == "GET":
            return json_response(self._page(request, unquote(match["bucket"])))
        if request.path == "/storage/v1/b" and request.method == "POST":
            return self._create_bucket(request)
        if "/o/" in request.path:
            raise Refused(501, "notImplemented", "The front serves GET, PATCH, DELETE and rewriteTo of objects")
        return self._pass_on(request, request.read())

    def _object(self, request: Request, bucket: str, name: str) -> Response:
        with self._emulator.lock:
            found = existing(self._emulator.find(bucket, name), request.parameters.get("generation"))
            check_generation(found, request.parameters.get("ifGenerationMatch"))
            if request.method == "DELETE":
                self._emulator.delete(bucket, name)
                return Response(status=204)
            if request.method == "PATCH":
                self._pass_on(request, request.read())
                return json_response(existing(self._emulator.find(bucket, name), None))
            if request.parameters.get("alt") == "media":
                return media(self._emulator, found, request)
            return json_response(found)

    def _rewrite(self, request: Request, names: dict[str, str]) -> Response:
        metadata = request.json()
        with self._emulator.lock:
            generation = request.parameters.get("sourceGeneration")
            source = existing(self._emulator.find(names["bucket"], names["name"]), generation)
            check_generation(source, request.parameters.get("ifSourceGenerationMatch"))
            to = (names["to_bucket"], names["to_name"])
            check_generation(self._emulator.find(*to), request.parameters.get("ifGenerationMatch"))
            token = request.parameters.get("rewriteToken")
            return json_response(self._rewrites.step(source, to, metadata, token=token))

    def _page(self, request: Request, bucket: str) -> Resource:
        """Cut the emulator's whole list into pages: it knows neither maxResults nor pageToken."""
        listing = self._emulator.listing(bucket, request.query)
        after = request.parameters.get("pageToken", "")
        size = min(int(request.parameters.get("maxResults", _PAGE)), _PAGE)
        items = sorted(
            (item for item in listing.get("items", []) if item["name"] > after), key=lambda item: str(item["name"])
        )
        page: Resource = {"kind": "storage#objects", "items": items[:size]}
        return page | ({"nextPageToken": items[size - 1]["name"]} if len(items) > size else {})

    def _create_bucket(self, request: Request) -> Response:
        """Keep the settings that the emulator drops on creation; deleted objects are really gone."""
        body = request.read()
        self._pass_on(request, body)
        settings = {"softDeletePolicy": {"retentionDurationSeconds": "0"}} | json.loads(body)
        target = f"/storage/v1/b/{settings['name']}"
        return self._emulator.call("PATCH", target, "application/json", json.dumps(settings).encode())

    def _pass_on(self, request: Request, body: bytes) -> Response:
        target = f"{request.path}?{request.query}" if request.query else request.path
        kind = request.headers.get("Content-Type", "application/json")
        return self._emulator.call(request.method, target, kind, body)
