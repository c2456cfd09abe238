"""Resumable sessions: how large files reach the upload path. The session's address is its own authority.

Google: "Resumable uploads". A session lives a week, takes bytes in order only, and makes the object with its last byte.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

from fileman import conf
from fileman.backends.gcs.client import GCSConnection
from fileman.backends.gcs.objects import GCSObjects
from fileman.backends.gcs.settings import GCSSettings
from fileman.backends.values import Slice, Upload
from fileman.errors import StorageMisconfigured, UploadLost

SESSION_SECONDS = 7 * 24 * 3600
INCOMPLETE = 308
_GONE = (400, 404, 410, 412, 499)
"""Its bytes were refused as a whole (another checksum than declared, the place is taken), or it is expired, unknown or
cancelled: it will never make the object."""
_MAY_PASS = (408, 429)
_HASH_FIELDS = {"crc32c": "crc32c", "md5": "md5Hash"}


class GCSSessions:
    def __init__(self, connection: GCSConnection, settings: GCSSettings, objects: GCSObjects) -> None:
        self._connection = connection
        self._objects = objects
        self._start = f"/upload/storage/v1/b/{quote(settings.bucket_name, safe='')}/o"

    def begin(self, upload: Upload, *, origin: str | None) -> str:
        """The address of a new session, for this size and type, which browsers may use from this origin only."""
        if origin and not conf.origin_allowed(origin):
            raise StorageMisconfigured("Pages of this origin may not upload: it is not in ALLOWED_ORIGINS.")
        headers = {"X-Upload-Content-Type": upload.content_type, "X-Upload-Content-Length": str(upload.size)}
        answer = self._connection.send(
            "POST",
            self._start,
            query={"uploadType": "resumable", "name": upload.upload_path, "ifGenerationMatch": "0"},
            headers=headers | ({"Origin": origin} if origin else {}),
            json={"contentType": upload.content_type, **_declared_hash(upload)},
        )
        if "Location" not in answer.headers:
            raise StorageMisconfigured
        return answer.headers["Location"]

    def missing(self, upload: Upload) -> list[Slice]:
        """The remainder as one slice. Raises UploadLost when there is neither a session nor the object."""
        held = self.held(upload)
        if held is not None and held < upload.size:
            return [Slice(part_number=1, offset=held, length=upload.size - held)]
        if self._objects.find(upload.upload_path):
            return []
        raise UploadLost

    def held(self, upload: Upload) -> int | None:
        """Bytes that have arrived; None when the session is of no use any more."""
        if not upload.begun:
            return None
        answer = self._connection.send_bare(
            "PUT",
            upload.begun["session"],
            headers={"Content-Range": f"bytes */{upload.size}"},
            accept=(INCOMPLETE, *_GONE),
        )
        if answer.status_code in _GONE:
            return None
        if answer.status_code != INCOMPLETE:
            return upload.size
        last = re.fullmatch(r"bytes=0-(\d+)", answer.headers.get("Range", ""))
        return int(last[1]) + 1 if last else 0

    def cancel(self, upload: Upload) -> None:
        """Let the session take no more bytes. What is finished, expired or cancelled already is success."""
        if not upload.begun:
            return
        refusals = tuple(status for status in range(400, 500) if status not in _MAY_PASS)
        self._connection.send_bare("DELETE", upload.begun["session"], accept=refusals)


def content_range(upload: Upload, part: Slice) -> Mapping[str, str]:
    """The header of a request with the bytes of `part`."""
    return {"Content-Range": f"bytes {part.offset}-{part.offset + part.length - 1}/{upload.size}"}


def _declared_hash(upload: Upload) -> dict[str, str]:
    """Google compares it with what it computes when the last byte has come."""
    if upload.checksum and upload.checksum.algorithm in _HASH_FIELDS:
        return {_HASH_FIELDS[upload.checksum.algorithm]: upload.checksum.base64}
    return {}
