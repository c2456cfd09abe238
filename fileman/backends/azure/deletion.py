"""Deleting blobs, also those that somebody holds a lease on, made snapshots of, or is still copying to."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient, BlobLeaseClient

from fileman.backends.azure.client import AzureConnection
from fileman.backends.azure.errors import azure_errors, is_answer, status_and_code
from fileman.backends.values import DeleteFailure
from fileman.errors import StorageMisconfigured

DELETE_BATCH = 256
"""Requests in one batch (Azure: "Blob Batch")."""
_DONE = {200, 202, 404}
_NO_BATCHES = {400, 404, 405, 501}


class AzureDeleting:
    def __init__(self, connection: AzureConnection) -> None:
        self._connection = connection

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        """Snapshots go with their blob. What is absent counts as deleted."""
        wanted = list(dict.fromkeys(paths))
        failures: list[DeleteFailure] = []
        for first in range(0, len(wanted), DELETE_BATCH):
            batch = wanted[first : first + DELETE_BATCH]
            with azure_errors():
                failures += [failure for path in self._left(batch) if (failure := self._delete_firmly(path))]
        return failures

    def _left(self, batch: Sequence[str]) -> Sequence[str]:
        """What a batch request may not have deleted: nothing, or all of it.

        The SDK drops what tells which answer belongs to which blob, and Azure answers a batch that it does not take
        with a single refusal.
        """
        if len(batch) == 1:
            return batch
        try:
            answers = list(
                self._connection.container.delete_blobs(*batch, delete_snapshots="include", raise_on_any_failure=False)
            )
        except HttpResponseError as error:
            if status_and_code(error)[0] in _NO_BATCHES and not is_answer(error, "ContainerNotFound"):
                return batch
            raise
        if any(_header(answer.headers, "x-ms-error-code") == "ContainerNotFound" for answer in answers):
            raise StorageMisconfigured
        is_done = len(answers) == len(batch) and all(answer.status_code in _DONE for answer in answers)
        return [] if is_done else batch

    def _delete_firmly(self, path: str) -> DeleteFailure | None:
        """Free a blob of what protects it from deletion, and delete it."""
        blob = self._connection.blob(path)
        try:
            try:
                blob.delete_blob(delete_snapshots="include")
            except HttpResponseError as error:
                if status_and_code(error)[0] not in {409, 412}:
                    raise
                _free(blob)
                blob.delete_blob(delete_snapshots="include")
        except HttpResponseError as error:
            status, code = status_and_code(error)
            if is_answer(error, "ContainerNotFound"):
                raise
            return None if status == 404 else DeleteFailure(path=path, reason=f"Azure answered {status} {code}.")
        return None


def _free(blob: BlobClient) -> None:
    """Whoever may write may also take an endless lease, or have Azure copy something slow there.

    What fails here shows when the blob is deleted. Azure tells nothing of a blob under a key of its uploader's own,
    but ends its lease.
    """
    with suppress(HttpResponseError):
        BlobLeaseClient(blob).break_lease(0)
    with suppress(HttpResponseError):
        copy = blob.get_blob_properties().copy
        if copy.id and copy.status == "pending":
            blob.abort_copy(copy.id)


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")
