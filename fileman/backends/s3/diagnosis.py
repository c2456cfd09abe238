"""Questions that only S3 can be asked, its refusals in sentences for an operator, and the probe for late parts."""

from contextlib import suppress
from threading import Lock
from uuid import uuid4

from botocore.exceptions import ClientError, PartialCredentialsError, ProfileNotFound
from urllib3 import BaseHTTPResponse

from fileman import conf
from fileman.backends.diagnosis import PROBE, Diagnosis, Problem
from fileman.backends.s3.client import S3Client
from fileman.backends.s3.errors import s3_errors, status_and_code
from fileman.backends.s3.objects import S3Objects, unquoted
from fileman.backends.s3.settings import S3Settings
from fileman.backends.values import DeleteFailure, Upload, UploadRequest
from fileman.errors import FilemanError, OutOfTime, StorageError, StorageMisconfigured, StorageUnavailable

_COPY = "s3:GetObject with s3:PutObject (copy)"
# Permissions of the SDK's operations with another name.
_PERMISSIONS = {
    "ListObjectsV2": "s3:ListBucket", "HeadObject": "s3:GetObject",
    "CreateMultipartUpload": "s3:PutObject", "UploadPart": "s3:PutObject", "CompleteMultipartUpload": "s3:PutObject",
    "CopyObject": _COPY, "UploadPartCopy": _COPY, "ListParts": "s3:ListMultipartUploadParts",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads", "ListObjectVersions": "s3:ListBucketVersions",
    "DeleteObjects": "s3:DeleteObject",
}  # fmt: skip
_OF_CREDENTIALS = {
    "InvalidAccessKeyId": "{place} does not know this access_key_id.",
    "SignatureDoesNotMatch": "secret_access_key does not match access_key_id at {place}.",
    "InvalidToken": "session_token is not valid at {place}.",
    "ExpiredToken": "session_token has expired.",
    "RequestTimeTooSkewed": "The clock of this server is wrong, so the storage rejects its signatures.",
}
_OF_REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "AuthorizationQueryParametersError")
_MAY_LACK_POST = {400, 403, 405, 412, 501}
_LATE_PARTS = (
    "The storage lets the URL of a part overwrite a finished file, so files larger than SINGLE_REQUEST_MAX_BYTES are "
    "refused."
)


class S3Diagnosis(Diagnosis):
    _client: S3Client
    _settings: S3Settings
    ignored_variables = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
    permissions = {"accept a signed upload": "s3:PutObject", "serve a signed download": "s3:GetObject"}
    sentences = {
        "NoSuchBucket": ("bucket.missing", "There is no bucket at {place}. Create it, or correct bucket_name."),
        **{code: ("credentials", sentence) for code, sentence in _OF_CREDENTIALS.items()},
        **dict.fromkeys(_OF_REGION, ("bucket.region", "{place} is in another region. Set region_name.")),
    }

    def _reach(self) -> str:
        bucket = {"Bucket": self._settings.bucket_name}
        with s3_errors():
            self._client.sdk.list_objects_v2(**bucket, Prefix=self._folder, MaxKeys=1)
        with suppress(StorageError), s3_errors():  # without the permission to ask: no lock
            found = self._client.sdk.get_object_lock_configuration(**bucket)["ObjectLockConfiguration"]
            if "DefaultRetention" in found.get("Rule", {}):
                return "The default retention (Object Lock) of the bucket"
        return ""

    def _explain(self, step: str, error: FilemanError) -> Problem:
        cause = error.__cause__
        if isinstance(cause, ClientError):
            status, code = status_and_code(cause)
            operation, message = cause.operation_name, str(cause.response.get("Error", {}).get("Message", ""))
            return self._explain_refusal(step, status, code, message, _PERMISSIONS.get(operation, f"s3:{operation}"))
        if isinstance(cause, PartialCredentialsError):
            half = f"The environment has only half of the access keys: {cause.kwargs['cred_var']} is not set."
            return Problem("credentials", half)
        if isinstance(cause, ProfileNotFound):
            return Problem("credentials", f"AWS_PROFILE names {cause.kwargs['profile']!r}, a profile that is missing.")
        return super()._explain(step, error)

    def _explain_refusal(self, step: str, status: int, code: str, message: str = "", permission: str = "") -> Problem:
        """After the first call the keys are known to be good: then such a code is about the KMS key or a signature."""
        is_late = step != "list objects"
        about_key = code in _OF_CREDENTIALS or "kms" in f"{code} {message}".lower()
        if is_late and about_key and self._settings.server_side_encryption == "aws:kms":
            sentence = f"{self._place} rejects the KMS key ({status} {code}). Correct kms_key_id or its policy."
            return Problem("kms", sentence)
        if is_late and code in _OF_CREDENTIALS:
            sentence = f"{self._place} rejects signed URLs ({status} {code}): does a proxy change their host or region?"
            return Problem("signature", sentence)
        problem = super()._explain_refusal(step, status, code, message, permission)
        if "Version" in permission and problem.id == "permission":
            problem.fix = self._get_fix("permission for versions")
        return problem

    def _explain_upload(self, upload: Upload, request: UploadRequest, response: BaseHTTPResponse) -> Problem:
        """Advise PUT only if the bucket takes an object that is not sent by POST."""
        problem = super()._explain_upload(upload, request, response)
        if request.method != "POST" or response.status not in _MAY_LACK_POST or problem.id == "signature":
            return problem
        try:
            with s3_errors():
                named = self._settings.new_object_arguments(upload.upload_path, "text/plain")
                self._client.sdk.put_object(**named, Body=PROBE)
        except StorageError as error:
            return self._explain("store an object", error)
        sentence = f'{self._place} rejects POST uploads (status {response.status}). Set upload_method to "put".'
        return Problem("upload.post", sentence, {"upload_method": "put"})

    def _explain_deletion(self, failure: DeleteFailure) -> Problem:
        if failure.reason != "AccessDenied":
            return super()._explain_deletion(failure)
        is_version = self._backend.find(failure.path) is None
        permission = "s3:DeleteObjectVersion" if is_version else "s3:DeleteObject"
        return self._explain_refusal("delete an object", 403, failure.reason, permission=permission)


class LatePartProbe:
    """Finds out whether the id of a multipart upload survives its completion, as on OpenStack Swift.

    There a client that sends a part again overwrites a piece of the finished file, which nobody can read any more. The
    probe completes an upload of a few bytes and sends its part again, once in the life of this object.
    """

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
            raise StorageMisconfigured(_LATE_PARTS)

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
