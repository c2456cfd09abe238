"""The objects of one bucket: stat, read, rewrite, delete and list, in Google's library but for the reading."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from functools import cached_property
from typing import Any

import requests
from google.cloud.storage import Blob

from fileman.backends.gcs.client import GCSClient
from fileman.backends.gcs.errors import Refused, gcs_errors
from fileman.backends.values import Budget, DeleteFailure, StoredObject, Upload
from fileman.checksums import base64_to_hex
from fileman.errors import FileMissing, ObjectChanged, StorageMisconfigured, UploadInProgress

CHUNK_BYTES = 256 * 1024
DELETE_BATCH = 100
"""Calls in one batch (Google: "Batch requests")."""
PAGE = 1000
REWRITE_STEP_BYTES = 256 * 1024**2
"""Bytes that one call copies at most, so that each call ends within the read time-out. Most copies move no bytes."""


class GCSObjects:
    def __init__(self, client: GCSClient) -> None:
        self._client = client
        self._bucket = client.bucket

    def stat(self, path: str) -> StoredObject:
        """Describe an object; raise FileMissing if there is none."""
        blob = self._bucket.blob(path)
        with gcs_errors():
            blob.reload(**self._client.limits)
            return to_stored_object(blob)

    def read(self, path: str, *, start: int, length: int | None, etag: str | None) -> Iterator[bytes]:
        """Send the request now and yield chunks as they are read: the bytes as stored, never decompressed."""
        if length == 0:
            return iter(())
        headers = {"Accept-Encoding": "gzip"}
        if start or length is not None:
            headers["Range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        query = {"alt": "media"} | ({"ifGenerationMatch": etag} if etag else {})
        target = f"/storage/v1{self._bucket.blob(path).path}"
        response = self._client.send("GET", target, params=query, headers=headers, accept=(416,), stream=True)
        if response.status_code == 416:  # the object ends before `start`
            response.close()
            return iter(())
        return _chunks(response)

    def rewrite(self, upload: Upload, source: StoredObject, budget: Budget) -> StoredObject:
        """Copy `source` to the file path on Google's side, create-only, keeping nothing of its metadata but the type.

        Raises ObjectChanged if the source has another generation or the file path is taken, UploadInProgress with the
        progress to continue from.
        """
        token = upload.progress.get("rewrite_token") if upload.progress.get("source") == source.etag else None
        target = _RewriteTarget(upload.file_path, self._bucket)
        target.content_type = upload.content_type
        while True:
            token = self._rewrite_step(target, source, token)
            if token is None:
                with gcs_errors():
                    return to_stored_object(target)
            if budget.spent:
                raise UploadInProgress(progress={"rewrite_token": token, "source": source.etag})

    def _rewrite_step(self, target: Blob, source: StoredObject, token: str | None) -> str | None:
        """Return the token of the next step, or None at the end."""
        try:
            with gcs_errors():
                next_token: str | None
                next_token, _, _ = target.rewrite(
                    self._bucket.blob(source.path),
                    token=token,
                    if_source_generation_match=source.etag,
                    if_generation_match=0,
                    **self._client.limits,
                )
                return next_token
        except FileMissing as error:
            raise ObjectChanged from error

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        """Delete objects, their noncurrent versions too. Absent objects count as deleted."""
        failures: list[DeleteFailure] = []
        for first in range(0, len(paths), DELETE_BATCH):
            batch = list(dict.fromkeys(paths[first : first + DELETE_BATCH]))
            failures += self._delete_batch([(path, None) for path in batch])
            if self._keeps_versions:
                failures += self._delete_versions(batch)
        return failures

    def _delete_versions(self, paths: Sequence[str]) -> list[DeleteFailure]:
        with gcs_errors():
            versions = [(path, generation) for path in paths for generation in self._generations(path)]
        failures: list[DeleteFailure] = []
        for first in range(0, len(versions), DELETE_BATCH):
            failures += self._delete_batch(versions[first : first + DELETE_BATCH])
        return failures

    def _delete_batch(self, versions: Sequence[tuple[str, int | None]]) -> list[DeleteFailure]:
        """Delete by path and generation, where None is the live object."""
        if not versions:
            return []
        with gcs_errors(), self._bucket.client.batch(raise_exception=False) as batch:
            for path, generation in versions:
                self._bucket.delete_blob(path, generation=generation, **self._client.limits)
        # Only here does the library keep what became of each call, in the order of the calls.
        responses: list[requests.Response] = batch._responses  # noqa: SLF001
        refusals = [None if response.ok else Refused.from_response(response) for response in responses]
        return [
            DeleteFailure(path=path, reason=str(refused))
            for (path, _), refused in zip(versions, refusals, strict=True)
            if refused and not isinstance(refused.to_storage_error(), FileMissing)
        ]

    @cached_property
    def _keeps_versions(self) -> bool:
        """True if the bucket keeps deleted objects as noncurrent versions. False without the permission to ask."""
        bucket = self._bucket.client.bucket(self._bucket.name)
        try:
            with gcs_errors():
                bucket.reload(**self._client.limits)
                return bool(bucket.versioning_enabled)
        except StorageMisconfigured:
            return False

    def _generations(self, path: str) -> Iterator[int]:
        for blob in self._blobs(path, versions=True):
            if blob.name == path:
                yield blob.generation

    def list(self, prefix: str, *, older_than: datetime | None) -> Iterator[StoredObject]:
        """Yield the objects below a prefix, page by page."""
        with gcs_errors():
            for blob in self._blobs(prefix):
                stored = to_stored_object(blob)
                if older_than is None or (stored.modified and stored.modified < older_than):
                    yield stored

    def _blobs(self, prefix: str, **options: Any) -> Iterator[Blob]:
        return iter(self._bucket.list_blobs(prefix=prefix, page_size=PAGE, **options, **self._client.limits))


class _RewriteTarget(Blob):  # type: ignore[misc]  # the library ships no types
    """A blob to rewrite into. The library has no argument for the limit of one call."""

    @property
    def _query_params(self) -> dict[str, Any]:
        return {**super()._query_params, "maxBytesRewrittenPerCall": REWRITE_STEP_BYTES}


def to_stored_object(blob: Blob) -> StoredObject:
    """Return the facts of a blob. Call it under `gcs_errors`: it raises TypeError or ValueError for a strange response.

    The etag is the generation: a new one for every write of the bytes, and what Google's preconditions take. Google
    computed the checksums over all bytes.
    """
    generation = str(int(blob.generation))
    checksums = {"crc32c": blob.crc32c, "md5": blob.md5_hash}
    return StoredObject(
        path=blob.name,
        size=int(blob.size),
        etag=generation,
        version=generation,
        content_type=blob.content_type or "",
        content_encoding=blob.content_encoding or "",
        checksums={name: base64_to_hex(value) for name, value in checksums.items() if value},
        irregular="it was composed of other objects" if blob.component_count else "",
        modified=blob.updated,
    )


def _chunks(response: requests.Response) -> Iterator[bytes]:
    with closing(response), gcs_errors():
        yield from response.raw.stream(CHUNK_BYTES, decode_content=False)
