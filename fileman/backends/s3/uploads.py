"""How bytes get into the bucket: by signed requests of clients, or streamed through our upload view."""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, BinaryIO
from uuid import uuid4

from botocore.exceptions import ClientError
from django.utils.functional import cached_property

from fileman.backends.s3.errors import is_unsupported, s3_errors
from fileman.backends.s3.multipart import S3Multipart
from fileman.backends.s3.objects import unquoted
from fileman.backends.s3.settings import SINGLE_CHECKSUMS
from fileman.backends.streams import ExactBody
from fileman.backends.values import Slice, StoredObject, Strategy, Upload, UploadRequest
from fileman.errors import FileMissing, ObjectChanged, StorageError, StorageUnavailable, UploadInProgress, UploadLost

_CREATE_ONLY = {"IfNoneMatch": "*"}
# Ceph refuses a form as too large if the file ends before 4 MiB and the boundary behind it after that.
_NOT_BY_FORM = range(4 * 1024**2 - 100, 4 * 1024**2)


class S3Uploads(S3Multipart):
    """Signs the requests that clients send to S3, and sends the bytes that clients send to us."""

    # Signed requests

    def direct_requests(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        is_form = self.settings.upload_method == "post" and (self.settings.is_aws or upload.size not in _NOT_BY_FORM)
        sign = self._sign_post if is_form and upload.plan.strategy is not Strategy.PARTS else self._sign_put
        return [sign(upload, part) for part in missing]

    def _sign_post(self, upload: Upload, part: Slice) -> UploadRequest:
        """Return a form that S3 takes only with this key, type, exact size, checksum and encryption."""
        key, fields, expires_in, now = upload.upload_path, self._signed_headers(upload), upload.expires_in, upload.now
        if checksum := upload.get_declared(SINGLE_CHECKSUMS):  # a PUT names it in the header, a form in a field
            fields["x-amz-checksum-algorithm"] = checksum.algorithm.upper()
        fields["success_action_status"] = "201"
        exact = ["content-length-range", upload.size, upload.size]
        url, form = self._signer.post(key, fields=fields, conditions=[exact], expires_in=expires_in, now=now)
        given = tuple(form.items())
        return UploadRequest(slice=part, method="POST", url=url, fields=given, file_field="file", success_status=(201,))

    def _sign_put(self, upload: Upload, part: Slice) -> UploadRequest:
        """Return a PUT that S3 takes only with this key, size and these headers."""
        if upload.plan.strategy is Strategy.PARTS:
            query = {"uploadId": upload.begun["upload_id"], "partNumber": part.part_number}
            key, headers = upload.parts_path, {}
        else:
            key, headers, query = upload.upload_path, self._signed_headers(upload), {}
        # Content-Length is signed, but not among the client's headers: its HTTP library sets it.
        signed = {"Content-Length": str(part.length), **headers}
        url = self._signer.url("PUT", key, query=query, headers=signed, expires_in=upload.expires_in, now=upload.now)
        return UploadRequest(slice=part, method="PUT", url=url, headers=tuple(headers.items()), success_status=(200,))

    def _signed_headers(self, upload: Upload) -> dict[str, str]:
        """Return headers of a PUT, which are also fields of a POST."""
        headers = {"Content-Type": upload.content_type, **self.settings.encryption_headers()}
        if checksum := upload.get_declared(SINGLE_CHECKSUMS):
            headers[f"x-amz-checksum-{checksum.algorithm}"] = checksum.base64
        return headers

    # Bytes that come through our view

    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject | None:
        write = self._write_part if upload.plan.strategy is Strategy.PARTS else self._write_object
        return write(upload, part, stream)

    def _write_part(self, upload: Upload, part: Slice, stream: BinaryIO) -> None:
        named = self._upload_arguments(upload)
        try:
            etag = self._find_part(named, number=part.part_number)
        except FileMissing as error:
            raise UploadLost from error
        if etag:
            raise UploadInProgress
        arguments = {**named, "PartNumber": part.part_number, "ContentLength": part.length}
        upload_part = self._client.streaming_sdk.upload_part
        _send(ExactBody(stream, part.length), lambda readable: upload_part(**arguments, Body=readable))

    def _write_object(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject:
        path, kind = upload.upload_path, upload.content_type
        if self.find(path):
            raise UploadInProgress
        arguments = self.settings.new_object_arguments(path, kind)
        arguments |= {"ContentLength": part.length, **self._create_only}
        put_object = self._client.streaming_sdk.put_object
        body = ExactBody(stream, part.length, algorithms=[upload.checksum.algorithm] if upload.checksum else [])
        try:
            response = _send(body, lambda readable: put_object(**arguments, Body=readable))
        except ObjectChanged as error:
            raise UploadInProgress from error
        etag, version = unquoted(response["ETag"]), response.get("VersionId", "")
        sums, size = body.checksums, part.length
        return StoredObject(path=path, size=size, etag=etag, version=version, content_type=kind, checksums=sums)

    @cached_property
    def _create_only(self) -> Mapping[str, str]:
        """The condition of a new object, unless the store refuses it: an empty object tells before a body is read."""
        probe = self.settings.object_arguments(f"{self.prefix}.uploads/{self.config.manager_id}/probe-{uuid4()}")
        try:
            if not self.settings.is_aws:
                with s3_errors():
                    self._client.sdk.put_object(**probe, **_CREATE_ONLY)
                self.delete([probe["Key"]])
        except StorageError as error:
            if not isinstance(error.__cause__, ClientError) or not is_unsupported(error.__cause__):
                raise
            return {}
        return _CREATE_ONLY


def _send(body: ExactBody, request: Callable[[Any], Any]) -> Any:
    try:
        with s3_errors():
            response = request(SimpleNamespace(read=body.take))  # all that botocore needs of a file
            unquoted(response["ETag"])  # every stored object and part has one
            return response
    except StorageUnavailable as error:
        if body.error:  # botocore wraps an error raised while it reads the body
            raise body.error from error
        raise
