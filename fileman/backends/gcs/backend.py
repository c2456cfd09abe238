"""Google Cloud Storage. See docs/backends/gcs.md.

Importing this module imports Google's libraries; `get_backend` does so when a file manager of this type is first used.

Large files arrive by a resumable session, whose URL grants access itself (Google: "Resumable uploads"). A session lives
a week, takes bytes in order only, and its last byte makes the object.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO

import requests

from fileman.backends.endpoints import origin_allowed
from fileman.backends.gcs.diagnosis import GCSDiagnosis
from fileman.backends.gcs.errors import gcs_errors
from fileman.backends.gcs.objects import GCSObjects, to_stored_object
from fileman.backends.gcs.signing import GOOGLES_KEY_SECONDS
from fileman.backends.streams import ExactBody
from fileman.backends.values import Capabilities, ServeAs, Slice, StoredObject, Strategy, Upload, UploadRequest
from fileman.errors import ObjectChanged, StorageMisconfigured, StorageUnavailable, UploadInProgress, UploadLost

OBJECT_MAX_BYTES = 5 * 1024**4
"""Google: "Quotas and limits". One request may carry this much."""
LENGTH_RANGE = "x-goog-content-length-range"
SESSION_SECONDS = 7 * 24 * 3600
INCOMPLETE = 308
_GONE = (400, 404, 410, 412, 499)
"""The session will never make the object: all its bytes were refused (another checksum than declared, the path is
taken), or it is expired, unknown or cancelled."""
_TRANSIENT = (408, 429)
HASH_FIELDS = {"crc32c": "crc32c", "md5": "md5Hash"}
"""Checksums that Google computes over every object and compares with a declared one: field of the object."""


class GCSBackend(GCSObjects):
    """Takes small files by one signed PUT, large ones by a session."""

    capabilities = Capabilities(
        supports_direct_upload=True,
        max_object_bytes=OBJECT_MAX_BYTES,
        single_request_max_bytes=OBJECT_MAX_BYTES,
        large_strategy=Strategy.SESSION,
        part_max_bytes=OBJECT_MAX_BYTES,
        parts_max=1,
        single_checksums=frozenset(HASH_FIELDS),
        parts_checksums=frozenset(HASH_FIELDS),
        late_write_seconds=SESSION_SECONDS,
    )

    def location(self) -> str:
        """Return a name such as "gcs:google/bucket/prefix/"."""
        return f"gcs:{self.settings.place}/{self.settings.bucket_name}/{self.prefix}"

    def validate_configuration(self) -> tuple[bool, list[str]]:
        """Read, write and delete objects of a few bytes below `.uploads/`."""
        return GCSDiagnosis(self, self._client).run()

    # Uploads

    def begin(self, upload: Upload, *, origin: str | None) -> Mapping[str, Any]:
        """Open a session for the size and type of a large file. Browsers may use it from this origin only."""
        if upload.plan.strategy is not Strategy.SESSION:
            return {}
        if origin and not origin_allowed(origin):
            raise StorageMisconfigured("Pages of this origin may not upload. Add it to ALLOWED_ORIGINS.")
        headers = {"X-Upload-Content-Type": upload.content_type, "X-Upload-Content-Length": str(upload.size)}
        headers |= {"Origin": origin} if origin else {}
        described = {"contentType": upload.content_type}
        if checksum := upload.get_declared(HASH_FIELDS):
            described[HASH_FIELDS[checksum.algorithm]] = checksum.base64
        response = self._client.upload("resumable", upload.upload_path, headers=headers, json=described)
        if "Location" not in response.headers:
            raise StorageUnavailable
        return {"session": response.headers["Location"]}

    def direct_requests(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        return [self._build_request(upload, part) for part in missing]

    def _build_request(self, upload: Upload, part: Slice) -> UploadRequest:
        """Return a PUT that Google accepts with exactly this type, size and, when declared, checksum.

        A session has fixed them already. No network if the signer has a private key.
        """
        is_session = upload.plan.strategy is Strategy.SESSION
        if is_session:
            # A session is known by its id, at each host of the endpoint.
            path, headers = upload.begun["session"].removeprefix(self.settings.base_url), _content_range(upload, part)
            url = f"{self.settings.public_url}{path}" if path.startswith("/") else path
        else:
            headers = {"Content-Type": upload.content_type, LENGTH_RANGE: f"{upload.size},{upload.size}"}
            if checksum := upload.get_declared(HASH_FIELDS):
                headers["x-goog-hash"] = f"{checksum.algorithm}={checksum.base64}"
            path, expires_in, now = upload.upload_path, upload.expires_in, upload.now
            url = self._signer.sign("PUT", path, query={}, headers=headers, expires_in=expires_in, now=now)
        success = (200, 201) if is_session else (200,)
        return UploadRequest(slice=part, method="PUT", url=url, headers=tuple(headers.items()), success_status=success)

    def missing(self, upload: Upload) -> list[Slice]:
        is_session = upload.plan.strategy is Strategy.SESSION
        received = self._received_bytes(upload) if is_session else None
        if received is not None and received < upload.size:
            return [Slice(part_number=1, offset=received, length=upload.size - received)]
        if self.find(upload.upload_path):
            return []
        if is_session:
            raise UploadLost
        return list(upload.slices())

    def _received_bytes(self, upload: Upload) -> int | None:
        """Return the number of bytes that the session has, or None if it is gone."""
        if not upload.begun:
            return None
        headers = {"Content-Range": f"bytes */{upload.size}"}
        response = self._client.send_bare("PUT", upload.begun["session"], headers=headers, accept=(INCOMPLETE, *_GONE))
        if response.status_code in _GONE:
            return None
        if response.status_code != INCOMPLETE:
            with gcs_errors():  # a finished session describes its object, a web page does not
                return int(response.json()["size"])
        last = re.fullmatch(r"bytes=0-(\d+)", response.headers.get("Range", ""))
        return int(last[1]) + 1 if last else 0

    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject:
        """Stream one slice to Google, hashed on the way if it is the whole file. Create-only.

        Raises UploadInProgress if another sender was first. If the stream ends early, a session keeps what has arrived.
        """
        if upload.plan.strategy is Strategy.SINGLE and self.find(upload.upload_path):
            raise UploadInProgress
        algorithms = upload.checksum_algorithms if part.length == upload.size else ()
        body = ExactBody(stream, part.length, algorithms=algorithms)
        send = self._send_remainder if upload.plan.strategy is Strategy.SESSION else self._send_object
        response = send(upload, part, body)
        blob = self._bucket.blob(upload.upload_path)
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
        if self._received_bytes(upload) != part.offset:
            raise UploadInProgress
        session, headers = upload.begun["session"], _content_range(upload, part)
        response = self._client.send_bare("PUT", session, headers=headers, data=body, accept=(INCOMPLETE,), once=True)
        if response.status_code == INCOMPLETE:
            raise StorageUnavailable
        return response

    def assemble(self, upload: Upload) -> StoredObject:
        """Return the facts of the object: the last byte has made it."""
        return self.stat(upload.upload_path)

    def abort(self, upload: Upload) -> None:
        """Delete the object, and make the session take no more bytes, which may be finished, expired or cancelled."""
        if upload.begun:
            refusals = tuple(status for status in range(400, 500) if status not in _TRANSIENT)
            self._client.send_bare("DELETE", upload.begun["session"], accept=refusals)
        self.delete([upload.upload_path])

    # Downloads

    def signing_seconds(self, now: datetime) -> int:
        return super().signing_seconds(now) if self.capabilities.signs_locally else GOOGLES_KEY_SECONDS

    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        kind, disposition = serve_as.content_type, serve_as.content_disposition
        query = {"response-content-type": kind, "response-content-disposition": disposition}
        return self._signer.sign("GET", path, query=query, headers={}, expires_in=expires_in, now=now)


def _content_range(upload: Upload, part: Slice) -> dict[str, str]:
    """Return the header of a request that carries the bytes of `part`."""
    return {"Content-Range": f"bytes {part.offset}-{part.offset + part.length - 1}/{upload.size}"}
