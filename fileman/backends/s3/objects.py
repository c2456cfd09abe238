"""The objects of one bucket: what HEAD, GET, copy, DELETE and LIST of S3 mean in our words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from fileman.backends.s3.client import S3Connection
from fileman.backends.s3.errors import is_gone, is_unsupported, s3_errors, status_and_code
from fileman.backends.s3.settings import S3Settings
from fileman.backends.values import DeleteFailure, StoredObject, Upload
from fileman.checksums import hex_of_base64
from fileman.errors import FileMissing, ObjectChanged

DELETE_BATCH = 1000
"""Keys in one DeleteObjects (AWS: "DeleteObjects")."""
CHUNK_BYTES = 256 * 1024
_MD5 = re.compile(r"[0-9a-f]{32}")
_CHECKSUM_FIELDS = {"sha256": "ChecksumSHA256", "crc32c": "ChecksumCRC32C"}
_NO_SUCH_ETAG = '"00000000000000000000000000000000"'


class S3Bucket:
    def __init__(self, connection: S3Connection, settings: S3Settings) -> None:
        self._connection = connection
        self._settings = settings
        self._honours_pins: bool | None = None

    def at(self, path: str) -> dict[str, str]:
        """The arguments that name an object."""
        return {"Bucket": self._settings.bucket_name, "Key": path}

    def stat(self, path: str) -> StoredObject:
        with s3_errors():
            head = self._connection.client.head_object(**self.at(path), ChecksumMode="ENABLED")
        return StoredObject(
            path=path,
            size=head["ContentLength"],
            etag=bare(head["ETag"]),
            version=head.get("VersionId", ""),
            content_type=head.get("ContentType", ""),
            content_encoding=head.get("ContentEncoding", ""),
            checksums=computed_checksums(head),
            modified=head["LastModified"],
        )

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
        arguments = self.at(path)
        if start or length is not None:
            arguments["Range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        if etag:
            arguments["IfMatch"] = f'"{etag}"'
        with s3_errors():
            try:
                answer = self._connection.client.get_object(**arguments)
            except ClientError as error:
                if status_and_code(error)[0] == 416:  # the object ends before `start`
                    return iter(())
                raise
        if etag and bare(answer["ETag"]) != etag:  # a store that ignores IfMatch
            answer["Body"].close()
            raise ObjectChanged
        return _chunks(answer["Body"])

    def copy(self, upload: Upload, source: StoredObject, *, create_only: bool) -> None:
        """Copy `source` to the file path, in one step on the server's side. Raises ObjectChanged on a broken pin."""
        arguments = {
            **self.at(upload.file_path),
            **self._settings.encryption_arguments(),
            "CopySource": self.at(source.path),
            "CopySourceIfMatch": f'"{source.etag}"',
            "MetadataDirective": "REPLACE",
            "ContentType": upload.content_type,
        }
        for algorithm in source.checksums.keys() & _CHECKSUM_FIELDS.keys():
            arguments["ChecksumAlgorithm"] = algorithm.upper()
        with s3_errors():
            self._copy(arguments, create_only=create_only)

    def _copy(self, arguments: Mapping[str, Any], *, create_only: bool) -> None:
        client = self._connection.client
        if not create_only:
            client.copy_object(**arguments)
            return
        try:
            client.copy_object(**arguments, IfNoneMatch="*")
        except ClientError as error:
            if not is_unsupported(error):
                raise
            client.copy_object(**arguments)

    def honours_pins(self, path: str) -> bool:
        """Whether the store refuses a copy whose source has another etag. Asked once, with the object at `path`."""
        if self._honours_pins is None:
            copy = {**self.at(path), "CopySource": self.at(path), "MetadataDirective": "REPLACE"}
            try:
                with s3_errors():
                    self._connection.client.copy_object(**copy, CopySourceIfMatch=_NO_SUCH_ETAG)
                self._honours_pins = False
            except ObjectChanged:
                self._honours_pins = True
        return self._honours_pins

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        failures: list[DeleteFailure] = []
        for first in range(0, len(paths), DELETE_BATCH):
            batch = [{"Key": path} for path in dict.fromkeys(paths[first : first + DELETE_BATCH])]
            with s3_errors():
                failures += self._delete_with_versions(batch)
        return failures

    def _delete_with_versions(self, batch: list[dict[str, str]]) -> list[DeleteFailure]:
        """A delete marker in the answer tells that the bucket keeps versions; these are then deleted by their ids."""
        marked, failures = self._delete_batch(batch)
        versions = [version for path in marked for version in self._versions(path)]
        for first in range(0, len(versions), DELETE_BATCH):
            failures += self._delete_batch(versions[first : first + DELETE_BATCH])[1]
        return failures

    def _delete_batch(self, objects: list[dict[str, str]]) -> tuple[list[str], list[DeleteFailure]]:
        """The keys that got a delete marker, and what could not be deleted."""
        bucket = self._settings.bucket_name
        try:
            answer = self._connection.client.delete_objects(Bucket=bucket, Delete={"Objects": objects})
        except ClientError as error:
            # Ceph before 18 denies a batch to users whose right stands in the bucket's policy.
            if not is_unsupported(error) and status_and_code(error)[1] != "AccessDenied":
                raise
            return self._delete_singly(objects)
        marked = [entry["Key"] for entry in answer.get("Deleted", []) if _is_new_marker(entry)]
        failures = [
            DeleteFailure(path=entry["Key"], reason=entry.get("Code", ""))
            for entry in answer.get("Errors", [])
            if entry.get("Code") not in {"NoSuchKey", "NoSuchVersion"}
        ]
        return marked, failures

    def _delete_singly(self, objects: list[dict[str, str]]) -> tuple[list[str], list[DeleteFailure]]:
        marked, failures = [], []
        for named in objects:
            try:
                answer = self._connection.client.delete_object(Bucket=self._settings.bucket_name, **named)
            except ClientError as error:
                if not is_gone(error):
                    failures.append(DeleteFailure(path=named["Key"], reason=status_and_code(error)[1]))
            else:
                if answer.get("DeleteMarker") and "VersionId" not in named:
                    marked.append(named["Key"])
        return marked, failures

    def _versions(self, path: str) -> Iterator[dict[str, str]]:
        pages = self._connection.client.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self._settings.bucket_name, Prefix=path):
            for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                if entry["Key"] == path:
                    yield {"Key": path, "VersionId": entry["VersionId"]}

    def list(self, prefix: str, *, older_than: datetime | None) -> Iterator[StoredObject]:
        pages = self._connection.client.get_paginator("list_objects_v2")
        with s3_errors():
            for page in pages.paginate(Bucket=self._settings.bucket_name, Prefix=prefix):
                for entry in page.get("Contents", []):
                    if older_than is None or entry["LastModified"] < older_than:
                        yield StoredObject(
                            path=entry["Key"],
                            size=entry["Size"],
                            etag=bare(entry["ETag"]),
                            modified=entry["LastModified"],
                        )


def bare(etag: str) -> str:
    return etag.strip('"')


def computed_checksums(head: Mapping[str, Any]) -> dict[str, str]:
    """Only what the storage says that it computed over the whole object.

    A composite checksum is one over checksums. A store that does not tell the type may be repeating a client's claim.
    An ETag is an MD5 where the object was sent at once and no KMS key encrypts it (AWS: "Object", ETag).
    """
    checksums = {}
    if head.get("ChecksumType") == "FULL_OBJECT":
        for algorithm, field in _CHECKSUM_FIELDS.items():
            if head.get(field):
                checksums[algorithm] = hex_of_base64(head[field])
    keyed = head.get("ServerSideEncryption", "").startswith("aws:kms") or "SSECustomerAlgorithm" in head
    if not keyed and _MD5.fullmatch(bare(head["ETag"])):
        checksums["md5"] = bare(head["ETag"])
    return checksums


def holds_the_same(one: StoredObject, other: StoredObject) -> bool | None:
    """Whether two objects have the same bytes; None where nothing tells (KMS gives every object an ETag of its own)."""
    if one.size != other.size:
        return False
    common = one.checksums.keys() & other.checksums.keys()
    if common:
        return all(one.checksums[algorithm] == other.checksums[algorithm] for algorithm in common)
    return True if one.etag == other.etag else None


def _is_new_marker(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("DeleteMarker")) and "VersionId" not in entry


def _chunks(body: Any) -> Iterator[bytes]:
    with closing(body), s3_errors():
        yield from body.iter_chunks(CHUNK_BYTES)
