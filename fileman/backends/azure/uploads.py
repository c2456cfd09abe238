"""How bytes get into Azure: requests that clients send, blocks, and streams through this server."""

import base64
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO
from urllib.parse import quote
from uuid import uuid4

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobBlock, ContentSettings

from fileman.backends.azure.client import CREATE, WRITE
from fileman.backends.azure.errors import azure_errors, has_code
from fileman.backends.azure.objects import AzureObjects
from fileman.backends.streams import ExactBody
from fileman.backends.values import Slice, StoredObject, Strategy, Upload, UploadRequest
from fileman.errors import FileMissing, ObjectChanged, PartsMissing, UploadInProgress

MIB = 1024**2
# From "Scalability and performance targets for Blob storage" of Azure's documentation.
BLOCK_MAX_BYTES = 4000 * MIB
BLOCKS_MAX = 50_000
_CREATED = (201,)


class AzureUploads(AzureObjects):
    """Small files are one Put Blob to the upload path. Large ones are one block for each part, then one commit."""

    # Requests that clients send

    def direct_requests(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        """Return one request for each slice. All carry the same signature."""
        if not missing:
            return []
        has_parts = upload.plan.strategy is Strategy.PARTS
        permission = WRITE if has_parts else CREATE
        url = self._client.sign_url(upload.upload_path, permission, expires_in=upload.expires_in, now=upload.now)
        if has_parts:
            return [_put_block(url, part) for part in missing]
        # Azure stores x-ms-blob-content-type. Without a Content-Type, HTTP clients send one of their own.
        names = "Content-Type", "x-ms-blob-content-type"
        headers = (*((name, upload.content_type) for name in names), ("x-ms-blob-type", "BlockBlob"))
        return [
            UploadRequest(slice=part, method="PUT", url=url, headers=headers, success_status=_CREATED)
            for part in missing
        ]

    # Streams through this server

    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject | None:
        path, in_parts = upload.upload_path, upload.plan.strategy is Strategy.PARTS
        has_arrived = part not in self._missing_parts(upload) if in_parts else self.find(path)
        if has_arrived:
            raise UploadInProgress
        if in_parts:
            self._stage(path, _block_id(part), ExactBody(stream, part.length))
            return None
        body = ExactBody(stream, part.length, algorithms=upload.checksum_algorithms)
        block = uuid4().hex  # of its own, so that the checksums are those of the bytes that are committed
        self._stage(path, block, body)
        etag = self._commit(upload, [block])
        if etag is None:
            raise UploadInProgress
        kind = upload.content_type
        return StoredObject(path=path, size=part.length, etag=etag, content_type=kind, checksums=body.checksums)

    # Blocks

    def missing(self, upload: Upload) -> list[Slice]:
        if upload.plan.strategy is Strategy.PARTS:
            return self._missing_parts(upload)
        return [] if self.find(upload.upload_path) else list(upload.slices())

    def _missing_parts(self, upload: Upload) -> list[Slice]:
        """Return the parts whose block is absent or has the wrong length."""
        with azure_errors():
            try:
                committed, uncommitted = self._client.blob(upload.upload_path).get_block_list("all")
            except HttpResponseError as error:
                if has_code(error, "BlobNotFound"):
                    return list(upload.slices())
                if has_code(error, "InvalidBlobType"):  # a page or append blob has no blocks; finalize rejects it
                    return []
                raise
        sizes = {block.id: block.size for block in [*committed, *uncommitted]}  # of the latest block of each id
        return [part for part in upload.slices() if sizes.get(_block_id(part)) != part.length]

    def assemble(self, upload: Upload) -> StoredObject:
        """Make one blob of all parts by one call, unless there is one or a part is missing. Also raises PartsMissing.

        The progress names the next step.
        """
        progress, in_parts = upload.progress, upload.plan.strategy is Strategy.PARTS
        if in_parts and not progress:
            progress["next"] = "find" if self._missing_parts(upload) else "commit"
        if in_parts and progress["next"] == "commit":
            self._commit(upload, [_block_id(part) for part in upload.slices()])
            progress["next"] = "find"
        found = self.find(upload.upload_path)
        progress.clear()
        if found is None:
            raise PartsMissing if in_parts else FileMissing
        return found

    def abort(self, upload: Upload) -> None:
        """Delete the blob, and the blocks that belong to none."""
        if self.delete([upload.upload_path]):
            return
        with suppress(FileMissing, ObjectChanged), azure_errors():
            blob = self._client.blob(upload.upload_path)
            blob.get_block_list("uncommitted")
            # Azure deletes only blobs: it answers 404 while there are blocks alone.
            empty = blob.commit_block_list([], match_condition=MatchConditions.IfMissing, retry_total=0)
            blob.delete_blob(etag=str(empty["etag"]), match_condition=MatchConditions.IfNotModified)

    # Calls

    def _stage(self, path: str, block: str, body: ExactBody) -> None:
        """Send one block, without retry: the body can be read only once. azure-core does not wrap its SizeMismatch."""
        with azure_errors():
            self._client.blob(path).stage_block(block, body, length=len(body), retry_total=0)

    def _commit(self, upload: Upload, blocks: Sequence[str]) -> str | None:
        """Make one blob of some blocks and return its etag, or None when another call has made one."""
        with azure_errors():
            try:
                blob, listed = self._client.blob(upload.upload_path), [BlobBlock(block) for block in blocks]
                described = ContentSettings(content_type=upload.content_type)
                only_new = MatchConditions.IfMissing
                committed = blob.commit_block_list(listed, content_settings=described, match_condition=only_new)
            except HttpResponseError as error:
                # The commit of another call has dropped our blocks.
                if not has_code(error, "BlobAlreadyExists", "InvalidBlockList"):
                    raise
                return None
        return str(committed["etag"]).strip('"')


def _put_block(url: str, part: Slice) -> UploadRequest:
    # Base64, unlike in the SDK's calls, which encode it themselves.
    encoded = base64.b64encode(_block_id(part).encode()).decode()
    url = f"{url}&comp=block&blockid={quote(encoded, safe='')}"
    return UploadRequest(slice=part, method="PUT", url=url, success_status=_CREATED)


def _block_id(part: Slice) -> str:
    """Return the id of a part's block. Azure requires that all block ids of a blob have the same length."""
    return f"{part.part_number:05d}"
