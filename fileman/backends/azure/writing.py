"""Bytes that come through our own view: streamed on to Azure, exactly as many as granted, in bounded memory."""

from typing import BinaryIO
from uuid import uuid4

from fileman.backends.azure.blocks import AzureBlocks, SizedBody, block_id
from fileman.backends.azure.objects import AzureContainer
from fileman.backends.streams import Received, chunks_of
from fileman.backends.values import Slice, StoredObject, Upload
from fileman.errors import UploadInProgress

CHUNK_BYTES = 64 * 1024


class AzureWriting:
    def __init__(self, blocks: AzureBlocks, container: AzureContainer) -> None:
        self._blocks = blocks
        self._container = container

    def whole(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject:
        """One block of this call alone, then a blob of it: so the checksums are of the very bytes that are kept."""
        if self._container.find(upload.upload_path):
            raise UploadInProgress
        received = _received(upload, part, stream, hashes=True)
        block = uuid4().hex
        self._blocks.stage(upload.upload_path, block, SizedBody(received, part.length))
        etag = self._blocks.commit(upload.upload_path, [block], content_type=upload.content_type)
        if etag is None:
            raise UploadInProgress
        return StoredObject(
            path=upload.upload_path,
            size=part.length,
            etag=etag,
            content_type=upload.content_type,
            checksums=received.checksums,
        )

    def part(self, upload: Upload, part: Slice, stream: BinaryIO) -> None:
        """One block of many."""
        if self._blocks.holds(upload, part):
            raise UploadInProgress
        received = _received(upload, part, stream, hashes=False)
        self._blocks.stage(upload.upload_path, block_id(part), SizedBody(received, part.length))


def _received(upload: Upload, part: Slice, stream: BinaryIO, *, hashes: bool) -> Received:
    return Received(chunks_of(stream, length=part.length, chunk_bytes=CHUNK_BYTES), upload=upload, hashes=hashes)
