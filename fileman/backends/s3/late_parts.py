"""Find out whether the id of a multipart upload survives its completion, as on OpenStack Swift.

There a client that sends a part again overwrites a piece of the finished file, which nobody can read any more.
"""

from threading import Lock
from uuid import uuid4

from botocore.exceptions import ClientError

from fileman import conf
from fileman.backends.diagnosis import PROBE
from fileman.backends.s3.client import S3Client
from fileman.backends.s3.errors import s3_errors, status_and_code
from fileman.backends.s3.objects import S3Objects, unquoted
from fileman.errors import OutOfTime, StorageError, StorageMisconfigured, StorageUnavailable

LATE_PARTS = (
    "The storage lets the URL of a part overwrite a finished file, so files larger than SINGLE_REQUEST_MAX_BYTES are "
    "refused."
)


class LatePartProbe:
    """Completes a multipart upload of a few bytes and sends its part again, once in the life of this object."""

    def __init__(self, client: S3Client, backend: S3Objects) -> None:
        self._client = client
        self._backend = backend
        self._path = f"{backend.prefix}.uploads/{backend.config.manager_id}/probe-{uuid4()}"
        self._steps = (self._begin, self._send, self._complete, self._send_again, self._delete)
        self._done = 0
        self._lock = Lock()
        self._named: dict[str, str] = {}
        self._etag = ""
        self._has_late_parts = False

    def run(self) -> None:
        """Take the remaining steps. Raises StorageMisconfigured if the store takes late parts.

        OutOfTime leaves the remaining steps to the next call; after any other error it starts over.
        """
        if not self._lock.acquire(timeout=conf.settings().full_timeout_seconds):
            raise StorageUnavailable
        try:
            with s3_errors():
                while self._done < len(self._steps):
                    self._steps[self._done]()
                    self._done += 1
        except StorageError as error:
            self._done = self._done if isinstance(error, OutOfTime) else 0
            raise
        finally:
            self._lock.release()
        if self._has_late_parts:
            raise StorageMisconfigured(LATE_PARTS)

    def _begin(self) -> None:
        settings = self._backend.settings
        arguments = settings.new_object_arguments(self._path, "text/plain")
        upload_id = self._client.sdk.create_multipart_upload(**arguments)["UploadId"]
        self._named = {**settings.object_arguments(self._path), "UploadId": upload_id}

    def _send(self) -> None:
        self._etag = unquoted(self._client.sdk.upload_part(**self._named, PartNumber=1, Body=PROBE)["ETag"])

    def _complete(self) -> None:
        parts = {"Parts": [{"PartNumber": 1, "ETag": self._etag}]}
        self._client.sdk_once.complete_multipart_upload(**self._named, MultipartUpload=parts)

    def _send_again(self) -> None:
        try:
            response = self._client.sdk.upload_part(**self._named, PartNumber=1, Body=PROBE[::-1])
        except ClientError as error:
            status, code = status_and_code(error)
            # A busy store or the page of a proxy says nothing. Moto refuses with 500.
            if status not in {500, 501} and (status > 500 or status == 429 or not code[:1].isalpha()):
                raise
        else:
            self._has_late_parts = bool(unquoted(response["ETag"]))

    def _delete(self) -> None:
        try:
            self._backend.delete([self._path])
        except StorageError as error:
            if isinstance(error, OutOfTime):
                raise
            # The answer is known, and the lifecycle rule for this folder removes the object.
