"""Files in parts: one block each, uncommitted until all are there."""

import base64
from collections.abc import Sequence

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobBlock, ContentSettings

from fileman.backends.azure.client import AzureConnection
from fileman.backends.azure.errors import azure_errors, is_answer
from fileman.backends.streams import ExactBody
from fileman.backends.values import Slice, Upload
from fileman.errors import FileMissing

MIB = 1024**2
BLOCK_MAX_BYTES = 4000 * MIB
BLOCKS_MAX = 50_000
"""Azure: "Scalability and performance targets for Blob storage"."""


def block_id(part: Slice) -> str:
    """All ids of one blob have the same length, because Azure wants it so."""
    return f"{part.part_number:05d}"


def encoded(block: str) -> str:
    """As it stands in addresses and block lists."""
    return base64.b64encode(block.encode()).decode()


class AzureBlocks:
    def __init__(self, connection: AzureConnection) -> None:
        self._connection = connection

    def missing(self, upload: Upload) -> list[Slice]:
        """What has not arrived with its right size. Whatever else stands at the path is for finalize to judge."""
        try:
            sizes = self._sizes(upload.upload_path)
        except FileMissing:
            return list(upload.slices())
        if sizes is None:
            return []
        return [part for part in upload.slices() if sizes.get(block_id(part)) != part.length]

    def holds(self, upload: Upload, part: Slice) -> bool:
        """Whether one part has arrived."""
        return part not in self.missing(upload)

    def stage(self, path: str, block: str, body: ExactBody) -> None:
        """Send one block on. The body can be read only once, so there is no second try."""
        with azure_errors():
            self._connection.blob(path).stage_block(block, body, length=len(body), retry_total=0)

    def commit(self, path: str, blocks: Sequence[str], *, content_type: str) -> str | None:
        """Make one blob of blocks and answer its etag; None when another call was faster: its blob drops our blocks."""
        listed = [BlobBlock(block) for block in blocks]
        with azure_errors():
            try:
                answer = self._connection.blob(path).commit_block_list(
                    listed,
                    content_settings=ContentSettings(content_type=content_type),
                    match_condition=MatchConditions.IfMissing,
                )
            except HttpResponseError as error:
                if is_answer(error, "BlobAlreadyExists", "InvalidBlockList"):
                    return None
                raise
        return str(answer["etag"]).strip('"')

    def drop(self, path: str) -> None:
        """Let go of blocks that belong to no blob: Azure deletes only blobs, so they become an empty one first."""
        try:
            with azure_errors():
                self._connection.blob(path).get_block_list("uncommitted")
                self._connection.blob(path).commit_block_list([])
                self._connection.blob(path).delete_blob()
        except FileMissing:
            return

    def _sizes(self, path: str) -> dict[str, int] | None:
        """Block id -> bytes, the latest of each; None for a blob that has no blocks by its nature."""
        with azure_errors():
            try:
                committed, uncommitted = self._connection.blob(path).get_block_list("all")
            except HttpResponseError as error:
                if is_answer(error, "InvalidBlobType"):
                    return None
                raise
        return {block.id: block.size for block in [*committed, *uncommitted]}
