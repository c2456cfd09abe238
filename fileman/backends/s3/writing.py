"""Bytes that come through our own view: streamed on to S3, exactly as many as granted, in bounded memory."""

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from fileman import checksums
from fileman.backends.s3.body import ExactBody
from fileman.backends.s3.client import S3Connection
from fileman.backends.s3.errors import is_unsupported, s3_errors
from fileman.backends.s3.multipart import S3Multipart
from fileman.backends.s3.objects import S3Bucket, bare
from fileman.backends.s3.settings import S3Settings
from fileman.backends.values import Slice, StoredObject, Upload
from fileman.errors import ObjectChanged, SizeMismatch, StorageUnavailable, UploadInProgress


class S3Writing:
    def __init__(
        self, connection: S3Connection, settings: S3Settings, bucket: S3Bucket, multipart: S3Multipart
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._bucket = bucket
        self._multipart = multipart
        self._conditions = {"IfNoneMatch": "*"}

    def whole(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject:
        """One object at the upload path; the answer has the declared checksum as computed on the way."""
        if self._bucket.find(upload.upload_path):
            raise UploadInProgress
        hasher = checksums.hasher(upload.checksum.algorithm) if upload.checksum else None
        put = {
            **self._bucket.at(upload.upload_path),
            **self._settings.encryption_arguments(),
            "ContentType": upload.content_type,
        }
        try:
            answer = self._send(
                lambda body: self._put_create_only(body, put), ExactBody(stream, part.length, hasher), part
            )
        except ObjectChanged as error:
            raise UploadInProgress from error
        return StoredObject(
            path=upload.upload_path,
            size=part.length,
            etag=bare(answer["ETag"]),
            version=answer.get("VersionId", ""),
            content_type=upload.content_type,
            checksums={upload.checksum.algorithm: hasher.hexdigest()} if upload.checksum and hasher else {},
        )

    def part(self, upload: Upload, part: Slice, stream: BinaryIO) -> None:
        """One part of the multipart upload, which is no object yet."""
        if self._multipart.holds(upload, part):
            raise UploadInProgress
        named = {**self._multipart.named(upload), "PartNumber": part.part_number, "ContentLength": part.length}
        upload_part = self._connection.streaming_client.upload_part
        self._send(lambda body: upload_part(**named, Body=body), ExactBody(stream, part.length, None), part)

    def _send(
        self, request: Callable[[ExactBody], Mapping[str, Any]], body: ExactBody, part: Slice
    ) -> Mapping[str, Any]:
        """The SDK wraps what breaks off its body in errors of its own; the body knows better."""
        try:
            with s3_errors():
                return request(body)
        except StorageUnavailable as error:
            if body.ended_early:
                raise SizeMismatch(f"The request ended before its {part.length} bytes had arrived.") from error
            raise

    def _put_create_only(self, body: ExactBody, put: Mapping[str, Any]) -> Mapping[str, Any]:
        """A store that does not know the condition may have read the body already: the next try goes without it."""
        put_object = self._connection.streaming_client.put_object
        try:
            answer: Mapping[str, Any] = put_object(**put, **self._conditions, ContentLength=body.length, Body=body)
        except ClientError as error:
            if self._conditions and is_unsupported(error):
                self._conditions = {}
                raise StorageUnavailable from error
            raise
        return answer
