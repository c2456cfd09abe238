"""A stand-in for S3 that responds after a fixed time: `python -m tests.bench.stand_in PORT MILLISECONDS`.

Every key has the same bytes. It knows the requests of a finalize call: HEAD, GET, and copies as a whole or as a part.
"""

import hashlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from fileman.backends.s3.backend import S3Backend
from fileman.backends.s3.settings import S3Settings
from tests.servers.availability import REPOSITORY
from tests.servers.process import LOOPBACK, Program, answers_http, free_port, running, temporary_folder

CONTENT = b"x" * 1000
MD5 = hashlib.md5(CONTENT).hexdigest()
MD5_OF_ONE_PART = f"{hashlib.md5(bytes.fromhex(MD5)).hexdigest()}-1"
MODIFIED = "Tue, 01 Dec 2026 00:00:00 GMT"
COPIED = f'<Result><ETag>"{MD5}"</ETag><LastModified>2026-12-01T00:00:00Z</LastModified></Result>'


class AwsSettings(S3Settings):
    @property
    def is_aws(self) -> bool:
        return True


class AwsBackend(S3Backend):
    """Treats the stand-in as AWS itself, whose copies take fewer requests than those of compatible stores."""

    settings_class = AwsSettings


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seconds = 0.0
    assembled: set[str] = set()
    """Keys that were published as one part."""

    def _respond(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        time.sleep(self.seconds)
        key, query = urlsplit(self.path).path, urlsplit(self.path).query
        body, etag, more = b"", MD5, ""
        if self.command == "PUT":
            body = COPIED.encode()
        elif self.command == "POST" and query.startswith("uploadId"):
            self.assembled.add(key)
            body = f'<CompleteMultipartUpload><ETag>"{MD5_OF_ONE_PART}"</ETag></CompleteMultipartUpload>'.encode()
        elif self.command == "POST":
            body = b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
        else:
            body = CONTENT
            if key in self.assembled:
                etag, more = MD5_OF_ONE_PART, f"x-amz-meta-fileman-md5: {MD5}\r\n"
        head = f'HTTP/1.1 200 OK\r\nETag: "{etag}"\r\nLast-Modified: {MODIFIED}\r\nx-amz-request-id: 1\r\n{more}'
        sent = b"" if self.command == "HEAD" else body
        # One write: a head and a body apart would wait for each other's acknowledgement.
        self.wfile.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + sent)

    do_GET = do_HEAD = do_PUT = do_POST = _respond  # noqa: N815  http.server's names


@contextmanager
def serve(milliseconds: float) -> Iterator[str]:
    """Yield the endpoint URL."""
    port = free_port()
    with temporary_folder("stand-in") as folder:
        words = ["-m", "tests.bench.stand_in", str(port), str(milliseconds)]
        program = Program(command=[sys.executable, *words], folder=folder, environment={"PYTHONPATH": str(REPOSITORY)})
        with running(program, ready=lambda: answers_http(port)):
            yield f"http://{LOOPBACK}:{port}"


if __name__ == "__main__":
    _Handler.seconds = float(sys.argv[2]) / 1000
    ThreadingHTTPServer((LOOPBACK, int(sys.argv[1])), _Handler).serve_forever()
