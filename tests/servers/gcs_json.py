"""The JSON API's objects: what the emulator does wrong is done here, the rest is handed on to it."""

import json
import re
from urllib.parse import unquote

from tests.servers.gcs_conditions import check_preconditions, existing
from tests.servers.gcs_emulator import Emulator, Resource
from tests.servers.gcs_http import Refused, Request, Response
from tests.servers.gcs_media import media
from tests.servers.gcs_rewrites import Rewrites

_OBJECT = re.compile(r"(?:/download)?/storage/v1/b/(?P<bucket>[^/]+)/o/(?P<name>[^/]+)")
_LISTING = re.compile(r"/storage/v1/b/(?P<bucket>[^/]+)/o")
_COPY = re.compile(_OBJECT.pattern + r"/(?P<verb>rewriteTo|copyTo)/b/(?P<to_bucket>[^/]+)/o/(?P<to_name>[^/]+)")
_PAGE = 1000
_MAX_JSON_BYTES = 1024 * 1024


class JsonApi:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.rewrites = Rewrites(emulator)

    def respond(self, request: Request) -> Response:
        if match := _COPY.fullmatch(request.path):
            return self._copy(request, {key: unquote(value) for key, value in match.groupdict().items()})
        if (match := _OBJECT.fullmatch(request.path)) and request.method in ("GET", "DELETE", "PATCH"):
            return self._object(request, unquote(match["bucket"]), unquote(match["name"]))
        if (match := _LISTING.fullmatch(request.path)) and request.method == "GET":
            return json_response(self._page(request, unquote(match["bucket"])))
        if request.path == "/storage/v1/b" and request.method == "POST":
            return self._create_bucket(request)
        if "/o/" in request.path:
            raise Refused(501, "notImplemented", "The front serves GET, PATCH, DELETE, copyTo and rewriteTo of objects")
        return self._hand_on(request, read_small(request))

    def _object(self, request: Request, bucket: str, name: str) -> Response:
        with self._emulator.lock:
            found = existing(self._emulator.find(bucket, name), request.parameters.get("generation"))
            check_preconditions(found, request.parameters)
            if request.method == "DELETE":
                self._emulator.delete(bucket, name)
                return Response(status=204)
            if request.method == "PATCH":
                self._hand_on(request, read_small(request))
                return json_response(existing(self._emulator.find(bucket, name), None))
            if request.parameters.get("alt") == "media":
                return media(self._emulator, found, request)
            return json_response(found)

    def _copy(self, request: Request, names: dict[str, str]) -> Response:
        body = read_small(request)
        metadata: Resource = json.loads(body) if body else {}
        with self._emulator.lock:
            source = self._emulator.find(names["bucket"], names["name"])
            source = existing(source, request.parameters.get("sourceGeneration"))
            check_preconditions(source, request.parameters, prefix="ifSource")
            target = self._emulator.find(names["to_bucket"], names["to_name"])
            check_preconditions(target, request.parameters)
            to = (names["to_bucket"], names["to_name"])
            if names["verb"] == "copyTo":
                return json_response(self.rewrites.copy(source, to, metadata))
            return json_response(self.rewrites.step(source, to, metadata, token=request.parameters.get("rewriteToken")))

    def _page(self, request: Request, bucket: str) -> Resource:
        """Cut the emulator's whole list into pages: it knows neither maxResults nor pageToken."""
        listing = self._emulator.listing(bucket, request.query)
        after = request.parameters.get("pageToken", "")
        size = min(int(request.parameters.get("maxResults", _PAGE)), _PAGE)
        items = sorted(
            (item for item in listing.get("items", []) if item["name"] > after), key=lambda item: str(item["name"])
        )
        page: Resource = {"kind": "storage#objects", "items": items[:size], "prefixes": listing.get("prefixes", [])}
        return page | ({"nextPageToken": items[size - 1]["name"]} if len(items) > size else {})

    def _create_bucket(self, request: Request) -> Response:
        """Keep the settings that the emulator drops on creation; deleted objects are really gone."""
        body = read_small(request)
        created = self._hand_on(request, body)
        if created.status != 200:
            return created
        settings = {"softDeletePolicy": {"retentionDurationSeconds": "0"}} | json.loads(body)
        answer = self._emulator.call(
            "PATCH",
            f"/storage/v1/b/{settings['name']}",
            headers={"Content-Type": "application/json"},
            body=json.dumps(settings).encode(),
        )
        return Response(status=answer.status, headers={"Content-Type": answer.content_type}, body=answer.body)

    def _hand_on(self, request: Request, body: bytes) -> Response:
        headers = {"Content-Type": request.headers.get("Content-Type", "application/json")}
        target = f"{request.path}?{request.query}" if request.query else request.path
        answer = self._emulator.call(request.method, target, headers=headers, body=body)
        return Response(status=answer.status, headers={"Content-Type": answer.content_type}, body=answer.body)


def json_response(value: Resource) -> Response:
    return Response(headers={"Content-Type": "application/json; charset=UTF-8"}, body=json.dumps(value).encode())


def read_small(request: Request) -> bytes:
    """Return the whole body of a request that carries metadata only."""
    data = b""
    for piece in request.body.pieces():
        data += piece
        if len(data) > _MAX_JSON_BYTES:
            raise Refused(413, "uploadTooLarge", "The metadata is larger than 1 MiB")
    return data
