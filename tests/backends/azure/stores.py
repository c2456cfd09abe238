"""A container, backends over it, and faults that are Azure's own."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import requests
from azure.storage.blob import BlobClient, ContainerClient, generate_blob_sas

from fileman.backends.azure.backend import AzureBackend
from fileman.backends.values import BackendConfig, PartPlan, Strategy, Upload, UploadRequest
from fileman.checksums import Checksum
from tests.servers import AzureServer
from tests.servers.proxy import Answer, Exchange, Fault, answer_with

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
        return AzureBackend(
            BackendConfig(
                manager_id=uuid4(),
                backend_url=backend_url,
                settings={**self.settings, **settings},
                supports_direct_upload=supports_direct_upload,
            )
        )

    def blob(self, path: str) -> BlobClient:
        """Return a client of a blob, opened with the account key."""
        return self.container.get_blob_client(path)

    def put(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Write a blob in one request, as an uploader could with more permissions than fileman signs."""
        plain = {"x-ms-blob-type": "BlockBlob", "x-ms-blob-content-type": TYPE}
        response = requests.put(self.url(path, "cw"), data=body, headers={**plain, **(headers or {})}, timeout=10)
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


def make_upload(
    backend: AzureBackend,
    *,
    size: int = len(BODY),
    parts: bool = False,
    checksum: str | None = None,
    expires_in: int = 600,
    now: datetime | None = None,
) -> Upload:
    """Return an upload of BODY: in one request, or in two parts."""
    file_id = uuid4()
    part_size = PART_BYTES if parts else size
    strategy = Strategy.PARTS if parts else Strategy.SINGLE
    folder = f"{backend.prefix}uploads/{file_id}/"
    return Upload(
        file_id=file_id,
        upload_path=f"{backend.prefix}.uploads/{backend.config.manager_id}/{file_id}",
        file_path=f"{folder}1/notes_20260102.txt",
        parts_path=f"{folder}0/notes_20260102.txt",
        folder=folder,
        filename="notes.txt",
        size=size,
        content_type=TYPE,
        checksum=Checksum.parse(checksum) if checksum else None,
        plan=PartPlan(strategy=strategy, part_size=part_size, total_parts=-(-size // part_size)),
        begun={},
        now=now or datetime.now(UTC),
        expires_in=expires_in,
    )


def send(request: UploadRequest, body: bytes) -> int:
    """Send a request unchanged and return the status."""
    return requests.put(request.url, data=body, headers=dict(request.headers), timeout=10).status_code


def refuse(
    status: int, code: str = "", *, headers: Mapping[str, str] | None = None, body: bytes = b"", after: bool = False
) -> Fault:
    """Answer as Azure would; `after` it has carried the request out."""
    of_azure = {**OF_AZURE, **({"x-ms-error-code": code} if code else {}), **(headers or {})}
    return answer_with(Answer(status=status, headers=tuple(of_azure.items()), body=body), after_effect=after)


def alter(headers: Mapping[str, str] | None = None, *, hidden: Collection[str] = ()) -> Fault:
    """Replace and hide headers of the answer, as Azure sends it at times and Azurite never."""
    changed = headers or {}
    gone = {name.lower() for name in (*changed, *hidden)}

    def altered(exchange: Exchange) -> None:
        answer = exchange.forward()
        kept = tuple((name, value) for name, value in answer.headers if name.lower() not in gone)
        exchange.respond(replace(answer, headers=(*kept, *changed.items())))

    return altered
