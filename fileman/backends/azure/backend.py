"""Azure Blob Storage. See docs/backends/azure.md.

Importing this module imports the Azure SDK. `get_backend` does so when a file manager of this type is first used.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import BinaryIO

from fileman.backends.azure.client import AzureClient
from fileman.backends.azure.diagnosis import AzureDiagnosis
from fileman.backends.azure.objects import AzureObjects
from fileman.backends.azure.publishing import AzurePublisher
from fileman.backends.azure.settings import AzureSettings, get_prefix, location_problems
from fileman.backends.azure.signing import KEY_SECONDS, READ, AzureSigner
from fileman.backends.azure.uploads import BLOCK_MAX_BYTES, BLOCKS_MAX, AzureUploads
from fileman.backends.base import Backend
from fileman.backends.values import (
    BackendConfig,
    Capabilities,
    DeleteFailure,
    ServeAs,
    Slice,
    StoredObject,
    Strategy,
    Upload,
    UploadRequest,
)
from fileman.errors import FileMissing, PartsMissing, UploadInProgress


class AzureBackend(Backend):
    """Small files are one Put Blob to the upload path, large ones are blocks that the server commits there.

    `assemble` also raises PartsMissing. `stat` returns no checksums: Azure stores the ones that a client claims.
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
        self._client = AzureClient(self.settings)
        self._signer = AzureSigner(self._client)
        self._objects = AzureObjects(self._client, self.prefix)
        self._uploads = AzureUploads(self._client, self._signer)
        self._publisher = AzurePublisher(self._client, self._signer, self._objects)

    # Configuration

    @classmethod
    def location_problems(cls, config: BackendConfig) -> list[str]:
        settings = AzureSettings(**config.settings)
        return [] if settings.problems() else location_problems(config.backend_url, settings)

    @classmethod
    def get_prefix(cls, config: BackendConfig) -> str:
        return get_prefix(config.backend_url, AzureSettings(**config.settings))

    def location(self) -> str:
        """Return, for example, "azure:https://account.blob.core.windows.net/container/prefix/"."""
        return f"azure:{self._client.account.url}/{self.settings.container_name}/{self.prefix}"

    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Ask Azure, which includes writing and deleting blobs of a few bytes below `.uploads/`."""
        diagnosis = AzureDiagnosis(self._client, self._signer, self.prefix)
        problems = diagnosis.problems(direct=self.config.supports_direct_upload)
        return not problems, problems

    # Upload

    def direct_requests(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        return self._uploads.build_requests(upload, missing)

    def missing(self, upload: Upload) -> list[Slice]:
        if upload.plan.strategy is Strategy.PARTS:
            return self._uploads.missing_parts(upload)
        return [] if self.find(upload.upload_path) else list(upload.slices())

    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject | None:
        if upload.plan.strategy is Strategy.PARTS:
            self._uploads.write_part(upload, part, stream)
            return None
        if self.find(upload.upload_path):
            raise UploadInProgress
        return self._uploads.write_whole(upload, part, stream)

    def assemble(self, upload: Upload) -> StoredObject:
        """Commit the blocks, in one call whatever their number."""
        in_parts = upload.plan.strategy is Strategy.PARTS
        if in_parts:
            self._uploads.commit_parts(upload)
        found = self.find(upload.upload_path)
        upload.progress.clear()
        if found is None:
            raise PartsMissing if in_parts else FileMissing
        return found

    def publish(self, upload: Upload, verified: StoredObject) -> StoredObject:
        return self._publisher.publish(upload, verified)

    def abort(self, upload: Upload) -> None:
        if not self.delete([upload.upload_path]):
            self._uploads.drop_blocks(upload.upload_path)

    # Objects

    def stat(self, path: str) -> StoredObject:
        return self._objects.stat(path)

    def read(self, path: str, *, start: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        return self._objects.read(path, start=start, length=length, etag=etag)

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        return self._objects.delete(paths)

    def list_objects(self, prefix: str, *, older_than: datetime | None = None) -> Iterator[StoredObject]:
        return self._objects.list_objects(prefix, older_than=older_than)

    def signing_seconds(self, now: datetime) -> int:
        return super().signing_seconds(now) if self.settings.account.key else KEY_SECONDS

    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        return self._signer.url(
            path,
            READ,
            expires_in=expires_in,
            now=now,
            content_type=serve_as.content_type,
            content_disposition=serve_as.content_disposition,
        )
