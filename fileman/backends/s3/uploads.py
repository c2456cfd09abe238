"""The requests that clients send to S3 themselves."""

from collections.abc import Sequence
from typing import Any

from fileman.backends.s3.settings import SINGLE_CHECKSUMS, S3Settings
from fileman.backends.s3.signing import S3Signer
from fileman.backends.values import Slice, Strategy, Upload, UploadRequest


class S3Requests:
    def __init__(self, signer: S3Signer, settings: S3Settings) -> None:
        self._signer = signer
        self._settings = settings

    def of(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        """One signed request for each slice. No network."""
        if upload.plan.strategy is Strategy.PARTS:
            return [self._part(upload, part) for part in missing]
        make = self._post if self._settings.upload_method == "post" else self._put
        return [make(upload, part) for part in missing]

    def _post(self, upload: Upload, part: Slice) -> UploadRequest:
        """A form that S3 takes only with this key, type, exact size, checksum and encryption."""
        url, fields = self._signer.post(
            upload.upload_path,
            fields={**self._stored_as(upload), **_checksum_algorithm(upload), "success_action_status": "201"},
            conditions=[["content-length-range", upload.size, upload.size]],
            expires_in=upload.expires_in,
            now=upload.now,
        )
        return UploadRequest(
            slice=part,
            method="POST",
            url=url,
            fields=tuple(fields.items()),
            file_field="file",
            success_status=(201,),
        )

    def _put(self, upload: Upload, part: Slice) -> UploadRequest:
        """The same by signed headers. The client's HTTP library sets Content-Length itself."""
        headers = self._stored_as(upload)
        return UploadRequest(
            slice=part,
            method="PUT",
            url=self._put_url(upload, upload.upload_path, headers={"Content-Length": str(part.length), **headers}),
            headers=tuple(headers.items()),
            success_status=(200,),
        )

    def _part(self, upload: Upload, part: Slice) -> UploadRequest:
        query = {"uploadId": upload.begun["upload_id"], "partNumber": part.part_number}
        headers = {"Content-Length": str(part.length)}
        return UploadRequest(
            slice=part,
            method="PUT",
            url=self._put_url(upload, upload.file_path, query=query, headers=headers),
            success_status=(200,),
        )

    def _put_url(self, upload: Upload, key: str, **signed: Any) -> str:
        return self._signer.url("PUT", key, expires_in=upload.expires_in, now=upload.now, **signed)

    def _stored_as(self, upload: Upload) -> dict[str, str]:
        """Headers of a PUT, and fields of the same names in a POST."""
        stated = {"Content-Type": upload.content_type, **self._settings.encryption_headers()}
        if upload.checksum and upload.checksum.algorithm in SINGLE_CHECKSUMS:
            algorithm = upload.checksum.algorithm
            stated[f"x-amz-checksum-{algorithm}"] = upload.checksum.base64
        return stated


def _checksum_algorithm(upload: Upload) -> dict[str, str]:
    """A form has to name the algorithm besides; in a PUT the header's own name does."""
    if upload.checksum and upload.checksum.algorithm in SINGLE_CHECKSUMS:
        return {"x-amz-checksum-algorithm": upload.checksum.algorithm.upper()}
    return {}
