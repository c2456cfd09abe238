"""Publish a verified object: copy it inside the storage to a path of its own. See docs/adr/0007."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from fileman.backends.s3.client import S3Client
from fileman.backends.s3.errors import is_unsupported, s3_errors
from fileman.backends.s3.multipart import S3Multipart
from fileman.backends.s3.objects import CHECKSUM_FIELDS, MD5_METADATA, S3Objects, unquoted
from fileman.backends.s3.settings import S3Settings
from fileman.backends.values import StoredObject, Upload
from fileman.errors import (
    FileMissing,
    ObjectChanged,
    OutOfTime,
    StorageError,
    StorageMisconfigured,
    StorageUnavailable,
    UploadInProgress,
)

# MD5 of no bytes: a store that ignores x-amz-copy-source has stored the empty body of the request.
_EMPTY_ETAG = "d41d8cd98f00b204e9800998ecf8427e"
# How often a copy that outlasts the read timeout is looked for, before another one is made elsewhere.
_LOOKS = 60


class S3Copies:
    """Copies to the file path, and notes the result of each request in `upload.progress` before the next one.

    AWS keeps the condition of a CopyObject. Other stores may ignore it, and carry out a late or repeated request with
    other bytes. There the copy is the only part of a multipart upload that is completed with the verified ETag: the
    store refuses any other part, and a request that comes later finds the upload id dead.
    """

    def __init__(self, client: S3Client, settings: S3Settings, objects: S3Objects, multipart: S3Multipart) -> None:
        self._client = client
        self._settings = settings
        self._objects = objects
        self._multipart = multipart
        self._copies_parts = not settings.is_aws

    def publish(self, upload: Upload, verified: StoredObject) -> StoredObject:
        """Return the copy, with the checksums that are proven for it. Raises ObjectChanged, FileMissing.

        Raises UploadInProgress if the store goes on by itself. All other errors but OutOfTime clear the notes.
        """
        notes = upload.progress
        if "copied" not in notes:
            is_new = not notes
            if not self._copy_as_part(upload, verified):
                # After a crash the notes of the last call come back, and with them this path: it may be in use.
                if not is_new:
                    raise UploadInProgress
                self._copy(upload, verified)
            notes.clear()
            notes["copied"] = True
        try:
            published = self._objects.stat(upload.file_path)
        except FileMissing as error:
            notes.clear()
            raise StorageUnavailable from error
        if _has_md5(verified) and published.checksums.get("md5", verified.etag) != verified.etag:
            notes.clear()  # a store that copies whole objects only has ignored the condition
            raise ObjectChanged
        proven = verified.checksums if self._settings.is_aws else {}
        return replace(published, checksums={**proven, **published.checksums})

    def _copy(self, upload: Upload, verified: StoredObject) -> None:
        arguments = {
            **self._settings.new_object_arguments(upload.file_path, upload.content_type),
            **self._source(verified),
            "MetadataDirective": "REPLACE",
        }
        for algorithm in sorted(verified.checksums.keys() & CHECKSUM_FIELDS.keys()):
            arguments["ChecksumAlgorithm"] = algorithm.upper()
        with self._sending(upload):
            response = self._client.sdk_once.copy_object(**arguments)
            unquoted(response["CopyObjectResult"]["ETag"])  # every copy has one

    def _copy_as_part(self, upload: Upload, verified: StoredObject) -> bool:
        """Return False if the store cannot copy parts, without a trace."""
        notes = upload.progress
        if "copy_id" not in notes:
            if not self._copies_parts:
                return False
            metadata = {MD5_METADATA: verified.etag} if _has_md5(verified) else {}
            notes["copy_id"] = self._multipart.begin_copy(upload, metadata)
        named = {**self._settings.object_arguments(upload.file_path), "UploadId": notes["copy_id"]}
        if "part" not in notes:
            notes["part"] = self._find_part(upload, named) if "looks" in notes else self._send(upload, named, verified)
        if notes["part"] is None:
            self._multipart.abort_one(named)
            notes.clear()
            return False
        with self._sending(upload):
            if _has_md5(verified) and notes["part"] != verified.etag:
                raise ObjectChanged
            parts = {"Parts": [{"PartNumber": 1, "ETag": notes["part"]}]}
            self._client.sdk_once.complete_multipart_upload(**named, MultipartUpload=parts)
        return True

    def _send(self, upload: Upload, named: dict[str, str], verified: StoredObject) -> str | None:
        """Copy the part. Return its ETag, or None if the store does not implement that."""
        with self._sending(upload):
            try:
                arguments = {**named, **self._source(verified), "PartNumber": 1}
                response = self._client.sdk_once.upload_part_copy(**arguments)
            except ReadTimeoutError as error:
                upload.progress["looks"] = 0
                raise UploadInProgress from error
            except ClientError as error:
                if not is_unsupported(error):
                    raise
                etag = None
            else:
                is_empty = unquoted(response["ResponseMetadata"]["HTTPHeaders"].get("etag", "")) == _EMPTY_ETAG
                etag = None if is_empty else unquoted(response["CopyPartResult"]["ETag"])
        self._copies_parts = etag is not None
        return etag

    def _find_part(self, upload: Upload, named: dict[str, str]) -> str:
        """Return the ETag of a part whose copy did not respond in time. Sending it again would make a late copy."""
        with self._sending(upload):
            etag = self._multipart.find_part(named, size=upload.size)
            upload.progress["looks"] += 1
            if not etag:
                raise UploadInProgress if upload.progress["looks"] < _LOOKS else StorageUnavailable
        return etag

    def _source(self, verified: StoredObject) -> dict[str, Any]:
        return {
            "CopySource": self._settings.object_arguments(verified.path),
            "CopySourceIfMatch": f'"{verified.etag}"',
        }

    @contextmanager
    def _sending(self, upload: Upload) -> Iterator[None]:
        """Clear the notes if a request fails, so that the next one gets a path that this one does not write."""
        try:
            with s3_errors():
                yield
        except (OutOfTime, UploadInProgress):
            raise
        except BaseException as error:
            copy_id = upload.progress.get("copy_id")
            upload.progress.clear()
            # After a refusal nothing is under way. After a failure Complete may be, and aborting would harm the object.
            if copy_id and isinstance(error, ObjectChanged | FileMissing | StorageMisconfigured):
                named = {**self._settings.object_arguments(upload.file_path), "UploadId": copy_id}
                with suppress(StorageError):
                    self._multipart.abort_one(named)
            raise


def _has_md5(stored: StoredObject) -> bool:
    """Return True if the ETag is the MD5 of the bytes. With KMS it is not."""
    return stored.checksums.get("md5") == stored.etag
