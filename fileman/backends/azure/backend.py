"""Azure Blob Storage. See docs/backends/azure.md.

Importing this module imports the Azure SDK; `get_backend` does so when a file manager of this type is first used.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import BinaryIO

from fileman.backends.azure.blocks import BLOCK_MAX_BYTES, BLOCKS_MAX, AzureBlocks, block_id
from fileman.backends.azure.client import AzureConnection
from fileman.backends.azure.deletion import AzureDeleting
from fileman.backends.azure.diagnosis import AzureDiagnosis
from fileman.backends.azure.objects import AzureContainer
from fileman.backends.azure.publishing import AzurePublishing
from fileman.backends.azure.settings import AzureSettings, get_prefix, location_problems
from fileman.backends.azure.signing import READ, AzureSigner
from fileman.backends.azure.uploads import AzureRequests
from fileman.backends.azure.writing import AzureWriting
from fileman.backends.base import Backend
from fileman.backends.values import (
    BackendConfig,
    Budget,
    Capabilities,
    DeleteFailure,
    ServeAs,
    Slice,
    StoredObject,
    Strategy,
    Upload,
    UploadRequest,
)
from fileman.errors import PartsMissing


class AzureBackend(Backend):
    """Files go up by one Put Blob to the upload path, large ones in blocks that we commit there.

    Beyond what every backend raises: `assemble` raises PartsMissing, `publish` SizeMismatch when another file stands at
    the file path already. Azure computes no checksum that a client could not forge, so `stat` never shows one.
    """

    settings_class = AzureSettings
    settings: AzureSettings
    capabilities = Capabilities(
        supports_direct_upload=True,
        max_object_bytes=BLOCKS_MAX * BLOCK_MAX_BYTES,
        single_request_max_bytes=BLOCK_MAX_BYTES,
        large_strategy=Strategy.PARTS,
        part_max_bytes=BLOCK_MAX_BYTES,
        parts_max=BLOCKS_MAX,
    )

    def __init__(self, config: BackendConfig) -> None:
        super().__init__(config)
        self._connection = AzureConnection(self.settings)
        self._signer = AzureSigner(self._connection)
        self._container = AzureContainer(self._connection, self.prefix)
        self._blocks = AzureBlocks(self._connection)
        self._requests = AzureRequests(self._signer)
        self._writing = AzureWriting(self._blocks, self._container)
        self._publishing = AzurePublishing(self._connection, self._signer, self._container)
        self._deleting = AzureDeleting(self._connection)

    # Configuration

    @classmethod
    def location_problems(cls, config: BackendConfig) -> list[str]:
        settings = AzureSettings(**config.settings)
        return [] if settings.problems() else location_problems(config.backend_url, settings)

    @classmethod
    def get_prefix(cls, config: BackendConfig) -> str:
        return get_prefix(config.backend_url, AzureSettings(**config.settings))

    def location(self) -> str:
        """Such as "azure:https://account.blob.core.windows.net/container/prefix/"."""
        return f"azure:{self._connection.account.url}/{self.settings.container_name}/{self.prefix}"

    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Besides reading, writes and deletes a blob of a few bytes below `.uploads/`."""
        diagnosis = AzureDiagnosis(self._connection, self._signer, self.prefix)
        problems = diagnosis.problems(direct=self.config.supports_direct_upload)
        return not problems, problems

    # Upload

    def direct_requests(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        return self._requests.of(upload, missing)

    def missing(self, upload: Upload) -> list[Slice]:
        if upload.plan.strategy is Strategy.PARTS:
            return self._blocks.missing(upload)
        return [] if self._container.find(upload.upload_path) else list(upload.slices())

    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject | None:
        if upload.plan.strategy is Strategy.PARTS:
            self._writing.part(upload, part, stream)
            return None
        return self._writing.whole(upload, part, stream)

    def assemble(self, upload: Upload, budget: Budget) -> StoredObject:  # noqa: ARG002
        """Azure assembles by itself, in one call."""
        if upload.plan.strategy is Strategy.PARTS and not self._container.find(upload.upload_path):
            if self._blocks.missing(upload):
                raise PartsMissing
            blocks = [block_id(part) for part in upload.slices()]
            self._blocks.commit(upload.upload_path, blocks, content_type=upload.content_type)
        return self.stat(upload.upload_path)

    def publish(self, upload: Upload, verified: StoredObject, budget: Budget) -> StoredObject:
        return self._publishing.publish(upload, verified, budget)

    def abort(self, upload: Upload) -> None:
        self.delete([upload.upload_path])
        self._blocks.drop(upload.upload_path)

    # Objects

    def stat(self, path: str) -> StoredObject:
        return self._container.stat(path)

    def read(self, path: str, *, start: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        return self._container.read(path, start=start, length=length, etag=etag)

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        return self._deleting.delete(paths)

    def list_objects(self, prefix: str, *, older_than: datetime | None = None) -> Iterator[StoredObject]:
        return self._container.list(prefix, older_than=older_than)

    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        return self._signer.url(
            path,
            READ,
            expires_in=expires_in,
            now=now,
            content_type=serve_as.content_type,
            content_disposition=serve_as.content_disposition,
        )
