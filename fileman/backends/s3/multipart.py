"""Files in parts. The multipart upload names the file path, and its id is dead once we have completed it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from fileman.backends.s3.client import S3Connection
from fileman.backends.s3.errors import is_gone, is_unsupported, s3_errors, status_and_code
from fileman.backends.s3.objects import S3Bucket, bare
from fileman.backends.s3.settings import S3Settings
from fileman.backends.values import Slice, StoredObject, Upload
from fileman.errors import PartsMissing, SizeMismatch, UploadInProgress, UploadLost

PARTS_MAX = 10_000
PART_MIN_BYTES = 5 * 1024**2
PART_MAX_BYTES = 5 * 1024**3
"""AWS: "Amazon S3 multipart upload limits"."""
_PART_CHECKSUMS = ("ChecksumCRC32C",)


class S3Multipart:
    def __init__(self, connection: S3Connection, settings: S3Settings, bucket: S3Bucket) -> None:
        self._connection = connection
        self._settings = settings
        self._bucket = bucket

    def begin(self, upload: Upload) -> str:
        """The id of a new multipart upload, which computes the declared checksum where the store can."""
        arguments = {
            **self._bucket.at(upload.file_path),
            **self._settings.encryption_arguments(),
            "ContentType": upload.content_type,
        }
        create = self._connection.client.create_multipart_upload
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
        """What has not arrived with its right size; nothing, when the upload is completed. Raises UploadLost."""
        parts = self._parts(upload)
        if parts is None:
            if self._bucket.find(upload.file_path):
                return []
            raise UploadLost
        return [part for part in upload.slices() if parts.get(part.part_number, {}).get("Size") != part.length]

    def holds(self, upload: Upload, part: Slice) -> bool:
        """Whether one part has arrived. Raises UploadLost."""
        page = {"PartNumberMarker": part.part_number - 1, "MaxParts": 1}
        with s3_errors():
            try:
                answer = self._connection.client.list_parts(**self.named(upload), **page)
            except ClientError as error:
                if is_gone(error):
                    raise UploadLost from error
                raise
        return any(entry["PartNumber"] == part.part_number for entry in answer.get("Parts", []))

    def assemble(self, upload: Upload) -> StoredObject:
        """Complete by what ListParts says. Raises FileMissing when neither the upload nor the object is there.

        An upload that was begun twice has another multipart upload at its path, which nobody would find once the file
        is completed; so it goes first.
        """
        parts = self._parts(upload)
        if parts is not None:
            wanted = [parts.get(part.part_number) for part in upload.slices()]
            listed = [part for part in wanted if part]
            if len(listed) != len(wanted) or sum(part["Size"] for part in listed) != upload.size:
                raise PartsMissing
            self._abort(upload, besides=upload.begun["upload_id"])
            self._complete(upload, listed)
        whole = self._bucket.stat(upload.file_path)
        if whole.size != upload.size:
            raise SizeMismatch(f"The stored file has {whole.size} bytes; {upload.size} were declared.")
        return whole

    def abort(self, upload: Upload) -> None:
        """Drop every multipart upload at the file path: also one whose id was never written down."""
        self._abort(upload)

    def _abort(self, upload: Upload, *, besides: str = "") -> None:
        noted = {upload.begun["upload_id"]} if upload.begun else set()
        with s3_errors():
            for upload_id in (noted | set(self._ids_at(upload.file_path))) - {besides}:
                try:
                    self._connection.client.abort_multipart_upload(
                        **self._bucket.at(upload.file_path), UploadId=upload_id
                    )
                except ClientError as error:
                    if not is_gone(error):
                        raise

    def named(self, upload: Upload) -> dict[str, str]:
        """The arguments that name the multipart upload. Raises UploadLost when its id was never noted."""
        if not upload.begun:
            raise UploadLost
        return {**self._bucket.at(upload.file_path), "UploadId": upload.begun["upload_id"]}

    def _parts(self, upload: Upload) -> Mapping[int, Mapping[str, Any]] | None:
        """Part number -> what S3 says of it; None when there is no such upload (any more)."""
        if not upload.begun:
            return None
        pages = self._connection.client.get_paginator("list_parts").paginate(**self.named(upload))
        with s3_errors():
            try:
                return {part["PartNumber"]: part for page in pages for part in page.get("Parts", [])}
            except ClientError as error:
                if not is_gone(error):
                    raise
                return None

    def _complete(self, upload: Upload, parts: Sequence[Mapping[str, Any]]) -> None:
        """Create-only and of exactly this size, where the store knows how; what it knows is then checked by stat."""
        arguments = {**self.named(upload), "MultipartUpload": {"Parts": [_as_completed(part) for part in parts]}}
        complete = self._connection.client.complete_multipart_upload
        with s3_errors():
            try:
                complete(**arguments, MpuObjectSize=upload.size, IfNoneMatch="*")
            except ReadTimeoutError as error:
                raise UploadInProgress from error
            except ClientError as error:
                if is_gone(error) or status_and_code(error)[0] == 412:
                    return  # another call was faster
                if not is_unsupported(error):
                    raise
                complete(**arguments)

    def _ids_at(self, path: str) -> Iterator[str]:
        pages = self._connection.client.get_paginator("list_multipart_uploads")
        try:
            for page in pages.paginate(Bucket=self._settings.bucket_name, Prefix=path):
                for entry in page.get("Uploads", []):
                    if entry["Key"] == path:
                        yield entry["UploadId"]
        except ClientError as error:
            if not is_unsupported(error) and not is_gone(error):
                raise


def _as_completed(part: Mapping[str, Any]) -> dict[str, Any]:
    checksums = {name: part[name] for name in _PART_CHECKSUMS if part.get(name)}
    return {"PartNumber": part["PartNumber"], "ETag": bare(part["ETag"]), **checksums}
