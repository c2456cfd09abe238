"""Bytes that come through our own view: streamed on to Google, exactly as many as granted, in bounded memory."""

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO
from urllib.parse import quote

from fileman.backends.gcs.client import GCSConnection, json_of
from fileman.backends.gcs.objects import CHUNK_BYTES, GCSObjects, stored_object
from fileman.backends.gcs.sessions import INCOMPLETE, GCSSessions, content_range
from fileman.backends.gcs.settings import GCSSettings
from fileman.backends.streams import Received, chunks_of
from fileman.backends.values import Slice, StoredObject, Upload
from fileman.errors import ObjectChanged, StorageUnavailable, UploadInProgress


class GCSWriting:
    def __init__(
        self, connection: GCSConnection, settings: GCSSettings, objects: GCSObjects, sessions: GCSSessions
    ) -> None:
        self._connection = connection
        self._objects = objects
        self._sessions = sessions
        self._path = f"/upload/storage/v1/b/{quote(settings.bucket_name, safe='')}/o"

    def whole(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject:
        """One object at the upload path."""
        if self._objects.find(upload.upload_path):
            raise UploadInProgress
        body = _Body(upload, part, stream)
        try:
            answer = self._connection.send(
                "POST",
                self._path,
                query={"uploadType": "media", "name": upload.upload_path, "ifGenerationMatch": "0"},
                headers={"Content-Type": upload.content_type},
                data=body,
                body_once=True,
            )
        except ObjectChanged as error:
            raise UploadInProgress from error
        return body.described(stored_object(json_of(answer)))

    def remainder(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject:
        """Everything that the session lacks. When the stream ends early, what has come stays in the session."""
        if self._sessions.held(upload) != part.offset:
            raise UploadInProgress
        body = _Body(upload, part, stream)
        answer = self._connection.send_bare(
            "PUT",
            upload.begun["session"],
            headers=dict(content_range(upload, part)),
            data=body,
            accept=(INCOMPLETE,),
            body_once=True,
        )
        if answer.status_code == INCOMPLETE:
            raise StorageUnavailable
        return body.described(stored_object(json_of(answer)))


class _Body:
    """What `requests` sends with a Content-Length, chunk by chunk, hashed on the way when it is the whole file."""

    def __init__(self, upload: Upload, part: Slice, stream: BinaryIO) -> None:
        chunks = chunks_of(stream, length=part.length, chunk_bytes=CHUNK_BYTES)
        self._received = Received(chunks, upload=upload, hashes=part.length == upload.size)
        self._length = part.length

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._received)

    def __len__(self) -> int:
        return self._length

    def described(self, stored: StoredObject) -> StoredObject:
        """The stored object with the checksums that were computed here besides Google's own."""
        return replace(stored, checksums={**self._received.checksums, **stored.checksums})
