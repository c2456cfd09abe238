"""From the upload path to the file path: a copy within Azure that may outlast one finalize call.

    copy, pinned and create-only, marked COPYING -> wait -> headers rewritten -> marked COPIED

`stat` does not see the copy before the last step. A later call resumes at any step.
"""

import time

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobProperties, ContentSettings

from fileman.backends.azure.client import AzureClient
from fileman.backends.azure.errors import azure_errors, has_code
from fileman.backends.azure.objects import COPIED, COPYING, AzureObjects
from fileman.backends.azure.signing import READ, AzureSigner
from fileman.backends.values import Budget, StoredObject, Upload
from fileman.errors import ObjectChanged, SizeMismatch, StorageUnavailable, UploadInProgress

POLL_SECONDS = 0.5
# How long Azure may read the source of a copy, where it needs a signature for that.
SOURCE_READABLE_SECONDS = 3600
# None: Azure forgets that a blob is a copy when its headers are rewritten, which we do only after a success.
_SUCCEEDED = {"success", None}


class AzurePublisher:
    """Publishes verified uploads."""

    def __init__(self, client: AzureClient, signer: AzureSigner, objects: AzureObjects) -> None:
        self._client = client
        self._signer = signer
        self._objects = objects

    def publish(self, upload: Upload, verified: StoredObject, budget: Budget) -> StoredObject:
        """Copy the verified object to the file path. Raises SizeMismatch when another file is there already."""
        existing = self._find(upload.file_path)
        if existing and _is_stale(existing, verified):
            self._delete(upload.file_path)
            existing = None
        if existing is None:
            self._start(upload, verified)
            existing = self._find(upload.file_path)
        if existing is None:
            raise ObjectChanged
        existing = self._wait(upload, existing, budget)
        if existing.metadata.get(COPYING) == verified.etag:
            self._finish(upload, existing, verified)
        elif existing.metadata.get(COPIED) != verified.etag:
            raise _build_conflict(existing, verified)
        return self._objects.stat(upload.file_path)

    def _find(self, path: str) -> BlobProperties | None:
        """Return the properties of a blob, unpublished copies included, or None if it does not exist."""
        with azure_errors():
            try:
                return self._client.blob(path).get_blob_properties()
            except ResourceNotFoundError as error:
                if has_code(error, "BlobNotFound"):
                    return None
                raise

    def _start(self, upload: Upload, verified: StoredObject) -> None:
        with azure_errors():
            try:
                self._client.blob(upload.file_path).start_copy_from_url(
                    self._build_source_url(upload, verified),
                    metadata={COPYING: verified.etag},
                    source_etag=f'"{verified.etag}"',
                    source_match_condition=MatchConditions.IfNotModified,
                    match_condition=MatchConditions.IfMissing,
                )
            except HttpResponseError as error:
                # Another call has started it, or this one has and its response was lost.
                if not has_code(error, "BlobAlreadyExists"):
                    raise

    def _build_source_url(self, upload: Upload, verified: StoredObject) -> str:
        """Return the source of a copy. With an account key, Azure needs no signature to read within the account."""
        if self._client.account.key:
            return self._client.url(verified.path)
        return self._signer.url(verified.path, READ, expires_in=SOURCE_READABLE_SECONDS, now=upload.now)

    def _wait(self, upload: Upload, copy: BlobProperties, budget: Budget) -> BlobProperties:
        """Return the finished copy. A failed one is deleted, so that the next call starts again."""
        while copy.copy.status == "pending":
            if budget.spent:
                raise UploadInProgress(progress={"copied": copy.copy.progress})
            time.sleep(POLL_SECONDS)
            with azure_errors():
                copy = self._client.blob(upload.file_path).get_blob_properties()
        if copy.copy.status not in _SUCCEEDED:
            self._delete(upload.file_path)
            raise StorageUnavailable
        return copy

    def _finish(self, upload: Upload, copy: BlobProperties, verified: StoredObject) -> None:
        """Replace the headers and metadata that the uploader set, and mark the copy as published."""
        if copy.size != verified.size:
            self._delete(upload.file_path)
            raise ObjectChanged
        blob, pinned = self._client.blob(upload.file_path), MatchConditions.IfNotModified
        with azure_errors():
            typed = blob.set_http_headers(
                ContentSettings(content_type=upload.content_type), etag=copy.etag, match_condition=pinned
            )
            blob.set_blob_metadata({COPIED: verified.etag}, etag=typed["etag"], match_condition=pinned)

    def _delete(self, path: str) -> None:
        if self._objects.delete([path]):
            raise StorageUnavailable


def _is_stale(existing: BlobProperties, verified: StoredObject) -> bool:
    """Return True for the unfinished copy of an object that has been replaced at the upload path since."""
    return existing.metadata.get(COPYING, verified.etag) != verified.etag


def _build_conflict(existing: BlobProperties, verified: StoredObject) -> SizeMismatch | ObjectChanged:
    """Return the error for a blob at the file path that is not a copy of the verified object."""
    # A marked copy of another object showed its mark only now: the next call deletes it as stale.
    # A blob of the same size is read and verified by the next call, which finds it first.
    if existing.size != verified.size and COPYING not in existing.metadata:
        return SizeMismatch("Another file is already stored at this path.")
    return ObjectChanged()
