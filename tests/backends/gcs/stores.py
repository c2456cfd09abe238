"""A new bucket of the stand-in, and ways around the backend under test."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import requests
from django.conf import settings as django_settings
from django.test import override_settings

from fileman.backends.gcs.backend import GCSBackend
from fileman.backends.values import BackendConfig, PartPlan, StoredObject, Strategy, Upload, UploadRequest
from fileman.checksums import Checksum, hasher
from tests.servers.gcs import GcsServer

PREFIX = "tenant/"
BODY = b"The bytes that were granted."
ORIGIN = "https://app.example.com"


@dataclass(frozen=True, kw_only=True)
class Store:
    """One bucket of the stand-in."""

    server: GcsServer
    bucket: Any
    """The bucket in Google's own client, to look behind the backend's back."""

    def settings(self, **more: Any) -> dict[str, Any]:
        """The settings of a file manager for this bucket; None removes a key."""
        settings = {
            "bucket_name": self.bucket.name,
            "project_id": self.server.project_id,
            "credentials": self.server.service_account_info,
            "endpoint": self.server.endpoint,
        } | more
        return {key: value for key, value in settings.items() if value is not None}

    def backend(self, *, direct: bool = True, prefix: str = PREFIX, **settings: Any) -> GCSBackend:
        return GCSBackend(
            BackendConfig(
                manager_id=uuid.uuid4(),
                backend_url=f"gs://{settings.get('bucket_name', self.bucket.name)}/{prefix}",
                settings=self.settings(**settings),
                supports_direct_upload=direct,
            )
        )

    def has(self, name: str) -> bool:
        return self.bucket.get_blob(name) is not None

    def names(self) -> list[str]:
        return [blob.name for blob in self.bucket.list_blobs()]

    def put(self, name: str, data: bytes = BODY, *, content_type: str = "text/plain") -> Any:
        """Write an object as no client could, and return the blob."""
        blob = self.bucket.blob(name)
        blob.upload_from_string(data, content_type=content_type)
        return blob


def changed(**settings: Any) -> Any:
    """Change settings of fileman for a time."""
    return override_settings(FILEMAN_SETTINGS={**django_settings.FILEMAN_SETTINGS, **settings})


def impatient(seconds: float = 0.3, *, read: float | None = None) -> Any:
    """Change the time-outs to connect and to read."""
    return changed(STORAGE_CONNECT_TIMEOUT_SECONDS=seconds, STORAGE_READ_TIMEOUT_SECONDS=read or seconds)


def checksum_of(body: bytes, algorithm: str) -> Checksum:
    digest = hasher(algorithm)
    digest.update(body)
    return Checksum(algorithm=algorithm, hexdigest=digest.hexdigest())


def upload_of(
    size: int = len(BODY),
    *,
    session: bool = False,
    content_type: str = "text/plain",
    checksum: Checksum | None = None,
    expires_in: int = 60,
    now: datetime | None = None,
    prefix: str = PREFIX,
) -> Upload:
    """An upload that has not begun."""
    file_id = uuid.uuid4()
    strategy = Strategy.SESSION if session else Strategy.SINGLE
    return Upload(
        file_id=file_id,
        upload_path=f"{prefix}.uploads/manager/{file_id}",
        file_path=f"{prefix}uploads/{file_id}/1/notes.txt",
        parts_path=f"{prefix}uploads/{file_id}/0/notes.txt",
        folder=f"{prefix}uploads/{file_id}/",
        filename="notes.txt",
        size=size,
        content_type=content_type,
        checksum=checksum,
        plan=PartPlan(strategy=strategy, part_size=size, total_parts=1),
        begun={},
        now=now or datetime.now(UTC),
        expires_in=expires_in,
    )


def begun(backend: GCSBackend, upload: Upload, *, origin: str | None = ORIGIN) -> Upload:
    return replace(upload, begun=backend.begin(upload, origin=origin))


def only_request(backend: GCSBackend, upload: Upload) -> UploadRequest:
    (request,) = backend.instructions(upload, backend.missing(upload))
    return request


def send(
    request: UploadRequest,
    body: bytes,
    *,
    method: str = "",
    url: str = "",
    headers: Mapping[str, str | None] | None = None,
) -> requests.Response:
    """Send a request as instructed, with some headers changed; None omits one."""
    stated = {**dict(request.headers), **(headers or {})}
    sent = {name: value for name, value in stated.items() if value is not None}
    return requests.request(method or request.method, url or request.url, data=body, headers=sent, timeout=10)


Call = Callable[[GCSBackend], object]
CALLS: dict[str, Call] = {
    "stat": lambda backend: backend.stat("a"),
    "list": lambda backend: list(backend.list_objects("a/")),
    "rewrite": lambda backend: backend.publish(upload_of(), StoredObject(path="a", size=1, etag="1")),
    "delete": lambda backend: backend.delete(["a"]),
    "read": lambda backend: list(backend.read("a")),
    "begin": lambda backend: begun(backend, upload_of(session=True)),
}
"""One call of each kind."""


def uploaded(backend: GCSBackend, upload: Upload, body: bytes = BODY) -> Upload:
    """Send the bytes, and return the upload."""
    assert send(only_request(backend, upload), body).status_code == 200
    return upload


def allowed_origin(session: str, origin: str) -> str | None:
    """Return the origin that a session admits, asked by the preflight of a browser."""
    asked = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    return requests.options(session, headers=asked, timeout=10).headers.get("Access-Control-Allow-Origin")
