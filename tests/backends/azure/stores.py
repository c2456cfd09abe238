"""A container, backends over it, and faults that are Azure's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from azure.storage.blob import BlobClient, ContainerClient, generate_blob_sas

from fileman.backends.azure.backend import AzureBackend
from fileman.backends.base import Backend
from fileman.backends.values import Upload
from tests.backends.uploads import make_backend, upload_of
from tests.servers import AzureServer
from tests.servers.proxy import Answer, Fault, answer_with

BODY = b"0123456789" * 10
TYPE = "text/plain"
PART_BYTES = 60
OF_AZURE = {"x-ms-request-id": "1", "Date": "Fri, 02 Jan 2026 00:00:00 GMT"}


@dataclass(frozen=True, kw_only=True)
class Store:
    server: AzureServer
    container: ContainerClient
    """New and empty; opened with the account key."""

    @property
    def name(self) -> str:
        return str(self.container.container_name)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of a good file manager."""
        return {
            "account_name": self.server.account_name,
            "account_key": self.server.account_key,
            "endpoint": self.server.endpoint_url,
            "container_name": self.name,
        }

    def backend(self, *, backend_url: str = "", supports_direct_upload: bool = True, **settings: Any) -> AzureBackend:
        return make_backend(AzureBackend, {**self.settings, **settings}, backend_url, direct=supports_direct_upload)

    def blob(self, path: str) -> BlobClient:
        """Return a client of a blob, opened with the account key."""
        return self.container.get_blob_client(path)

    def put(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Write a blob in one request, as an uploader could with more permissions than fileman signs."""
        plain = {"x-ms-blob-type": "BlockBlob", "x-ms-blob-content-type": TYPE}
        response = requests.put(self.url(path, "cw"), data=body, headers={**plain, **(headers or {})}, timeout=60)
        assert response.status_code == 201

    def url(self, path: str, permission: str, *, seconds: int = 600) -> str:
        """Return a URL with permissions that the backend would not sign."""
        query = generate_blob_sas(
            self.server.account_name,
            self.name,
            path,
            account_key=self.server.account_key,
            permission=permission,
            expiry=datetime.now(UTC) + timedelta(seconds=seconds),
        )
        return f"{self.server.endpoint_url}/{self.name}/{path}?{query}"


def make_upload(backend: Backend, *, size: int = len(BODY), parts: bool = False, **changes: Any) -> Upload:
    """Return an upload of BODY: in one request, or in two parts."""
    owner, part_size = str(backend.config.manager_id), PART_BYTES if parts else 0
    return upload_of(size, part_size=part_size, prefix=backend.prefix, owner=owner, **changes)


def refuse(
    status: int, code: str = "", *, headers: Mapping[str, str] | None = None, body: bytes = b"", after: bool = False
) -> Fault:
    """Answer as Azure would; `after` it has carried the request out."""
    of_azure = {**OF_AZURE, **({"x-ms-error-code": code} if code else {}), **(headers or {})}
    return answer_with(Answer(status=status, headers=tuple(of_azure.items()), body=body), after_effect=after)
