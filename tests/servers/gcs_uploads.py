"""The JSON API's uploads in one request: uploadType=media and uploadType=multipart."""

import json
import re
from itertools import islice

from tests.servers.gcs_conditions import check_preconditions
from tests.servers.gcs_emulator import Emulator, Resource
from tests.servers.gcs_http import CHUNK_BYTES, Refused, Request, Response, Spool
from tests.servers.gcs_json import json_response


class Uploads:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def respond(self, request: Request, bucket: str) -> Response:
        """Spool the body, check it and store it as one object."""
        self._emulator.bucket(bucket)
        with Spool() as spool:
            for piece in request.body.pieces():
                spool.append(piece)
            metadata, start, length = self._described(request, spool)
            metadata["name"] = request.parameters.get("name") or metadata.get("name")
            if not metadata["name"]:
                raise Refused(400, "required", "The object has no name")
            return self.store(bucket, metadata, spool, (start, length), request.parameters)

    def store(
        self, bucket: str, metadata: Resource, spool: Spool, part: tuple[int, int], conditions: dict[str, str]
    ) -> Response:
        """Store `part` (start, length) of the spool unless a precondition forbids it.

        The md5Hash and crc32c that the metadata may declare are checked by the emulator: 400.
        """
        start, length = part
        with self._emulator.lock:
            check_preconditions(self._emulator.find(bucket, metadata["name"]), conditions)
            return json_response(self._emulator.store(bucket, metadata, spool, start=start, length=length))

    def _described(self, request: Request, spool: Spool) -> tuple[Resource, int, int]:
        kind = request.headers.get("Content-Type", "application/octet-stream")
        if request.parameters.get("uploadType") != "multipart":
            return {"contentType": kind}, 0, spool.size
        return _multipart(spool, request.headers.get_boundary())


def _multipart(spool: Spool, boundary: str | None) -> tuple[Resource, int, int]:
    """Find the metadata and the place of the content in a multipart/related body."""
    head = b"".join(islice(spool.pieces(0, min(spool.size, CHUNK_BYTES)), 1))
    mark = re.escape(f"--{boundary}".encode())
    match = re.match(
        rb"\s*" + mark + rb"\r?\n.*?\r?\n\r?\n(.*?)\r?\n" + mark + rb"\r?\n(.*?)\r?\n\r?\n", head, re.DOTALL
    )
    tail = b"".join(spool.pieces(max(0, spool.size - len(mark) - 16)))
    end = re.search(rb"\r?\n" + mark + rb"--\s*\Z", tail)
    if not match or not end:
        raise Refused(400, "badContent", "The body is not metadata and content in multipart/related")
    metadata: Resource = json.loads(match[1])
    kind = re.search(rb"(?im)^content-type:\s*(.+?)\s*$", match[2])
    metadata.setdefault("contentType", kind[1].decode() if kind else "application/octet-stream")
    length = spool.size - (len(tail) - end.start()) - match.end()
    return metadata, match.end(), length
