"""A new bucket of the stand-in, and ways around the backend under test."""

from dataclasses import dataclass
from typing import Any

import requests

from fileman.backends.gcs.backend import GCSBackend
from tests.backends.uploads import BODY, PREFIX, make_backend
from tests.servers.gcs import PROJECT, GcsServer


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
            "project_id": PROJECT,
            "credentials": self.server.service_account_info,
            "endpoint": self.server.endpoint_url,
        } | more
        return {key: value for key, value in settings.items() if value is not None}

    def backend(self, *, direct: bool = True, prefix: str = PREFIX, **settings: Any) -> GCSBackend:
        url = f"gs://{settings.get('bucket_name', self.bucket.name)}/{prefix}"
        return make_backend(GCSBackend, self.settings(**settings), url, direct=direct)

    def has(self, name: str) -> bool:
        return self.bucket.get_blob(name) is not None

    def names(self) -> list[str]:
        return [blob.name for blob in self.bucket.list_blobs()]

    def put(self, name: str, data: bytes = BODY, *, content_type: str = "text/plain") -> Any:
        """Write an object as no client could, and return the blob."""
        blob = self.bucket.blob(name)
        blob.upload_from_string(data, content_type=content_type)
        return blob


def allowed_origin(session: str, origin: str) -> str | None:
    """Return the origin that a session admits, asked by the preflight of a browser."""
    asked = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    return requests.options(session, headers=asked, timeout=60).headers.get("Access-Control-Allow-Origin")
