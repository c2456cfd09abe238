"""How bytes get in: requests that clients send to Google themselves, and bodies that this server streams to it."""

from dataclasses import replace
from typing import BinaryIO

import requests

from fileman.backends.gcs.client import GCSClient
from fileman.backends.gcs.errors import gcs_errors
from fileman.backends.gcs.objects import to_stored_object
from fileman.backends.gcs.sessions import HASH_FIELDS, INCOMPLETE, GCSSessions, content_range
from fileman.backends.gcs.signing import GCSSigner
from fileman.backends.streams import ExactBody
from fileman.backends.values import Slice, StoredObject, Strategy, Upload, UploadRequest
from fileman.errors import ObjectChanged, StorageUnavailable, UploadInProgress

LENGTH_RANGE = "x-goog-content-length-range"


class GCSUploads:
    def __init__(self, client: GCSClient, signer: GCSSigner, sessions: GCSSessions) -> None:
        self._client = client
        self._signer = signer
        self._sessions = sessions

    def build_request(self, upload: Upload, part: Slice) -> UploadRequest:
        """Return a PUT that Google accepts with exactly this type, size and, when declared, checksum.

        A session has fixed them already. No network if the signer has a private key.
        """
        is_session = upload.plan.strategy is Strategy.SESSION
        if is_session:
            url, headers = upload.begun["session"], content_range(upload, part)
        else:
            headers = {"Content-Type": upload.content_type, LENGTH_RANGE: f"{upload.size},{upload.size}"}
            if upload.checksum and upload.checksum.algorithm in HASH_FIELDS:
                headers["x-goog-hash"] = f"{upload.checksum.algorithm}={upload.checksum.base64}"
            path, expires_in, now = upload.upload_path, upload.expires_in, upload.now
            url = self._signer.sign("PUT", path, headers=headers, expires_in=expires_in, now=now)
        success = (200, 201) if is_session else (200,)
        return UploadRequest(slice=part, method="PUT", url=url, headers=tuple(headers.items()), success_status=success)

    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject:
        """Stream one slice to Google, hashed on the way if it is the whole file. Create-only.

        Raises UploadInProgress if another sender was first. If the stream ends early, a session keeps what has arrived.
        """
        algorithms = upload.checksum_algorithms if part.length == upload.size else ()
        body = ExactBody(stream, part.length, algorithms=algorithms)
        send = self._send_remainder if upload.plan.strategy is Strategy.SESSION else self._send_object
        response = send(upload, part, body)
        blob = self._client.bucket.blob(upload.upload_path)
        with gcs_errors():
            blob._set_properties(response.json())  # noqa: SLF001  as the library does after its own uploads
            stored = to_stored_object(blob)
        return replace(stored, checksums={**body.checksums, **stored.checksums})

    def _send_object(self, upload: Upload, part: Slice, body: ExactBody) -> requests.Response:  # noqa: ARG002
        try:
            headers = {"Content-Type": upload.content_type}
            return self._client.upload("media", upload.upload_path, headers=headers, data=body, once=True)
        except ObjectChanged as error:
            raise UploadInProgress from error

    def _send_remainder(self, upload: Upload, part: Slice, body: ExactBody) -> requests.Response:
        if self._sessions.received_bytes(upload) != part.offset:
            raise UploadInProgress
        session, headers = upload.begun["session"], content_range(upload, part)
        response = self._client.send_bare("PUT", session, headers=headers, data=body, accept=(INCOMPLETE,), once=True)
        if response.status_code == INCOMPLETE:
            raise StorageUnavailable
        return response
