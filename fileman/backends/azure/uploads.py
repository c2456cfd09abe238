"""The requests that clients send to Azure themselves."""

from collections.abc import Sequence
from urllib.parse import quote

from fileman.backends.azure.blocks import block_id, encoded
from fileman.backends.azure.signing import CREATE, WRITE, AzureSigner
from fileman.backends.values import Slice, Strategy, Upload, UploadRequest

STATUS = (201,)


class AzureRequests:
    def __init__(self, signer: AzureSigner) -> None:
        self._signer = signer

    def of(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        """One signed request for each slice; the signature is the same for all."""
        if not missing:
            return []
        parts = upload.plan.strategy is Strategy.PARTS
        url = self._signer.url(
            upload.upload_path, WRITE if parts else CREATE, expires_in=upload.expires_in, now=upload.now
        )
        return [_block(url, part) if parts else _whole(url, part, upload) for part in missing]


def _whole(url: str, part: Slice, upload: Upload) -> UploadRequest:
    """Put Blob. Azure keeps x-ms-blob-content-type; clients that are told no Content-Type make one up."""
    headers = (
        ("Content-Type", upload.content_type),
        ("x-ms-blob-content-type", upload.content_type),
        ("x-ms-blob-type", "BlockBlob"),
    )
    return UploadRequest(slice=part, method="PUT", url=url, headers=headers, success_status=STATUS)


def _block(url: str, part: Slice) -> UploadRequest:
    """Put Block. Its id is base64 in the address, unlike in the SDK's calls, which encode it themselves."""
    url = f"{url}&comp=block&blockid={quote(encoded(block_id(part)), safe='')}"
    return UploadRequest(slice=part, method="PUT", url=url, success_status=STATUS)
