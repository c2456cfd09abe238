"""The requests that clients send to Google themselves."""

from collections.abc import Sequence

from fileman.backends.gcs.sessions import content_range
from fileman.backends.gcs.signing import GCSSigner
from fileman.backends.values import Slice, Strategy, Upload, UploadRequest

CHECKED_BY_GOOGLE = frozenset({"crc32c", "md5"})
"""Checksums that Google computes over every object, and compares with the body when they are declared."""
LENGTH_RANGE = "x-goog-content-length-range"


class GCSRequests:
    def __init__(self, signer: GCSSigner) -> None:
        self._signer = signer

    def of(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        """One request for each slice. No network where the signer has a private key."""
        make = self._session_put if upload.plan.strategy is Strategy.SESSION else self._signed_put
        return [make(upload, part) for part in missing]

    def _signed_put(self, upload: Upload, part: Slice) -> UploadRequest:
        """Google takes it only with this type, exactly this size and, when declared, this checksum."""
        headers = {"Content-Type": upload.content_type, LENGTH_RANGE: f"{upload.size},{upload.size}"}
        if upload.checksum and upload.checksum.algorithm in CHECKED_BY_GOOGLE:
            headers["x-goog-hash"] = f"{upload.checksum.algorithm}={upload.checksum.base64}"
        return UploadRequest(
            slice=part,
            method="PUT",
            url=self._signer.url(
                "PUT", upload.upload_path, headers=headers, expires_in=upload.expires_in, now=upload.now
            ),
            headers=tuple(headers.items()),
            success_status=(200,),
        )

    def _session_put(self, upload: Upload, part: Slice) -> UploadRequest:
        """Everything from the offset on; the session knows type and size since it was opened."""
        return UploadRequest(
            slice=part,
            method="PUT",
            url=upload.begun["session"],
            headers=tuple(content_range(upload, part).items()),
            success_status=(200, 201),
        )
