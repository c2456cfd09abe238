"""A new bucket on a real server, with a client of its own beside the backend under test."""

import uuid
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fileman.backends.base import Backend
from fileman.backends.s3.backend import S3Backend
from fileman.backends.values import StoredObject, Upload
from tests.backends import uploads
from tests.backends.uploads import BODY, PREFIX, make_backend, upload_of
from tests.servers.buckets import client_of
from tests.servers.endpoints import S3Server

PART_BYTES = 5 * 1024**2


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

    def backend(self, *, direct: bool = True, prefix: str = PREFIX, **settings: Any) -> S3Backend:
        url = f"s3://{settings.get('bucket_name', self.bucket)}/{prefix}"
        return make_backend(S3Backend, self.settings(**settings), url, direct=direct)

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


def status_of(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def new_store(server: S3Server) -> Store:
    bucket = f"bucket-{uuid.uuid4()}"
    client = client_of(server)
    client.create_bucket(Bucket=bucket)
    return Store(server=server, client=client, bucket=bucket)


def uploaded(backend: Backend, body: bytes = BODY, **changes: Any) -> Upload:
    """Return an upload whose bytes have been sent as granted."""
    return uploads.uploaded(backend, upload_of(len(body), **changes), body)


def assembled(backend: Backend, body: bytes = BODY, **changes: Any) -> tuple[Upload, StoredObject]:
    """Return such an upload and its object, which finalize would verify and publish now."""
    upload = uploaded(backend, body, **changes)
    return upload, backend.assemble(upload)


def as_on_aws(backend: S3Backend) -> S3Backend:
    """Return a backend for the same store that trusts it as it trusts AWS."""
    settings = {**backend.config.settings, "endpoint_url": None}
    trusting = S3Backend(replace(backend.config, backend_url="", settings=settings))
    trusting._client = backend._client
    return trusting


def on(*names: str, quick: int = 9) -> pytest.MarkDecorator:
    """Run the test on each of these servers, under make test only on the first ones."""
    servers = [pytest.param(name, marks=pytest.mark.long if at >= quick else ()) for at, name in enumerate(names)]
    return pytest.mark.parametrize("server_name", servers)


def create_locked_bucket(store: Store) -> str:
    """Create a bucket that keeps every version for a day."""
    bucket = f"{store.bucket}-locked"
    store.client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
    store.client.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=lock)
    return bucket
