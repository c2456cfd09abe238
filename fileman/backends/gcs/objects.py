"""The objects of one bucket: stat, list and batches in Google's library, reading and rewriting by our own requests."""

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

import requests
from django.utils.functional import cached_property
from google.cloud.storage import Blob

from fileman import errors
from fileman.backends.base import Backend
from fileman.backends.gcs.client import GCSClient
from fileman.backends.gcs.errors import NOT_UNDERSTOOD, Refused, gcs_errors
from fileman.backends.gcs.settings import GCSSettings
from fileman.backends.gcs.signing import GCSSigner
from fileman.backends.values import BackendConfig, DeleteFailure, StoredObject, Upload
from fileman.checksums import base64_to_hex

CHUNK_BYTES = 256 * 1024
DELETE_BATCH = 100
"""Calls in one batch (Google: "Batch requests")."""
PAGE = 1000
REWRITE_STEP_BYTES = 256 * 1024**2
"""Bytes that one call copies at most, so that each call ends within the read time-out. Most copies move no bytes."""
_TOKEN_REFUSED = (400, 404, 410, 412)
_NO_BATCH = (404, 405, 501)
Version: TypeAlias = tuple[str, int | None]
"""Path and generation of an object, None for the live one."""


class GCSObjects(Backend):
    """The part of the backend that reads, copies and deletes objects."""

    settings_class = GCSSettings
    settings: GCSSettings

    def __init__(self, config: BackendConfig) -> None:
        super().__init__(config)
        self.capabilities = replace(self.capabilities, signs_locally=self.settings.has_private_key)
        self._client = GCSClient(self.settings)
        self._signer = GCSSigner(self._client, self.settings)
        self._bucket = self._client.bucket

    def stat(self, path: str) -> StoredObject:
        blob = self._bucket.blob(path)
        with gcs_errors():
            blob.reload(**self._client.limits)
            return to_stored_object(blob)

    def read(self, path: str, *, start: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
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
        try:
            _check_media(response, start=start, length=length, etag=etag)
        except errors.StorageError:
            response.close()
            raise
        return _chunks(response)

    def publish(self, upload: Upload, verified: StoredObject) -> StoredObject:
        """Copy the verified object on Google's side, keeping nothing of its metadata but the type.

        Each request takes one step. The answer to the last one describes the copy. Google's token for the next step is
        kept in the progress: the same step may be sent again. Without a token the outcome of a request that failed is
        unknown, and its path is not used again. Raises ObjectChanged if the source has another generation.
        """
        notes = upload.progress
        if "rewrite_token" in notes and notes["source"] != verified.etag:
            notes.clear()
            raise errors.ObjectChanged
        while True:
            response = self._rewrite_step(upload, verified, notes.get("rewrite_token"))
            with gcs_errors():
                answer = response.json()
                if answer["done"]:
                    copy = self._bucket.blob(upload.file_path)
                    copy._set_properties(answer["resource"])  # noqa: SLF001  as the library does
                    return to_stored_object(copy)
                notes.update(source=verified.etag, rewrite_token=str(answer["rewriteToken"]))

    def _rewrite_step(self, upload: Upload, source: StoredObject, token: str | None) -> requests.Response:
        """Send one request that is never repeated by itself."""
        origin, target = self._bucket.blob(source.path), self._bucket.blob(upload.file_path)
        query = {
            "sourceGeneration": source.etag,  # some emulators honour it, and no precondition
            "ifSourceGenerationMatch": source.etag,
            "ifGenerationMatch": "0",
            "maxBytesRewrittenPerCall": str(REWRITE_STEP_BYTES),
        }
        query |= {"rewriteToken": token} if token else {}
        path, accept = f"/storage/v1{origin.path}/rewriteTo{target.path}", _TOKEN_REFUSED if token else ()
        described = {"contentType": upload.content_type, "contentDisposition": upload.content_disposition}
        try:
            response = self._client.send("POST", path, params=query, json=described, accept=accept, once=True)
        except errors.FileMissing as error:
            raise errors.ObjectChanged from error
        if response.status_code in _TOKEN_REFUSED:
            upload.progress.clear()
            raise errors.UploadInProgress
        return response

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        """Delete objects, their noncurrent versions too. Absent objects count as deleted."""
        unique = dict.fromkeys(paths)
        failures = self._delete_versions([(path, None) for path in unique])
        if paths and self._keeps_versions:
            with gcs_errors():
                left = [blob for path in unique for blob in self._blobs(path, versions=True) if blob.name == path]
            failures += self._delete_versions([(blob.name, blob.generation) for blob in left])
        return failures

    def _delete_versions(self, versions: Sequence[Version]) -> list[DeleteFailure]:
        failures: list[DeleteFailure] = []
        for first in range(0, len(versions), DELETE_BATCH):
            batch = versions[first : first + DELETE_BATCH]
            try:
                failures += self._send_batch(batch)
            except errors.StorageError as error:
                cause = error.__cause__
                is_no_batch = isinstance(cause, Refused) and cause.status in _NO_BATCH
                if not is_no_batch and not isinstance(cause, NOT_UNDERSTOOD):
                    raise
                failures += self._delete_singly(batch)  # nothing is known to be deleted
        return failures

    def _send_batch(self, versions: Sequence[Version]) -> list[DeleteFailure]:
        """Delete by one request. Raises StorageError if the results are not known."""
        failures = []
        with gcs_errors():
            with self._bucket.client.batch(raise_exception=False) as batch:
                for path, generation in versions:
                    self._bucket.delete_blob(path, generation=generation, **self._client.limits)
            # Only here does the library keep the response to each call, in their order.
            responses: list[requests.Response] = batch._responses  # noqa: SLF001
            for (path, _), response in zip(versions, responses, strict=True):
                refused = None if response.ok else Refused.from_response(response, names_object=True)
                if refused and not isinstance(refused.to_storage_error(), errors.FileMissing):
                    failures.append(DeleteFailure(path=path, reason=str(refused)))
        return failures

    def _delete_singly(self, versions: Sequence[Version]) -> list[DeleteFailure]:
        """Delete by one request for each object: emulators answer batches in ways of their own, or not at all.

        So does a web page that stands in for the storage. That an object is gone is therefore read in a list.
        """
        failures = []
        for path, generation in versions:
            query = {} if generation is None else {"generation": str(generation)}
            try:
                self._client.send("DELETE", f"/storage/v1{self._bucket.blob(path).path}", params=query, accept=(404,))
                if self._is_listed(path, generation):
                    failures.append(DeleteFailure(path=path, reason="it is still listed"))
            except errors.StorageMisconfigured as error:
                failures.append(DeleteFailure(path=path, reason=str(error.__cause__)))
        return failures

    def _is_listed(self, path: str, generation: int | None) -> bool:
        """Return True if the storage lists this object. Raises StorageUnavailable for what is no list."""
        query = {"prefix": path} if generation is None else {"prefix": path, "versions": "true"}
        response = self._client.send("GET", f"/storage/v1{self._bucket.path}/o", params=query)
        with gcs_errors():
            listing = response.json()
            if listing["kind"] != "storage#objects":
                raise ValueError("no list")
            found = {(item["name"], int(item["generation"])) for item in listing.get("items", [])}
        return (path, generation) in found if generation else path in {name for name, _ in found}

    @cached_property
    def _keeps_versions(self) -> bool:
        """True if the bucket keeps deleted objects as noncurrent versions. False without the permission to ask."""
        bucket = self._bucket.client.bucket(self._bucket.name)
        with suppress(errors.StorageMisconfigured), gcs_errors():
            bucket.reload(**self._client.limits)
            return bool(bucket.versioning_enabled)
        return False

    def list_objects(self, prefix: str, *, older_than: datetime | None = None) -> Iterator[StoredObject]:
        with gcs_errors():
            for blob in self._blobs(prefix):
                stored = to_stored_object(blob)
                if older_than is None or (stored.modified and stored.modified < older_than):
                    yield stored

    def _blobs(self, prefix: str, **options: Any) -> Iterator[Blob]:
        return iter(self._bucket.list_blobs(prefix=prefix, page_size=PAGE, **options, **self._client.limits))


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


def _check_media(response: requests.Response, *, start: int, length: int | None, etag: str | None) -> None:
    """Raise ObjectChanged for bytes of another generation, StorageUnavailable for what are not the bytes asked for.

    Google and fake-gcs-server send X-Goog-Generation; the latter ignores ifGenerationMatch. gcp-storage-emulator, or a
    proxy that drops headers, sends X-Goog-Hash or Content-Range. A web page has none of them.
    """
    headers = response.headers
    generation = headers.get("X-Goog-Generation")
    if etag and generation not in (None, etag):
        raise errors.ObjectChanged
    if headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        return
    # Google's page on range requests: the header Range is ignored at times.
    is_whole = start == 0 and response.status_code == 200 and bool(generation or "X-Goog-Hash" in headers)
    if not is_whole or (length is not None and int(headers.get("Content-Length") or length + 1) > length):
        raise errors.StorageUnavailable


def _chunks(response: requests.Response) -> Iterator[bytes]:
    with closing(response), gcs_errors():
        yield from response.raw.stream(CHUNK_BYTES, decode_content=False)
