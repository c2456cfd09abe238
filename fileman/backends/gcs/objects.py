"""The objects of one bucket: what metadata, media, rewrite, delete and list of Google's JSON API mean in our words."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote

import requests

from fileman.backends.gcs import batch
from fileman.backends.gcs.client import GCSConnection, json_of
from fileman.backends.gcs.errors import error_of, gcs_errors, understood
from fileman.backends.gcs.settings import GCSSettings
from fileman.backends.values import Budget, DeleteFailure, StoredObject, Upload
from fileman.checksums import hex_of_base64
from fileman.errors import FileMissing, ObjectChanged, StorageMisconfigured, UploadInProgress

CHUNK_BYTES = 256 * 1024
DELETE_BATCH = 100
"""Calls in one batch (Google: "Batch requests")."""
PAGE = 1000
REWRITE_STEP_BYTES = 256 * 1024**2
"""Copied by one call where bytes must move at all, so that each call ends within the read timeout."""
_CHECKSUM_FIELDS = {"crc32c": "crc32c", "md5": "md5Hash"}


class GCSObjects:
    def __init__(self, connection: GCSConnection, settings: GCSSettings) -> None:
        self._connection = connection
        self.bucket = f"/storage/v1/b/{quote(settings.bucket_name, safe='')}"
        """Path of the bucket's own resource."""

    def at(self, path: str) -> str:
        """Path of an object's resource."""
        return f"{self.bucket}/o/{quote(path, safe='')}"

    def stat(self, path: str) -> StoredObject:
        return stored_object(json_of(self._connection.send("GET", self.at(path))))

    def find(self, path: str) -> StoredObject | None:
        """The object, or None."""
        try:
            return self.stat(path)
        except FileMissing:
            return None

    def read(self, path: str, *, start: int, length: int | None, etag: str | None) -> Iterator[bytes]:
        """Asks at once; the chunks come as they are read. The bytes as stored, never decompressed."""
        if length == 0:
            return iter(())
        headers = {"Accept-Encoding": "gzip"}
        if start or length is not None:
            headers["Range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        query = {"alt": "media"} | ({"ifGenerationMatch": etag} if etag else {})
        answer = self._connection.send("GET", self.at(path), query=query, headers=headers, accept=(416,), stream=True)
        if answer.status_code == 416:  # the object ends before `start`
            answer.close()
            return iter(())
        return _chunks(answer)

    def rewrite(self, upload: Upload, source: StoredObject, budget: Budget) -> StoredObject:
        """Copy `source` to the file path on Google's side, create-only, with nothing of its metadata but the type.

        Raises ObjectChanged when the source has another generation by now or the file path is taken, UploadInProgress
        with the progress to go on from.
        """
        token = upload.progress.get("rewrite_token") if upload.progress.get("source") == source.etag else None
        while True:
            answer = self._rewrite_step(upload, source, token)
            with understood():
                if answer["done"]:
                    return stored_object(answer["resource"])
                token = answer["rewriteToken"]
            if budget.spent:
                raise UploadInProgress(progress={"rewrite_token": token, "source": source.etag})

    def _rewrite_step(self, upload: Upload, source: StoredObject, token: str | None) -> Mapping[str, Any]:
        query = {
            "ifSourceGenerationMatch": source.etag,
            "ifGenerationMatch": "0",
            "maxBytesRewrittenPerCall": str(REWRITE_STEP_BYTES),
        } | ({"rewriteToken": token} if token else {})
        to = f"{self.at(source.path)}/rewriteTo{self.at(upload.file_path).removeprefix('/storage/v1')}"
        try:
            return json_of(self._connection.send("POST", to, query=query, json={"contentType": upload.content_type}))
        except FileMissing as error:
            raise ObjectChanged from error

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        failures: list[DeleteFailure] = []
        for first in range(0, len(paths), DELETE_BATCH):
            batch = list(dict.fromkeys(paths[first : first + DELETE_BATCH]))
            failures += self._delete_batch([(path, None) for path in batch])
            if self._keeps_versions:
                failures += self._delete_versions(batch)
        return failures

    def _delete_versions(self, paths: Sequence[str]) -> list[DeleteFailure]:
        versions = [(path, generation) for path in paths for generation in self._generations(path)]
        failures: list[DeleteFailure] = []
        for first in range(0, len(versions), DELETE_BATCH):
            failures += self._delete_batch(versions[first : first + DELETE_BATCH])
        return failures

    def _delete_batch(self, versions: Sequence[tuple[str, str | None]]) -> list[DeleteFailure]:
        """Path and generation of each; None is the live one."""
        targets = [f"{self.at(path)}{f'?generation={version}' if version else ''}" for path, version in versions]
        answers = batch.delete(self._connection, targets)
        return [
            DeleteFailure(path=path, reason=str(answer))
            for (path, _), answer in zip(versions, answers, strict=True)
            if answer and not isinstance(error_of(answer), FileMissing)
        ]

    @cached_property
    def _keeps_versions(self) -> bool:
        """Whether the bucket keeps what is deleted as noncurrent versions. Asked once; without the right to ask: no."""
        try:
            bucket = json_of(self._connection.send("GET", self.bucket, query={"fields": "versioning"}))
        except StorageMisconfigured:
            return False
        return bool((bucket.get("versioning") or {}).get("enabled"))

    def _generations(self, path: str) -> Iterator[str]:
        for item in self._items(path, versions="true"):
            if item["name"] == path:
                yield item["generation"]

    def list(self, prefix: str, *, older_than: datetime | None) -> Iterator[StoredObject]:
        for item in self._items(prefix):
            stored = stored_object(item)
            if older_than is None or (stored.modified and stored.modified < older_than):
                yield stored

    def _items(self, prefix: str, **query: str) -> Iterator[Mapping[str, Any]]:
        query |= {"prefix": prefix, "maxResults": str(PAGE)}
        while True:
            page = json_of(self._connection.send("GET", f"{self.bucket}/o", query=query))
            yield from page.get("items", [])
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = page["nextPageToken"]


@understood()
def stored_object(resource: Mapping[str, Any]) -> StoredObject:
    """From an object's resource. Its checksums were computed by Google over all bytes.

    The etag is the generation: a new one for every write of the bytes, and what Google's preconditions take.
    """
    return StoredObject(
        path=resource["name"],
        size=int(resource["size"]),
        etag=resource["generation"],
        version=resource["generation"],
        content_type=resource.get("contentType") or "",
        content_encoding=resource.get("contentEncoding") or "",
        checksums={name: hex_of_base64(resource[key]) for name, key in _CHECKSUM_FIELDS.items() if resource.get(key)},
        irregular="it was composed of other objects" if resource.get("componentCount") else "",
        modified=datetime.fromisoformat(resource["updated"]),
    )


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    with closing(answer), gcs_errors():
        yield from answer.raw.stream(CHUNK_BYTES, decode_content=False)
