"""Azure Blob Storage: what it can do, and how files are published. See docs/backends/azure.md.

From the upload path to the file path: one copy within Azure, which may outlast one finalize call.

    copy, pinned and create-only, marked as unpublished -> wait -> headers replaced -> mark removed

`stat` does not see the copy before the last step. Each step notes the next one in the upload's progress. Nothing is
deleted or overwritten: a request that is carried out late, or twice, no longer finds the etag that it is pinned to.
Importing this module imports the Azure SDK.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.storage.blob import ContentSettings

from fileman.backends.azure.client import KEY_SECONDS, READ
from fileman.backends.azure.diagnosis import AzureDiagnosis
from fileman.backends.azure.errors import azure_errors
from fileman.backends.azure.objects import COPY_ENDED_BADLY, UNPUBLISHED
from fileman.backends.azure.uploads import BLOCK_MAX_BYTES, BLOCKS_MAX, AzureUploads
from fileman.backends.time_limit import is_over
from fileman.backends.values import Capabilities, ServeAs, StoredObject, Upload
from fileman.errors import FileMissing, ObjectChanged, OutOfTime, StorageError, StorageUnavailable, UploadInProgress

POLL_SECONDS = 0.5
# How long Azure may read the source of a copy, where it needs a signature for that.
SOURCE_READABLE_SECONDS = 3600
# Values of progress["next"]. Beside it are "copy", Azure's id of the copy, and "etag", the copy's latest known one.
_WAIT, _HEADERS, _MARK, _NOTHING = "wait", "headers", "mark", ""


class AzureBackend(AzureUploads):
    """What the backend can do, where it is, and how it publishes verified uploads."""

    capabilities = Capabilities(
        supports_direct_upload=True,
        max_object_bytes=BLOCKS_MAX * BLOCK_MAX_BYTES,
        single_request_max_bytes=BLOCK_MAX_BYTES,
        part_max_bytes=BLOCK_MAX_BYTES,
        parts_max=BLOCKS_MAX,
    )

    def location(self) -> str:
        """Return, for example, "azure:https://account.blob.core.windows.net/container/prefix/"."""
        return f"azure:{self._client.account.url}/{self.settings.container_name}/{self.prefix}"

    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Ask Azure, which includes writing and deleting blobs of a few bytes below `.uploads/`."""
        return AzureDiagnosis(self, self._client).run()

    def signing_seconds(self, now: datetime) -> int:
        return super().signing_seconds(now) if self.settings.account.key else KEY_SECONDS

    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        served_as = {"content_type": serve_as.content_type, "content_disposition": serve_as.content_disposition}
        return self._client.sign_url(path, READ, expires_in=expires_in, now=now, **served_as)

    # Publishing

    def publish(self, upload: Upload, verified: StoredObject) -> StoredObject:
        """Copy the verified object to the file path, or continue with the copy in the progress."""
        progress, blob = upload.progress, self._client.blob(upload.file_path)
        headers = ContentSettings(content_type=upload.content_type, content_disposition=upload.content_disposition)
        if not progress:
            self._start(upload, verified)
        try:
            if progress["next"] == _WAIT:
                self._wait(upload, verified)
            if progress["next"] == _HEADERS:
                self._change(progress, blob.set_http_headers, headers, following=_MARK)
            if progress["next"] == _MARK:
                self._change(progress, blob.set_blob_metadata, {}, following=_NOTHING)
            published = self.stat(upload.file_path)
        except (FileMissing, ObjectChanged) as error:  # the copy was deleted, or is another one
            progress.clear()
            raise ObjectChanged from error
        return replace(published, checksums={**verified.checksums, **published.checksums})

    def _start(self, upload: Upload, verified: StoredObject) -> None:
        """Send the copy. If its response is lost, nothing is noted, and the next call has another path."""
        source = self._client.url(verified.path)
        if not self._client.account.key:  # with a key, Azure needs no signature to read within the account
            source += f"?{self._client.sign(verified.path, READ, expires_in=SOURCE_READABLE_SECONDS, now=upload.now)}"
        with azure_errors():
            started = self._client.blob(upload.file_path).start_copy_from_url(
                source,
                metadata={UNPUBLISHED: "1"},  # without metadata Azure would copy the uploader's
                source_etag=f'"{verified.etag}"',
                source_match_condition=MatchConditions.IfNotModified,
                match_condition=MatchConditions.IfMissing,
                retry_total=0,
            )
            following = _HEADERS if started["copy_status"] == "success" else _WAIT
            upload.progress.update({"copy": started["copy_id"], "etag": started["etag"], "next": following})

    def _wait(self, upload: Upload, verified: StoredObject) -> None:
        """Wait for the end of the copy, and note how far it has been published."""
        progress, blob = upload.progress, self._client.blob(upload.file_path)
        with azure_errors():
            while (found := blob.get_blob_properties()).copy.status == "pending":
                if is_over():
                    raise UploadInProgress
                time.sleep(POLL_SECONDS)
        if found.copy.status in COPY_ENDED_BADLY:
            progress.clear()
            raise StorageUnavailable
        # Azure forgets the id when the headers are replaced ("Get Blob Properties"), Azurite does not.
        if found.size != verified.size or found.copy.id not in {progress["copy"], None}:
            raise ObjectChanged
        progress |= {"etag": found.etag, "next": _HEADERS if UNPUBLISHED in found.metadata else _NOTHING}

    def _change(
        self, progress: dict[str, Any], request: Callable[..., dict[str, Any]], value: Any, *, following: str
    ) -> None:
        """Send a request pinned to the copy's etag. After an error, look at the copy first: it may have succeeded."""
        try:
            with azure_errors():
                pinned = {"etag": progress["etag"], "match_condition": MatchConditions.IfNotModified}
                changed = request(value, **pinned, retry_total=0)
                progress |= {"etag": changed["etag"], "next": following}
        except OutOfTime:  # nothing was sent
            raise
        except StorageError as error:
            progress["next"] = _WAIT
            if isinstance(error, ObjectChanged):  # it is the copy that has another etag, not its source
                raise StorageUnavailable from error
            raise
