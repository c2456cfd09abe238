"""Files in parts. A multipart upload names the path of the file, and S3 rejects its id once it is completed."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from fileman.backends.s3.errors import is_gone, is_unsupported, s3_errors
from fileman.backends.s3.objects import S3Objects, unquoted
from fileman.backends.values import DeleteFailure, Slice, StoredObject, Strategy, Upload
from fileman.errors import FileMissing, ObjectChanged, PartsMissing, UploadInProgress, UploadLost

# AWS: "Amazon S3 multipart upload limits".
PARTS_MAX = 10_000
PART_MIN_BYTES = 5 * 1024**2
PART_MAX_BYTES = 5 * 1024**3


class S3Multipart(S3Objects):
    """Begins, lists, completes and aborts multipart uploads."""

    def _begin_parts(self, upload: Upload) -> str:
        """Return the id of a new multipart upload, which computes the declared checksum if the store can."""
        more = {}
        if checksum := upload.get_declared(self.settings.parts_checksums):
            more = {"ChecksumAlgorithm": checksum.algorithm.upper(), "ChecksumType": "FULL_OBJECT"}
        with s3_errors():
            try:
                return self._create(upload.parts_path, upload, **more)
            except ClientError as error:
                if not more or not is_unsupported(error):
                    raise
                return self._create(upload.parts_path, upload)

    def _create(self, path: str, upload: Upload, **more: Any) -> str:
        arguments = self.settings.new_object_arguments(path, upload.content_type)
        arguments["ContentDisposition"] = upload.content_disposition
        # Once: if the response to the first request is lost, a second one begins another upload.
        return str(self._client.sdk_once.create_multipart_upload(**arguments, **more)["UploadId"])

    def missing(self, upload: Upload) -> list[Slice]:
        """Return the slices that are not stored with their full size; none once completed. Raises UploadLost."""
        if upload.plan.strategy is not Strategy.PARTS:
            return [] if self.find(upload.upload_path) else list(upload.slices())
        parts = self._list_parts(upload, notes={})
        if parts is not None:
            return [part for part, noted in zip(upload.slices(), parts, strict=True) if not noted]
        if self.find(upload.parts_path):
            return []
        raise UploadLost

    def _find_part(self, named: Mapping[str, str], *, number: int = 1, size: int | None = None) -> str:
        """Return the ETag of a part, or "" if it is not stored with this size."""
        with s3_errors():
            for entry in self._client.sdk.list_parts(**named, PartNumberMarker=number - 1, MaxParts=1).get("Parts", []):
                if entry["PartNumber"] == number and size in {None, entry["Size"]}:
                    return unquoted(entry["ETag"])
        return ""

    def assemble(self, upload: Upload) -> StoredObject:
        """Complete the upload with the parts that S3 lists, and return the object.

        Raises PartsMissing, FileMissing if neither the upload nor the object exists, ObjectChanged if a part was sent
        again meanwhile, UploadInProgress if S3 goes on by itself.
        """
        if upload.plan.strategy is not Strategy.PARTS:
            return self._look(upload.upload_path, upload)
        notes = upload.progress
        if "completed" not in notes:
            parts = self._list_parts(upload, notes)
            if parts is not None:
                if not all(parts):
                    raise PartsMissing
                self._abort_others(upload)
                self._complete(upload, parts)
            notes.clear()
            notes["completed"] = True
        try:
            return self._look(upload.parts_path, upload)
        except FileMissing:
            notes.clear()
            raise

    def abort(self, upload: Upload) -> None:
        """Delete its object and every multipart upload, also those of unfinished copies and with unsaved ids."""
        if upload.begun:
            self._abort_one(self._upload_arguments(upload))
        if upload.plan.strategy is Strategy.PARTS or not self.settings.is_aws:  # AWS copies without parts
            self._abort_below(upload.folder)
        if not upload.parts_path.startswith(upload.folder):  # begun by an earlier version
            self._abort_below(upload.parts_path, exactly=True)
        self.delete([upload.upload_path])

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        folders = {path for path in paths if path.endswith("/")}
        for folder in folders:
            self._abort_below(folder)
        return super().delete([path for path in paths if path not in folders])

    def _abort_below(self, prefix: str, *, exactly: bool = False) -> None:
        """Abort every multipart upload whose key begins with, or is, this; none if the store cannot list them."""
        for key, upload_id in self._list_uploads(prefix):
            if not exactly or key == prefix:
                self._abort_one({**self.settings.object_arguments(key), "UploadId": upload_id})

    def _abort_one(self, named: Mapping[str, str]) -> None:
        """Abort a multipart upload. One that does not exist is no error."""
        with suppress(FileMissing), s3_errors():
            self._client.sdk.abort_multipart_upload(**named)

    def _upload_arguments(self, upload: Upload) -> dict[str, Any]:
        """Return the SDK's arguments that name the multipart upload. Raises UploadLost if its id was never saved."""
        if not upload.begun:
            raise UploadLost
        return {**self.settings.object_arguments(upload.parts_path), "UploadId": upload.begun["upload_id"]}

    def _list_parts(self, upload: Upload, notes: dict[str, Any]) -> list[str] | None:
        """Return the ETag and checksum of each part, "" if missing; None if the multipart upload does not exist.

        Each page is noted. A list with gaps is forgotten in the end, because clients are about to send those parts.
        """
        if not upload.begun:
            return None
        named = self._upload_arguments(upload)
        if notes.get("upload_id") != named["UploadId"]:
            notes.clear()
            notes.update(upload_id=named["UploadId"], parts=[])
        parts: list[str] = notes["parts"]
        try:
            with s3_errors():
                while len(parts) < upload.plan.total_parts:
                    parts.extend(self._list_page(upload, named, after=len(parts)))
        except FileMissing:
            notes.clear()
            return None
        if not all(parts):
            notes.clear()
        return parts

    def _list_page(self, upload: Upload, named: Mapping[str, Any], *, after: int) -> list[str]:
        """Return the parts from number `after` + 1 to the last of a page; the last page ends with the last part."""
        page = self._client.sdk.list_parts(**named, PartNumberMarker=after)
        found = {entry["PartNumber"]: entry for entry in page.get("Parts", [])}
        last = max(found, default=0) if page.get("IsTruncated") else 0
        last = last if after < last <= upload.plan.total_parts else upload.plan.total_parts
        return [
            f"{unquoted(entry['ETag'])} {entry.get('ChecksumCRC32C', '')}".rstrip()
            if (entry := found.get(number)) and entry["Size"] == upload.slice(number).length
            else ""
            for number in range(after + 1, last + 1)
        ]

    def _abort_others(self, upload: Upload) -> None:
        """Abort what an earlier `begin` of this upload has left. Nothing would find it afterwards."""
        notes, named = upload.progress, self._upload_arguments(upload)
        if "others" not in notes:
            found = self._list_uploads(upload.parts_path)
            notes["others"] = [other for key, other in found if key == upload.parts_path and other != named["UploadId"]]
        while notes["others"]:
            self._abort_one({**named, "UploadId": notes["others"][-1]})
            notes["others"].pop()

    def _complete(self, upload: Upload, parts: list[str]) -> None:
        completed: list[dict[str, Any]] = []
        for number, (etag, _, crc32c) in enumerate((noted.partition(" ") for noted in parts), start=1):
            completed.append({"PartNumber": number, "ETag": etag, **({"ChecksumCRC32C": crc32c} if crc32c else {})})
        arguments = {**self._upload_arguments(upload), "MultipartUpload": {"Parts": completed}}
        try:
            with s3_errors():
                try:
                    self._client.sdk_once.complete_multipart_upload(**arguments)
                except ReadTimeoutError as error:
                    raise UploadInProgress from error
        except FileMissing:
            return  # another call has completed it; the caller looks at the object
        except ObjectChanged:
            upload.progress.clear()  # a part was sent again after it was listed
            raise

    def _list_uploads(self, prefix: str) -> list[tuple[str, str]]:
        """Return key and id of each multipart upload below a prefix; none if the store cannot list them."""
        found: list[tuple[str, str]] = []
        with s3_errors():
            try:
                pages = self._client.sdk.get_paginator("list_multipart_uploads")
                for page in pages.paginate(Bucket=self.settings.bucket_name, Prefix=prefix):
                    found += [(entry["Key"], entry["UploadId"]) for entry in page.get("Uploads", [])]
            except ClientError as error:
                if not is_unsupported(error) and not is_gone(error):
                    raise
        return [(key, upload_id) for key, upload_id in found if key.startswith(prefix)]
