"""Files in parts. A multipart upload names the file path, and S3 rejects its id once it is completed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from fileman.backends.s3.client import S3Client
from fileman.backends.s3.errors import is_gone, is_unsupported, s3_errors, status_and_code
from fileman.backends.s3.objects import S3Objects, unquoted
from fileman.backends.s3.settings import S3Settings
from fileman.backends.values import Slice, StoredObject, Upload
from fileman.errors import PartsMissing, SizeMismatch, UploadInProgress, UploadLost

# AWS: "Amazon S3 multipart upload limits".
PARTS_MAX = 10_000
PART_MIN_BYTES = 5 * 1024**2
PART_MAX_BYTES = 5 * 1024**3
_PART_CHECKSUMS = ("ChecksumCRC32C",)


class S3Multipart:
    """Begins, lists, completes and aborts multipart uploads."""

    def __init__(self, client: S3Client, settings: S3Settings, objects: S3Objects) -> None:
        self._client = client
        self._settings = settings
        self._objects = objects

    def begin(self, upload: Upload) -> str:
        """Return the id of a new multipart upload, which computes the declared checksum if the store can."""
        arguments = self._settings.new_object_arguments(upload.file_path, upload.content_type)
        create = self._client.sdk.create_multipart_upload
        with s3_errors():
            if upload.checksum is None or upload.checksum.algorithm not in self._settings.parts_checksums:
                return str(create(**arguments)["UploadId"])
            algorithm = upload.checksum.algorithm.upper()
            try:
                return str(create(**arguments, ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT")["UploadId"])
            except ClientError as error:
                if not is_unsupported(error):
                    raise
                return str(create(**arguments)["UploadId"])

    def missing(self, upload: Upload) -> list[Slice]:
        """Return the slices that are not stored with their full size; none once completed. Raises UploadLost."""
        parts = self._list_parts(upload)
        if parts is None:
            if self._objects.find(upload.file_path):
                return []
            raise UploadLost
        return [part for part in upload.slices() if parts.get(part.part_number, {}).get("Size") != part.length]

    def has_part(self, upload: Upload, part: Slice) -> bool:
        """Return True if the part is stored. Raises UploadLost."""
        page = {"PartNumberMarker": part.part_number - 1, "MaxParts": 1}
        with s3_errors():
            try:
                response = self._client.sdk.list_parts(**self.upload_arguments(upload), **page)
            except ClientError as error:
                if is_gone(error):
                    raise UploadLost from error
                raise
        return any(entry["PartNumber"] == part.part_number for entry in response.get("Parts", []))

    def assemble(self, upload: Upload) -> StoredObject:
        """Complete the upload with the parts that S3 lists, and return the object.

        Raises PartsMissing, FileMissing if neither the upload nor the object exists, SizeMismatch, UploadInProgress.
        """
        parts = self._list_parts(upload)
        if parts is not None:
            wanted = [parts.get(part.part_number) for part in upload.slices()]
            listed = [part for part in wanted if part]
            if len(listed) != len(wanted) or sum(part["Size"] for part in listed) != upload.size:
                raise PartsMissing
            # An upload that was begun twice has a second multipart upload, which nothing would find afterwards.
            self.abort(upload, keep=upload.begun["upload_id"])
            self._complete(upload, listed)
        whole = self._objects.stat(upload.file_path)
        if whole.size != upload.size:
            raise SizeMismatch(f"The stored file has {whole.size} bytes, but {upload.size} were declared.")
        return whole

    def abort(self, upload: Upload, *, keep: str = "") -> None:
        """Abort every multipart upload at the file path but `keep`, also one whose id was never saved."""
        named = self._settings.object_arguments(upload.file_path)
        saved = {upload.begun["upload_id"]} if upload.begun else set()
        with s3_errors():
            for upload_id in (saved | set(self._list_upload_ids(upload.file_path))) - {keep}:
                try:
                    self._client.sdk.abort_multipart_upload(**named, UploadId=upload_id)
                except ClientError as error:
                    if not is_gone(error):
                        raise

    def upload_arguments(self, upload: Upload) -> dict[str, Any]:
        """Return the SDK's arguments that name the multipart upload. Raises UploadLost if its id was never saved."""
        if not upload.begun:
            raise UploadLost
        return {**self._settings.object_arguments(upload.file_path), "UploadId": upload.begun["upload_id"]}

    def _list_parts(self, upload: Upload) -> Mapping[int, Mapping[str, Any]] | None:
        """Return S3's entry for each part number, or None if the multipart upload does not exist."""
        if not upload.begun:
            return None
        pages = self._client.sdk.get_paginator("list_parts").paginate(**self.upload_arguments(upload))
        with s3_errors():
            try:
                return {part["PartNumber"]: part for page in pages for part in page.get("Parts", [])}
            except ClientError as error:
                if not is_gone(error):
                    raise
                return None

    def _complete(self, upload: Upload, parts: Sequence[Mapping[str, Any]]) -> None:
        """Complete the upload, create-only and of exactly this size if the store supports these conditions."""
        arguments = self.upload_arguments(upload)
        arguments["MultipartUpload"] = {"Parts": [_to_completed(part) for part in parts]}
        complete = self._client.sdk.complete_multipart_upload
        with s3_errors():
            try:
                complete(**arguments, MpuObjectSize=upload.size, IfNoneMatch="*")
            except ReadTimeoutError as error:
                raise UploadInProgress from error
            except ClientError as error:
                if is_gone(error) or status_and_code(error)[0] == 412:
                    return  # another call has completed it; the caller checks the object
                if not is_unsupported(error):
                    raise
                complete(**arguments)

    def _list_upload_ids(self, path: str) -> Iterator[str]:
        pages = self._client.sdk.get_paginator("list_multipart_uploads")
        try:
            for page in pages.paginate(Bucket=self._settings.bucket_name, Prefix=path):
                for entry in page.get("Uploads", []):
                    if entry["Key"] == path:
                        yield entry["UploadId"]
        except ClientError as error:
            if not is_unsupported(error) and not is_gone(error):
                raise


def _to_completed(part: Mapping[str, Any]) -> dict[str, Any]:
    checksums = {name: part[name] for name in _PART_CHECKSUMS if part.get(name)}
    return {"PartNumber": part["PartNumber"], "ETag": unquoted(part["ETag"]), **checksums}
