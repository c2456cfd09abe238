"""The blobs of one container: what HEAD, GET and LIST of Azure mean in our words."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobProperties, BlobType, StorageStreamDownloader

from fileman.backends.azure.client import AzureConnection
from fileman.backends.azure.errors import azure_errors, is_answer, status_and_code
from fileman.backends.values import StoredObject
from fileman.errors import FileMissing

COPYING = "fileman_copying"
"""Metadata of a blob at a file path that is not published yet: the etag of what is copied there."""
COPIED = "fileman_copied"
"""The same, once it is published."""
_OWN_KEY = "BlobUsesCustomerSpecifiedEncryption"


class AzureContainer:
    def __init__(self, connection: AzureConnection, prefix: str) -> None:
        self._connection = connection
        self._uploads = f"{prefix}.uploads/"

    def stat(self, path: str) -> StoredObject:
        """A copy that is not published yet counts as absent."""
        with azure_errors():
            try:
                found = self._connection.blob(path).get_blob_properties()
            except HttpResponseError as error:
                if is_answer(error, _OWN_KEY):
                    return StoredObject(path=path, size=0, etag="", irregular="it is encrypted with a key of its own")
                raise
        is_unfinished = COPYING in found.metadata or found.copy.status == "pending"
        if is_unfinished and not path.startswith(self._uploads):
            raise FileMissing
        return self._stored(path, found)

    def find(self, path: str) -> StoredObject | None:
        """The object, or None."""
        try:
            return self.stat(path)
        except FileMissing:
            return None

    def read(self, path: str, *, start: int, length: int | None, etag: str | None) -> Iterator[bytes]:
        """Asks at once; the chunks come as they are read."""
        if length == 0:
            return iter(())
        pinned: dict[str, Any] = {}
        if etag:
            pinned = {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified}
        with azure_errors():
            try:
                download = self._connection.blob(path).download_blob(start, length, decompress=False, **pinned)
            except HttpResponseError as error:
                if status_and_code(error)[0] == 416:  # the object ends before `start`
                    return iter(())
                raise
        return _chunks(download)

    def list(self, prefix: str, *, older_than: datetime | None) -> Iterator[StoredObject]:
        """Blobs, and what has uncommitted blocks only: such a one has no size yet."""
        with azure_errors():
            for found in self._connection.container.list_blobs(
                name_starts_with=prefix, include=["copy", "uncommittedblobs"]
            ):
                if older_than is None or (found.last_modified and found.last_modified < older_than):
                    yield self._stored(found.name, found)

    def _stored(self, path: str, found: BlobProperties) -> StoredObject:
        """No checksums: Content-MD5 is whatever the writer said it is."""
        return StoredObject(
            path=path,
            size=found.size,
            etag=(found.etag or "").strip('"'),
            version=found.version_id or "",
            content_type=found.content_settings.content_type or "",
            content_encoding=found.content_settings.content_encoding or "",
            irregular=self._irregular(path, found),
            modified=found.last_modified,
        )

    def _irregular(self, path: str, found: BlobProperties) -> str:
        """What a signature for writing allows beside the upload that it is meant for."""
        if found.blob_type != BlobType.BLOCKBLOB:
            return f"it is of the type {getattr(found.blob_type, 'value', found.blob_type)}"
        if found.copy.id and path.startswith(self._uploads):
            return "it was copied from elsewhere"
        if found.blob_tier == "Archive":
            return "it lies in the archive tier"
        return ""


def _chunks(download: StorageStreamDownloader[bytes]) -> Iterator[bytes]:
    with azure_errors():
        yield from download.chunks()
