"""The objects of one bucket: HEAD, GET, DELETE and LIST of S3 in fileman's terms."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from django.utils.functional import cached_property

from fileman.backends.base import Backend
from fileman.backends.s3.client import S3Client
from fileman.backends.s3.errors import is_gone, is_unsupported, s3_errors, status_and_code
from fileman.backends.s3.settings import S3Settings
from fileman.backends.s3.signing import S3Signer
from fileman.backends.streams import CHUNK_BYTES
from fileman.backends.values import HEAD_BYTES, BackendConfig, DeleteFailure, StoredObject, Upload
from fileman.checksums import base64_to_hex
from fileman.errors import ObjectChanged, StorageMisconfigured, StorageUnavailable

# Maximum keys in one DeleteObjects (AWS: "DeleteObjects").
DELETE_BATCH = 1000
_MD5 = re.compile(r"[0-9a-f]{32}")
CHECKSUM_FIELDS = {"sha256": "ChecksumSHA256", "crc32c": "ChecksumCRC32C"}
# Metadata of copies: the MD5 that their ETag proves.
MD5_METADATA = "fileman-md5"


class S3Objects(Backend):
    """Reads, deletes and lists objects."""

    settings_class = S3Settings
    settings: S3Settings

    def __init__(self, config: BackendConfig) -> None:
        super().__init__(config)
        self._client = S3Client(self.settings)
        self._signer = S3Signer(self._client, self.settings.bucket_name)

    def stat(self, path: str) -> StoredObject:
        with s3_errors():
            arguments = self.settings.object_arguments(path)
            return _to_stored_object(path, self._client.sdk.head_object(**arguments, ChecksumMode="ENABLED"))

    def _look(self, path: str, upload: Upload) -> StoredObject:
        """Return the facts of the upload's object, with its first bytes if one request can tell all that is needed."""
        if upload.checksum:  # the response to a range has no checksum of the whole object
            return self.stat(path)
        arguments = {**self.settings.object_arguments(path), "Range": f"bytes=0-{HEAD_BYTES - 1}"}
        with s3_errors():
            try:
                found = self._client.sdk.get_object(**arguments)
            except ClientError as error:
                if status_and_code(error)[0] == 416:  # an empty object
                    return self.stat(path)
                raise
            with closing(found["Body"]) as body:
                return _to_stored_object(path, found, beginning=body.read(HEAD_BYTES))

    def read(self, path: str, *, start: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        """Send the request now, and return an iterator that reads the response."""
        if length == 0:
            return iter(())
        arguments = self.settings.object_arguments(path)
        if start or length is not None:
            arguments["Range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        if etag:
            arguments["IfMatch"] = f'"{etag}"'
        with s3_errors():
            try:
                response = self._client.sdk.get_object(**arguments)
            except ClientError as error:
                if status_and_code(error)[0] == 416:  # the object ends before `start`
                    return iter(())
                raise
        found = response.get("ETag", "").strip('"')
        if not found or (etag and found != etag) or (start and "ContentRange" not in response):
            response["Body"].close()
            raise ObjectChanged if found and etag and found != etag else StorageUnavailable  # a store without IfMatch
        return _chunks(response["Body"])

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        """Delete objects and, in a bucket with versioning, all their versions."""
        failures: list[DeleteFailure] = []
        for first in range(0, len(paths), DELETE_BATCH):
            with s3_errors():
                failures += self._delete_with_versions(list(dict.fromkeys(paths[first : first + DELETE_BATCH])))
        return failures

    def _delete_with_versions(self, paths: list[str]) -> list[DeleteFailure]:
        # Ceph adds no second marker, so a version that was locked at the first deletion would be forgotten.
        everything = paths if self._keeps_versions else []
        # A delete marker means that the bucket keeps versions.
        marked, failures = self._delete_batch([{"Key": path} for path in paths])
        versions = [entry for path in everything or marked for entry in self._versions(path)]
        # SeaweedFS hides the versions in folders named .uploads, so the deleted bytes stay.
        hidden = set(marked).difference(entry["Key"] for entry in versions)
        failures += [DeleteFailure(path=path, reason="VersionsNotListed") for path in hidden]
        failures += self._delete_all([entry for entry in versions if "Size" in entry])
        # A version that is locked or held stays, and then the last marker: without it the object is readable again.
        locked = {failure.path for failure in failures}
        markers = [entry for entry in versions if "Size" not in entry]
        return failures + self._delete_all([one for one in markers if one["Key"] not in locked or not one["IsLatest"]])

    @cached_property
    def _keeps_versions(self) -> bool:
        """True if the bucket keeps versions. False without the permission to ask."""
        with suppress(StorageMisconfigured), s3_errors():
            return "Status" in self._client.sdk.get_bucket_versioning(Bucket=self.settings.bucket_name)
        return False

    def _delete_all(self, versions: list[Mapping[str, Any]]) -> list[DeleteFailure]:
        named = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in versions]
        batches = [named[first : first + DELETE_BATCH] for first in range(0, len(named), DELETE_BATCH)]
        return [failure for batch in batches for failure in self._delete_batch(batch)[1]]

    def _delete_batch(self, objects: list[dict[str, str]]) -> tuple[list[str], list[DeleteFailure]]:
        """Return the keys that got a delete marker, and the failures."""
        try:
            response = self._client.sdk.delete_objects(Bucket=self.settings.bucket_name, Delete={"Objects": objects})
        except ClientError as error:
            # Ceph before 18 denies batches to users whose permissions come from the bucket policy.
            if not is_unsupported(error) and status_and_code(error)[1] != "AccessDenied":
                raise
            return self._delete_singly(objects)
        deleted, errors = response.get("Deleted", []), response.get("Errors", [])
        reasons = {entry["Key"]: entry.get("Code", "") for entry in errors}
        confirmed = {entry["Key"] for entry in deleted} | reasons.keys()
        reasons |= {named["Key"]: "Unconfirmed" for named in objects if named["Key"] not in confirmed}
        gone = {"NoSuchKey", "NoSuchVersion"}
        failures = [DeleteFailure(path=path, reason=reason) for path, reason in reasons.items() if reason not in gone]
        return [entry["Key"] for entry in deleted if entry.get("DeleteMarker") and "VersionId" not in entry], failures

    def _delete_singly(self, objects: list[dict[str, str]]) -> tuple[list[str], list[DeleteFailure]]:
        marked, failures = [], []
        for named in objects:
            try:
                response = self._client.sdk.delete_object(Bucket=self.settings.bucket_name, **named)
            except ClientError as error:
                if not is_gone(error):
                    failures.append(DeleteFailure(path=named["Key"], reason=status_and_code(error)[1]))
            else:
                if response.get("DeleteMarker") and "VersionId" not in named:
                    marked.append(named["Key"])
        return marked, failures

    def _versions(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Yield S3's entries of an object: its versions, which have a size, and its delete markers."""
        pages = self._client.sdk.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self.settings.bucket_name, Prefix=path):
            for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                if entry["Key"] == path:
                    yield entry

    def list_objects(self, prefix: str, *, older_than: datetime | None = None) -> Iterator[StoredObject]:
        pages = self._client.sdk.get_paginator("list_objects_v2")
        with s3_errors():
            for page in pages.paginate(Bucket=self.settings.bucket_name, Prefix=prefix):
                for entry in page.get("Contents", []):
                    size, etag, modified = entry["Size"], unquoted(entry["ETag"]), entry["LastModified"]
                    if older_than is None or modified < older_than:
                        yield StoredObject(path=entry["Key"], size=size, etag=etag, modified=modified)


def _to_stored_object(path: str, head: Mapping[str, Any], *, beginning: bytes = b"") -> StoredObject:
    return StoredObject(
        path=path,
        size=int(head["ContentRange"].rpartition("/")[2]) if "ContentRange" in head else head["ContentLength"],
        etag=unquoted(head["ETag"]),
        version=head.get("VersionId", ""),
        content_type=head.get("ContentType", ""),
        content_encoding=head.get("ContentEncoding", ""),
        checksums=computed_checksums(head),
        modified=head["LastModified"],
        beginning=beginning,
    )


def unquoted(etag: str) -> str:
    """Return an ETag without its quotes. Raises ValueError if the response was cut inside it."""
    if etag.count('"') == 1:
        raise ValueError("An ETag has one quote.")
    return etag.strip('"')


def computed_checksums(head: Mapping[str, Any]) -> dict[str, str]:
    """Return the checksums, in hex, that the storage itself computed over the whole object."""
    checksums = {}
    # A composite checksum is a checksum of checksums. A store without types may repeat the client's claim.
    if head.get("ChecksumType") == "FULL_OBJECT":
        for algorithm, field in CHECKSUM_FIELDS.items():
            if head.get(field):
                checksums[algorithm] = base64_to_hex(head[field])
    # An ETag is an MD5 if the object was sent by one request and no KMS or customer key encrypts it (AWS: "Object").
    has_key = head.get("ServerSideEncryption", "").startswith("aws:kms") or "SSECustomerAlgorithm" in head
    etag, claimed = unquoted(head["ETag"]), head.get("Metadata", {}).get(MD5_METADATA, "")
    if not has_key and _MD5.fullmatch(etag):
        checksums["md5"] = etag
    elif not has_key and _MD5.fullmatch(claimed):
        # The ETag of an object in one part proves the MD5 of the bytes, whoever claims it.
        of_one_part = hashlib.md5(bytes.fromhex(claimed), usedforsecurity=False).hexdigest() + "-1"
        checksums |= {"md5": claimed} if etag == of_one_part else {}
    return checksums


def _chunks(body: Any) -> Iterator[bytes]:
    with closing(body), s3_errors():
        yield from body.iter_chunks(CHUNK_BYTES)
