"""Bytes that come through our own view: streamed on to Azure, exactly as many as granted, in bounded memory."""

from typing import BinaryIO
from uuid import uuid4

from fileman.backends.azure.blocks import AzureBlocks, block_id
from fileman.backends.azure.objects import AzureContainer
from fileman.backends.streams import ExactBody
from fileman.backends.values import Slice, StoredObject, Upload
from fileman.errors import UploadInProgress


class AzureWriting:
    def __init__(self, blocks: AzureBlocks, container: AzureContainer) -> None:
        self._blocks = blocks
        self._container = container

    def whole(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject:
        """One block of this call alone, then a blob of it: so the checksums are of the very bytes that are kept."""
        if self._container.find(upload.upload_path):
            raise UploadInProgress
        declared = {upload.checksum.algorithm} if upload.checksum else set()
        body = ExactBody(stream, part.length, algorithms={"sha256"} | declared)
        block = uuid4().hex
        self._blocks.stage(upload.upload_path, block, body)
        etag = self._blocks.commit(upload.upload_path, [block], content_type=upload.content_type)
        if etag is None:
            raise UploadInProgress
        return StoredObject(
            path=upload.upload_path,
            size=part.length,
            etag=etag,
            content_type=upload.content_type,
            checksums=body.checksums,
        )

    def part(self, upload: Upload, part: Slice, stream: BinaryIO) -> None:
        """One block of many."""
        if self._blocks.holds(upload, part):
            raise UploadInProgress
        self._blocks.stage(upload.upload_path, block_id(part), ExactBody(stream, part.length))
