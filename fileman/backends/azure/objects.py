"""The blobs of one container: properties, ranges, lists and deletion."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient, BlobLeaseClient, BlobProperties, BlobType, StorageStreamDownloader

from fileman.backends.azure.client import AzureClient
from fileman.backends.azure.errors import azure_errors, get_status_and_code, has_code
from fileman.backends.azure.settings import AzureSettings
from fileman.backends.base import Backend
from fileman.backends.values import BackendConfig, DeleteFailure, StoredObject
from fileman.errors import FileMissing, StorageMisconfigured

# Metadata of a copy at a file path until it is published.
UNPUBLISHED = "fileman_unpublished"
COPY_ENDED_BADLY = {"failed", "aborted"}
# Requests in one batch (Azure: "Blob Batch").
DELETE_BATCH = 256
_DELETED = {200, 202}
# Any other 404 says that something is wrong with the request.
_ABSENT = (404, "BlobNotFound")
_BATCHES_UNSUPPORTED = {400, 404, 405, 501}


class AzureObjects(Backend):
    """The part of the backend that reads and deletes blobs. Its subclasses write them."""

    settings_class = AzureSettings
    settings: AzureSettings

    def __init__(self, config: BackendConfig) -> None:
        super().__init__(config)
        self._client = AzureClient(self.settings)
        self._uploads = f"{self.prefix}.uploads/"

    def stat(self, path: str) -> StoredObject:
        """Return the facts of a blob without checksums: Azure stores the ones that a client claims.

        An unpublished copy counts as missing. Raises FileMissing.
        """
        with azure_errors():
            try:
                found = self._client.blob(path).get_blob_properties()
            except HttpResponseError as error:
                if not has_code(error, "BlobUsesCustomerSpecifiedEncryption"):
                    raise
                return StoredObject(path=path, size=0, etag="", irregular="it is encrypted with a key of its uploader")
        is_unpublished = UNPUBLISHED in found.metadata or found.copy.status in {"pending", *COPY_ENDED_BADLY}
        if is_unpublished and not path.startswith(self._uploads):
            raise FileMissing
        return self._to_stored(path, found)

    def read(self, path: str, *, start: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        """Return chunks of a blob. The first request is sent now, the others as the chunks are read."""
        if length == 0:
            return iter(())
        pinned: Any = {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified} if etag else {}
        with azure_errors():
            try:
                download = self._client.blob(path).download_blob(start, length, decompress=False, **pinned)
            except HttpResponseError as error:
                if get_status_and_code(error)[0] == 416:  # the blob ends before `start`
                    return iter(())
                raise
        return _iterate(download)

    def list_objects(self, prefix: str, *, older_than: datetime | None = None) -> Iterator[StoredObject]:
        """Yield the blobs below a prefix. One that has uncommitted blocks alone has size 0."""
        included = ["copy", "uncommittedblobs"]
        with azure_errors():
            for found in self._client.container.list_blobs(name_starts_with=prefix, include=included):
                if older_than is None or (found.last_modified and found.last_modified < older_than):
                    yield self._to_stored(found.name, found)

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        """Delete blobs, with their snapshots, and return the failures. A missing blob is no failure."""
        unique = list(dict.fromkeys(paths))
        failures: list[DeleteFailure] = []
        for first in range(0, len(unique), DELETE_BATCH):
            with azure_errors():
                remaining = self._delete_batch(unique[first : first + DELETE_BATCH])
                failures += [failure for path in remaining if (failure := self._delete_one(path))]
        return failures

    def _delete_batch(self, batch: Sequence[str]) -> Sequence[str]:
        """Send a batch request and return the paths it may have failed to delete: none or all.

        The SDK does not say which response belongs to which blob.
        """
        if len(batch) == 1:
            return batch
        container = self._client.container
        try:
            responses = list(container.delete_blobs(*batch, delete_snapshots="include", raise_on_any_failure=False))
        except HttpResponseError as error:
            if get_status_and_code(error)[0] in _BATCHES_UNSUPPORTED and not has_code(error, "ContainerNotFound"):
                return batch
            raise
        outcomes = [(response.status_code, response.headers.get("x-ms-error-code", "")) for response in responses]
        if any(code == "ContainerNotFound" for _, code in outcomes):
            raise StorageMisconfigured
        are_gone = all(status in _DELETED or (status, code) == _ABSENT for status, code in outcomes)
        # Azure rejects a whole batch with a single response.
        return [] if len(outcomes) == len(batch) and are_gone else batch

    def _delete_one(self, path: str) -> DeleteFailure | None:
        """Delete a blob, even one that is protected by a lease or by a pending copy."""
        blob = self._client.blob(path)
        try:
            try:
                blob.delete_blob(delete_snapshots="include")
            except HttpResponseError as error:
                if get_status_and_code(error)[0] not in {409, 412}:
                    raise
                _release(blob)
                blob.delete_blob(delete_snapshots="include")
        except HttpResponseError as error:
            status, code = get_status_and_code(error)
            if code == "ContainerNotFound":
                raise
            if (status, code) != _ABSENT:
                return DeleteFailure(path=path, reason=f"Azure returned {status} {code}.")
        return None

    def _to_stored(self, path: str, found: BlobProperties) -> StoredObject:
        return StoredObject(
            path=path,
            size=found.size,
            etag=(found.etag or "").strip('"'),
            version=found.version_id or "",
            content_type=found.content_settings.content_type or "",
            content_encoding=found.content_settings.content_encoding or "",
            irregular=self._get_irregularity(path, found),
            modified=found.last_modified,
        )

    def _get_irregularity(self, path: str, found: BlobProperties) -> str:
        """Return the reason why a blob cannot be the granted upload, or ""."""
        if found.blob_type != BlobType.BLOCKBLOB:
            return f"its type is {getattr(found.blob_type, 'value', found.blob_type)}"
        if found.copy.id and path.startswith(self._uploads):
            return "it was copied from elsewhere"
        if found.blob_tier == "Archive":
            return "it is in the archive tier"
        return ""


def _release(blob: BlobClient) -> None:
    """Break the lease on a blob and stop a copy to it. A write signature allows both, leases without end included.

    Errors are ignored: the second attempt to delete shows them.
    """
    # First, because Azure describes no blob under an uploader's own key, but breaks its lease.
    with suppress(HttpResponseError):
        BlobLeaseClient(blob).break_lease(0)
    with suppress(HttpResponseError):
        copy = blob.get_blob_properties().copy
        if copy.id and copy.status == "pending":
            blob.abort_copy(copy.id)


def _iterate(download: StorageStreamDownloader[bytes]) -> Iterator[bytes]:
    with azure_errors():
        yield from download.chunks()
