"""Uploads and their requests for the tests of all backends."""

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import requests

from fileman.backends.base import Backend
from fileman.backends.diagnosis import new_upload
from fileman.backends.values import BackendConfig, PartPlan, StoredObject, Strategy, Upload, UploadRequest
from fileman.checksums import Checksum
from fileman.testing.case import digest

BODY = b"The bytes that were granted."
PREFIX = "tenant/"
ORIGIN = "https://app.example.com"
B = TypeVar("B", bound=Backend)
Pairs = Mapping[str, str | None] | None


def make_backend(kind: type[B], settings: Mapping[str, Any], url: str = "", *, direct: bool = True) -> B:
    """Return the backend of a new file manager; a setting that is None counts as not set."""
    given = {name: value for name, value in settings.items() if value is not None}
    return kind(BackendConfig(manager_id=uuid4(), backend_url=url, settings=given, supports_direct_upload=direct))


def upload_of(
    size: int = len(BODY), *, part_size: int = 0, session: bool = False, prefix: str = PREFIX, **changes: Any
) -> Upload:
    """Return a text that has not begun; with `part_size` one in parts."""
    strategy = Strategy.SESSION if session else Strategy.PARTS if part_size else Strategy.SINGLE
    part_size = part_size or size
    plan = PartPlan(strategy=strategy, part_size=part_size, total_parts=-(-size // part_size))
    return new_upload(size, plan=plan, prefix=prefix, **changes)


def next_try(upload: Upload) -> Upload:
    """Return the upload as the next call has it when the progress is empty: with another file path."""
    assert upload.progress == {}
    return replace(upload, file_path=upload.file_path.replace("/1/", "/2/"), progress={})


def checksum_of(body: bytes, algorithm: str) -> Checksum:
    return Checksum(algorithm=algorithm, hexdigest=digest(algorithm, body))


def begun(backend: Backend, upload: Upload, *, origin: str | None = ORIGIN) -> Upload:
    return replace(upload, begun=backend.begin(upload, origin=origin))


def only_request(backend: Backend, upload: Upload) -> UploadRequest:
    (request,) = backend.instructions(upload, backend.missing(upload))
    return request


def part_of(body: bytes, request: UploadRequest) -> bytes:
    return body[request.slice.offset :][: request.slice.length]


def send(
    request: UploadRequest, body: bytes, *, method: str = "", url: str = "", headers: Pairs = None, fields: Pairs = None
) -> requests.Response:
    """Send a request as instructed, with some headers and fields changed; None omits one."""
    stated: dict[str, Any] = {**dict(request.headers), **(headers or {})}
    sent = {name: value for name, value in stated.items() if value is not None}
    method, url = method or request.method, url or request.url
    if not request.fields:
        return requests.request(method, url, data=body, headers=sent, timeout=60)
    form = {**dict(request.fields), **(fields or {})}
    parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in form.items() if value is not None]
    return requests.post(url, files=[*parts, (request.file_field or "", ("file", body))], headers=sent, timeout=60)


def uploaded(backend: Backend, upload: Upload, body: bytes = BODY) -> Upload:
    """Begin an upload and send its bytes as granted."""
    upload = begun(backend, upload)
    for request in backend.instructions(upload, backend.missing(upload)):
        assert send(request, part_of(body, request)).status_code in request.success_status
    return upload


def query_of(url: str) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


def read(backend: Backend, path: str) -> bytes:
    return b"".join(backend.read(path))


Found = list[tuple[str, str]]
"""Id and sentence of each problem, with {place} for the location of the backend."""


def find_problems(backend: Backend) -> Found:
    works, problems = backend.validate_configuration()
    assert works is (problems == [])
    return [(getattr(problem, "id", ""), str(problem).replace(backend.location(), "{place}")) for problem in problems]


NO_DOWNLOADS = ("cors.download", f"No CORS rule allows GET from {ORIGIN}. Its scripts cannot download.")
LOCKED = "keeps its objects, so deletions wait until it allows them. No test objects were written."


def no_uploads(method: str, headers: str = "") -> tuple[str, str]:
    """Return the problem that no CORS rule allows these uploads."""
    with_headers = f" with the headers {headers}" if headers else ""
    return "cors.upload", f"No CORS rule allows {method} from {ORIGIN}{with_headers}. Its pages cannot upload."


Call = Callable[[Backend, Upload], object]
CALLS: dict[str, Call] = {
    "stat": lambda backend, upload: backend.stat(upload.upload_path),
    "find": lambda backend, upload: backend.find(upload.upload_path),
    "missing": lambda backend, upload: backend.missing(upload),
    "assemble": lambda backend, upload: backend.assemble(upload),
    "publish": lambda backend, one: backend.publish(one, StoredObject(path=one.upload_path, size=28, etag="1")),
    "read": lambda backend, upload: list(backend.read(upload.upload_path)),
    "list": lambda backend, upload: list(backend.list_objects(backend.prefix)),
    "delete": lambda backend, upload: backend.delete([upload.upload_path]),
    "delete two": lambda backend, upload: backend.delete([upload.upload_path, upload.file_path]),
    "abort": lambda backend, upload: backend.abort(upload),
    "write": lambda backend, upload: backend.write(upload_of(), upload_of().slice(1), io.BytesIO(BODY)),
    "begin large": lambda backend, upload: backend.begin(upload, origin=None),
    "missing of large": lambda backend, upload: backend.missing(upload),
    "assemble large": lambda backend, upload: backend.assemble(upload),
    "abort large": lambda backend, upload: backend.abort(upload),
}
"""Of an upload in one request, or of a "large" one, whose bytes have arrived."""
