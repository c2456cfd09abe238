"""Resumable sessions: how large files reach the upload path. A session's URL grants access itself.

Google: "Resumable uploads". A session lives a week, takes bytes in order only, and its last byte makes the object.
"""

import re

from fileman import conf
from fileman.backends.gcs.client import GCSClient
from fileman.backends.gcs.errors import gcs_errors
from fileman.backends.values import Slice, Upload
from fileman.errors import StorageMisconfigured, StorageUnavailable

SESSION_SECONDS = 7 * 24 * 3600
INCOMPLETE = 308
_GONE = (400, 404, 410, 412, 499)
"""The session will never make the object: all its bytes were refused (another checksum than declared, the path is
taken), or it is expired, unknown or cancelled."""
_TRANSIENT = (408, 429)
HASH_FIELDS = {"crc32c": "crc32c", "md5": "md5Hash"}
"""Checksums that Google computes over every object and compares with a declared one: field of the object."""


class GCSSessions:
    def __init__(self, client: GCSClient) -> None:
        self._client = client

    def begin(self, upload: Upload, *, origin: str | None) -> str:
        """Return the URL of a new session for this size and type. Browsers may use it from this origin only."""
        if origin and not conf.origin_allowed(origin):
            raise StorageMisconfigured("Pages of this origin may not upload. Add it to ALLOWED_ORIGINS.")
        headers = {"X-Upload-Content-Type": upload.content_type, "X-Upload-Content-Length": str(upload.size)}
        headers |= {"Origin": origin} if origin else {}
        described = {"contentType": upload.content_type}
        if upload.checksum and upload.checksum.algorithm in HASH_FIELDS:
            described[HASH_FIELDS[upload.checksum.algorithm]] = upload.checksum.base64
        response = self._client.upload("resumable", upload.upload_path, headers=headers, json=described)
        if "Location" not in response.headers:
            raise StorageUnavailable
        return response.headers["Location"]

    def remainder(self, upload: Upload) -> Slice | None:
        """Return the bytes that the session still needs. None if it has them all, or takes no more."""
        received = self.received_bytes(upload)
        if received is None or received >= upload.size:
            return None
        return Slice(part_number=1, offset=received, length=upload.size - received)

    def received_bytes(self, upload: Upload) -> int | None:
        """Return the number of bytes that have arrived, or None if the session is gone."""
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

    def cancel(self, upload: Upload) -> None:
        """Make the session take no more bytes. A finished, expired or cancelled session is no error."""
        if upload.begun:
            refusals = tuple(status for status in range(400, 500) if status not in _TRANSIENT)
            self._client.send_bare("DELETE", upload.begun["session"], accept=refusals)


def content_range(upload: Upload, part: Slice) -> dict[str, str]:
    """Return the header of a request that carries the bytes of `part`."""
    return {"Content-Range": f"bytes {part.offset}-{part.offset + part.length - 1}/{upload.size}"}
