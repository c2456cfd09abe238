"""A new bucket on a real server, with a client of its own beside the backend under test."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from fileman.backends.s3.backend import S3Backend
from fileman.backends.s3.copies import S3Copies
from fileman.backends.s3.multipart import S3Multipart
from fileman.backends.values import BackendConfig, PartPlan, StoredObject, Strategy, Upload, UploadRequest
from fileman.checksums import Checksum, hasher
from tests.servers.endpoints import S3Server

PREFIX = "tenant/"
PART_BYTES = 5 * 1024**2
BODY = b"The bytes that were granted."


@dataclass(frozen=True, kw_only=True)
class Store:
    """One bucket of one server."""

    server: S3Server
    client: Any
    """The SDK's own client, independent of the backend."""
    bucket: str

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return the settings of a file manager for this bucket; None removes a key."""
        settings = {
            "bucket_name": self.bucket,
            "endpoint_url": self.server.endpoint_url,
            "region_name": self.server.region_name,
            "access_key_id": self.server.access_key_id,
            "secret_access_key": self.server.secret_access_key,
            "upload_method": "post" if self.server.takes_post else "put",
        } | more
        return {key: value for key, value in settings.items() if value is not None}

    def backend(self, *, direct: bool = True, **settings: Any) -> S3Backend:
        return S3Backend(
            BackendConfig(
                manager_id=uuid.uuid4(),
                backend_url=f"s3://{settings.get('bucket_name', self.bucket)}/{PREFIX}",
                settings=self.settings(**settings),
                supports_direct_upload=direct,
            )
        )

    def head(self, key: str) -> dict[str, Any] | None:
        try:
            head: dict[str, Any] = self.client.head_object(Bucket=self.bucket, Key=key)
        except ClientError:
            return None
        return head

    def has(self, key: str) -> bool:
        return self.head(key) is not None

    def unfinished_uploads(self) -> list[str]:
        """Return the keys of the multipart uploads that were neither completed nor aborted."""
        try:
            listed = self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        except self.client.exceptions.NoSuchUpload:  # from rclone, if there are none
            return []
        return [entry["Key"] for entry in listed]


@cache
def client_of(server: S3Server) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        region_name=server.region_name,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def status_of(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def new_store(server: S3Server) -> Store:
    bucket = f"bucket-{uuid.uuid4()}"
    client = client_of(server)
    client.create_bucket(Bucket=bucket)
    return Store(server=server, client=client, bucket=bucket)


def checksum_of(body: bytes, algorithm: str) -> Checksum:
    digest = hasher(algorithm)
    digest.update(body)
    return Checksum(algorithm=algorithm, hexdigest=digest.hexdigest())


def upload_of(size: int, *, part_size: int = 0, **changes: Any) -> Upload:
    """Return a new upload; with `part_size` one in parts."""
    file_id = uuid.uuid4()
    folder = f"{PREFIX}uploads/{file_id}/"
    plan = PartPlan(
        strategy=Strategy.PARTS if part_size else Strategy.SINGLE,
        part_size=part_size or size,
        total_parts=-(-size // part_size) if part_size else 1,
    )
    upload = Upload(
        file_id=file_id,
        upload_path=f"{PREFIX}.uploads/manager/{file_id}",
        file_path=f"{folder}1/notes.txt",
        parts_path=f"{folder}0/notes.txt",
        folder=folder,
        filename="notes.txt",
        size=size,
        content_type="text/plain",
        checksum=None,
        plan=plan,
        begun={},
        now=datetime.now(UTC),
        expires_in=60,
    )
    return replace(upload, **changes)


def send(
    request: UploadRequest,
    body: bytes,
    *,
    url: str | None = None,
    fields: Mapping[str, str | None] | None = None,
    headers: Mapping[str, str | None] | None = None,
) -> int:
    """Send a request with some fields or headers changed, where None leaves one out. Return the status."""
    sent_headers: dict[str, Any] = {**dict(request.headers), **(headers or {})}
    if not request.fields:
        return requests.request(
            request.method, url or request.url, data=body, headers=sent_headers, timeout=10
        ).status_code
    form = {**dict(request.fields), **(fields or {})}
    parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in form.items() if value is not None]
    parts.append((request.file_field or "", ("file", body)))
    return requests.post(url or request.url, files=parts, headers=sent_headers, timeout=10).status_code


def uploaded(backend: S3Backend, body: bytes = BODY, **changes: Any) -> Upload:
    """Return an upload whose bytes have been sent as granted."""
    upload = upload_of(len(body), **changes)
    upload = replace(upload, begun=backend.begin(upload, origin=None))
    for request in backend.instructions(upload, backend.missing(upload)):
        assert send(request, part_of(body, request)) in request.success_status
    return upload


def assembled(backend: S3Backend, body: bytes = BODY, **changes: Any) -> tuple[Upload, StoredObject]:
    """Return such an upload and its object, which finalize would verify and publish now."""
    upload = uploaded(backend, body, **changes)
    return upload, backend.assemble(upload)


def copies_as_on_aws(backend: S3Backend) -> S3Copies:
    """Return the copies of a backend that trusts its store as it trusts AWS."""
    settings = replace(backend.settings, endpoint_url=None)
    return S3Copies(backend._client, settings, backend._objects, backend._multipart)


def multipart_as_on_aws(backend: S3Backend) -> S3Multipart:
    """Return the multipart uploads of a backend that trusts its store's checksums as those of AWS."""
    return S3Multipart(backend._client, replace(backend.settings, endpoint_url=None), backend._objects)


def read(backend: S3Backend, path: str) -> bytes:
    return b"".join(backend.read(path))


def part_of(body: bytes, request: UploadRequest) -> bytes:
    return body[request.slice.offset : request.slice.offset + request.slice.length]


def on(*names: str) -> pytest.MarkDecorator:
    """Run the test on each of these servers."""
    return pytest.mark.parametrize("server_name", names)
