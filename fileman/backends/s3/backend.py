"""Amazon S3 and compatible stores: what a store can do, and how files are published. See docs/backends/s3.md.

Importing this module imports the AWS SDK.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from fileman import errors
from fileman.backends.s3.diagnosis import LatePartProbe, S3Diagnosis
from fileman.backends.s3.errors import is_unsupported, s3_errors
from fileman.backends.s3.multipart import PART_MAX_BYTES, PART_MIN_BYTES, PARTS_MAX
from fileman.backends.s3.objects import CHECKSUM_FIELDS, MD5_METADATA, unquoted
from fileman.backends.s3.settings import SINGLE_COPY_MAX_BYTES
from fileman.backends.s3.uploads import S3Uploads
from fileman.backends.values import BackendConfig, Capabilities, ServeAs, StoredObject, Strategy, Upload

# The longest life of temporary credentials (AWS: "GetSessionToken"), for those that do not say when they end.
SESSION_SECONDS = 36 * 3600
# MD5 of no bytes: a store that ignores x-amz-copy-source has stored the empty body of the request.
_EMPTY_ETAG = "d41d8cd98f00b204e9800998ecf8427e"


class S3Backend(S3Uploads):
    """Files are sent by one POST (or PUT) to the upload path and copied; large ones by a multipart upload in place.

    Copies note the result of each request in `upload.progress` before the next one. See docs/adr/0007.

    AWS keeps the condition of a CopyObject. Other stores may ignore it, and carry out a late or repeated request with
    other bytes. There the copy is the only part of a multipart upload that is completed with the verified ETag: the
    store refuses any other part, and a request that comes later finds the upload id dead. So the copy of the part may
    be repeated, and only completing it is the publishing request.
    """

    capabilities = Capabilities(
        supports_direct_upload=True,
        max_object_bytes=PARTS_MAX * PART_MAX_BYTES,
        single_request_max_bytes=SINGLE_COPY_MAX_BYTES,
        part_min_bytes=PART_MIN_BYTES,
        part_max_bytes=PART_MAX_BYTES,
        parts_max=PARTS_MAX,
    )

    def __init__(self, config: BackendConfig) -> None:
        super().__init__(config)
        single, parts, is_aws = self.settings.single_checksums, self.settings.parts_checksums, self.settings.is_aws
        can = replace(self.capabilities, single_checksums=single, parts_checksums=parts, pins_copies=is_aws)
        self.capabilities = can
        self._late_parts = LatePartProbe(self._client, self)
        self._copies_parts = not is_aws

    def location(self) -> str:
        """Return a name such as "s3:aws/bucket/prefix/" or "s3:https://host/bucket/"."""
        return f"s3:{self.settings.place}/{self.settings.bucket_name}/{self.prefix}"

    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Ask the storage. This also writes and deletes objects of a few bytes below `.uploads/`."""
        return S3Diagnosis(self, self._client).run()

    def begin(self, upload: Upload, *, origin: str | None) -> Mapping[str, Any]:  # noqa: ARG002
        if upload.plan.strategy is not Strategy.PARTS:
            return {}
        if not self.settings.is_aws:
            self._late_parts.run()
        return {"upload_id": self._begin_parts(upload)}

    def signing_seconds(self, now: datetime) -> int:
        is_temporary = self._client.credentials().token is not None  # this renews those that end soon
        ends_at = getattr(self._client.session.get_credentials(), "_expiry_time", None)  # it has no public name
        longest = SESSION_SECONDS if is_temporary else super().signing_seconds(now)
        return min(longest, int((ends_at - now).total_seconds())) if ends_at else longest

    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        kind, disposition = serve_as.content_type, serve_as.content_disposition
        query = {"response-content-type": kind, "response-content-disposition": disposition}
        return self._signer.url("GET", path, query=query, headers={}, expires_in=expires_in, now=now)

    # Publishing

    def publish(self, upload: Upload, verified: StoredObject) -> StoredObject:
        """Return the copy, with the checksums that are proven for it. Raises ObjectChanged, FileMissing.

        Raises UploadInProgress if the next call must begin at another path.
        """
        notes = upload.progress
        if "copied" not in notes:
            is_new = not notes
            if not (self._copies_parts or notes) or not self._copy_as_part(upload, verified):
                # After a crash the notes of the last call come back, and with them this path: it may be in use.
                if not is_new:
                    notes.clear()
                    raise errors.UploadInProgress
                self._copy(upload, verified)
            notes.clear()
            notes["copied"] = True
        try:
            published = self.stat(upload.file_path)
        except errors.FileMissing as error:
            notes.clear()
            raise errors.StorageUnavailable from error
        if _has_md5(verified) and published.checksums.get("md5", verified.etag) != verified.etag:
            notes.clear()  # a store that copies whole objects only has ignored the condition
            raise errors.ObjectChanged
        proven = verified.checksums if self.settings.is_aws else {}
        return replace(published, checksums={**proven, **published.checksums})

    def _copy(self, upload: Upload, verified: StoredObject) -> None:
        arguments = self.settings.new_object_arguments(upload.file_path, upload.content_type) | self._source(verified)
        arguments |= {"ContentDisposition": upload.content_disposition, "MetadataDirective": "REPLACE"}
        for algorithm in sorted(verified.checksums.keys() & CHECKSUM_FIELDS.keys()):
            arguments["ChecksumAlgorithm"] = algorithm.upper()
        with s3_errors():
            unquoted(self._client.sdk_once.copy_object(**arguments)["CopyObjectResult"]["ETag"])  # every copy has one

    def _copy_as_part(self, upload: Upload, verified: StoredObject) -> bool:
        """Return False if the store cannot copy parts, without a trace."""
        notes = upload.progress
        if "copy_id" not in notes:
            metadata = {MD5_METADATA: verified.etag} if _has_md5(verified) else {}
            with s3_errors():
                notes["copy_id"] = self._create(upload.file_path, upload, Metadata=metadata)
        named = {**self.settings.object_arguments(upload.file_path), "UploadId": notes["copy_id"]}
        try:
            if "part" not in notes:
                # A copy that was sent before may have ended since.
                sent = notes.get("sent") and self._find_part(named, size=upload.size)
                notes["part"] = sent or self._send_part(upload, named, verified)
            if notes["part"] is None:
                self._abort_one(named)
                return False
            if _has_md5(verified) and "-" not in notes["part"] and notes["part"] != verified.etag:
                raise errors.ObjectChanged
            self._complete_copy(upload, named)
        except (errors.ObjectChanged, errors.FileMissing, errors.StorageMisconfigured):
            notes.clear()
            with suppress(errors.StorageError):
                self._abort_one(named)
            raise
        return True

    def _complete_copy(self, upload: Upload, named: dict[str, str]) -> None:
        parts = {"Parts": [{"PartNumber": 1, "ETag": upload.progress["part"]}]}
        try:
            with s3_errors():
                self._client.sdk_once.complete_multipart_upload(**named, MultipartUpload=parts)
        except errors.OutOfTime:  # nothing was sent
            raise
        except BaseException:
            upload.progress.clear()  # whatever becomes of this request, no other may write where it does
            raise

    def _send_part(self, upload: Upload, named: dict[str, str], verified: StoredObject) -> str | None:
        """Copy the part and return its ETag (no MD5 above 4 MiB on SeaweedFS), or None if the store cannot do it."""
        etag = None
        try:
            with s3_errors():
                response = self._client.sdk_once.upload_part_copy(**named, **self._source(verified), PartNumber=1)
                if unquoted(response["ResponseMetadata"]["HTTPHeaders"].get("etag", "")) != _EMPTY_ETAG:
                    etag = unquoted(response["CopyPartResult"]["ETag"])
        except errors.StorageError as error:
            # In the next call the part is looked for first, unless nothing was sent in this one.
            upload.progress["sent"] = not isinstance(error, errors.OutOfTime)
            if not isinstance(error.__cause__, ClientError) or not is_unsupported(error.__cause__):
                raise
        self._copies_parts = etag is not None
        return etag

    def _source(self, verified: StoredObject) -> dict[str, Any]:
        return {"CopySource": self.settings.object_arguments(verified.path), "CopySourceIfMatch": f'"{verified.etag}"'}


def _has_md5(stored: StoredObject) -> bool:
    """Return True if the ETag is the MD5 of the bytes. With KMS it is not."""
    return stored.checksums.get("md5") == stored.etag
