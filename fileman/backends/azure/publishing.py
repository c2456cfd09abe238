"""From the upload path to the file path: a copy on Azure's side that may outlast one finalize call.

    copy, pinned and create-only, marked COPYING -> wait -> headers rewritten -> marked COPIED

Until the last step `stat` does not see the copy, so whatever breaks off in between is taken up by the next call.
"""

import time

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobProperties, ContentSettings

from fileman.backends.azure.client import AzureConnection
from fileman.backends.azure.deletion import AzureDeleting
from fileman.backends.azure.errors import azure_errors, is_answer
from fileman.backends.azure.objects import COPIED, COPYING, AzureContainer
from fileman.backends.azure.signing import READ, AzureSigner
from fileman.backends.values import Budget, StoredObject, Upload
from fileman.errors import ObjectChanged, SizeMismatch, StorageUnavailable, UploadInProgress

POLL_SECONDS = 0.5
_ENDED_WELL = {"success", None}
"""Azure forgets that a blob was copied once its headers are rewritten, which follows a copy that ended well only."""
SOURCE_READABLE_SECONDS = 3600
"""How long Azure may read the source of a copy, where it needs a signature for that."""


class AzurePublishing:
    def __init__(self, connection: AzureConnection, signer: AzureSigner, container: AzureContainer) -> None:
        self._connection = connection
        self._signer = signer
        self._container = container
        self._deleting = AzureDeleting(connection)

    def publish(self, upload: Upload, verified: StoredObject, budget: Budget) -> StoredObject:
        """Raises SizeMismatch when a file of another size stands at the file path already."""
        standing = self._standing(upload)
        if standing and _is_leftover(standing, verified):
            self._drop(upload.file_path)
            standing = None
        if standing is None:
            self._start(upload, verified)
            standing = self._standing(upload)
        if standing is None:
            raise ObjectChanged
        standing = self._awaited(upload, standing, budget)
        if standing.metadata.get(COPYING) == verified.etag:
            self._finish(upload, standing, verified)
        elif standing.metadata.get(COPIED) != verified.etag:
            raise _not_ours(standing, verified)
        return self._container.stat(upload.file_path)

    def _standing(self, upload: Upload) -> BlobProperties | None:
        with azure_errors():
            try:
                return self._connection.blob(upload.file_path).get_blob_properties()
            except ResourceNotFoundError as error:
                if is_answer(error, "BlobNotFound"):
                    return None
                raise

    def _start(self, upload: Upload, verified: StoredObject) -> None:
        with azure_errors():
            try:
                self._connection.blob(upload.file_path).start_copy_from_url(
                    self._source_url(upload, verified),
                    metadata={COPYING: verified.etag},
                    source_etag=f'"{verified.etag}"',
                    source_match_condition=MatchConditions.IfNotModified,
                    match_condition=MatchConditions.IfMissing,
                )
            except HttpResponseError as error:
                if not is_answer(error, "BlobAlreadyExists"):  # an answer that got lost, or another call
                    raise

    def _source_url(self, upload: Upload, verified: StoredObject) -> str:
        """Azure lets the account key read within its account; who comes with a token shows a signature."""
        if self._connection.account.key:
            return self._connection.url(verified.path)
        return self._signer.url(verified.path, READ, expires_in=SOURCE_READABLE_SECONDS, now=upload.now)

    def _awaited(self, upload: Upload, standing: BlobProperties, budget: Budget) -> BlobProperties:
        """The copy when it has ended well. A copy that failed is dropped, for the next call to begin anew."""
        while standing.copy.status == "pending":
            if budget.spent:
                raise UploadInProgress(progress={"copied": standing.copy.progress})
            time.sleep(POLL_SECONDS)
            with azure_errors():
                standing = self._connection.blob(upload.file_path).get_blob_properties()
        if standing.copy.status not in _ENDED_WELL:
            self._drop(upload.file_path)
            raise StorageUnavailable
        return standing

    def _finish(self, upload: Upload, copy: BlobProperties, verified: StoredObject) -> None:
        """Rewrite whatever the uploader said of the blob, beside its bytes."""
        if copy.size != verified.size:
            self._drop(upload.file_path)
            raise ObjectChanged
        blob, pinned = self._connection.blob(upload.file_path), MatchConditions.IfNotModified
        with azure_errors():
            typed = blob.set_http_headers(
                ContentSettings(content_type=upload.content_type), etag=copy.etag, match_condition=pinned
            )
            blob.set_blob_metadata({COPIED: verified.etag}, etag=typed["etag"], match_condition=pinned)

    def _drop(self, path: str) -> None:
        if self._deleting.delete([path]):
            raise StorageUnavailable


def _is_leftover(standing: BlobProperties, verified: StoredObject) -> bool:
    """Whether this is the unfinished copy of what stood at the upload path when an earlier call looked."""
    return standing.metadata.get(COPYING, verified.etag) != verified.etag


def _not_ours(standing: BlobProperties, verified: StoredObject) -> SizeMismatch | ObjectChanged:
    """Another size is another file, unless a copy of ours only now shows whose it is: the next call drops that one.

    What looks the same is verified by the next call, which finds it first.
    """
    if standing.size != verified.size and COPYING not in standing.metadata:
        return SizeMismatch("Another file stands where this one belongs.")
    return ObjectChanged()
