"""The JSON API's uploads in one request: uploadType=media and uploadType=multipart."""

import json
import re
from itertools import islice

from tests.servers.gcs.conditions import check_generation
from tests.servers.gcs.emulator import Emulator
from tests.servers.gcs.http import CHUNK_BYTES, Refused, Request, Resource, Response, Spool, json_response


class Uploads:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def respond(self, request: Request, bucket: str) -> Response:
        """Spool the body and store it as one object."""
        self._emulator.bucket(bucket)
        with Spool() as spool:
            for piece in request.body.pieces():
                spool.append(piece)
            metadata, start, length = self._describe(request, spool)
            metadata |= {"name": request.parameters.get("name") or metadata["name"]}
            return self.store(bucket, metadata, spool, (start, length), request.parameters.get("ifGenerationMatch"))

    def store(
        self, bucket: str, metadata: Resource, spool: Spool, part: tuple[int, int], generation: str | None
    ) -> Response:
        """Store `part` (start, length) of the spool if the object has the wanted generation.

        The emulator checks the md5Hash and crc32c that the metadata may declare: 400.
        """
        start, length = part
        with self._emulator.lock:
            check_generation(self._emulator.find(bucket, metadata["name"]), generation)
            return json_response(self._emulator.store(bucket, metadata, spool, start=start, length=length))

    def _describe(self, request: Request, spool: Spool) -> tuple[Resource, int, int]:
        if request.parameters["uploadType"] == "multipart":
            return _parse_multipart(spool, request.headers.get_boundary())
        return {"contentType": request.headers.get("Content-Type", "application/octet-stream")}, 0, spool.size


def _parse_multipart(spool: Spool, boundary: str | None) -> tuple[Resource, int, int]:
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
