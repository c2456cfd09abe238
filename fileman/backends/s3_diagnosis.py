"""Asks the storage itself what is wrong with a configuration, and says it in sentences for an operator."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from django.utils import timezone
from urllib3 import encode_multipart_formdata

from fileman import conf
from fileman.backends.s3_connection import S3Connection
from fileman.backends.s3_errors import is_unsupported, s3_errors, status_and_code
from fileman.backends.s3_requests import S3Requests
from fileman.backends.s3_settings import S3Settings
from fileman.backends.values import PartPlan, Strategy, Upload
from fileman.errors import StorageError, StorageUnavailable

PROBE = b"fileman probe"
PROBE_SECONDS = 60
_SENTENCES = {
    "InvalidAccessKeyId": "The storage does not know this access_key_id.",
    "SignatureDoesNotMatch": "The secret_access_key does not belong to the access_key_id.",
    "InvalidToken": "The session_token is not valid.",
    "ExpiredToken": "The session_token has expired.",
    "RequestTimeTooSkewed": "The clock of this server is wrong: the storage refuses its signatures.",
    "NoSuchBucket": "There is no bucket of this name.",
    "PermanentRedirect": "The bucket lies in another region: set region_name.",
    "AuthorizationHeaderMalformed": "The bucket lies in another region: set region_name.",
}


class S3Diagnosis:
    """For one use: `faults` collects."""

    def __init__(self, connection: S3Connection, requests: S3Requests, settings: S3Settings, prefix: str) -> None:
        self._connection = connection
        self._requests = requests
        self._settings = settings
        folder = f"{prefix}.uploads/"
        self._listed = {"Bucket": settings.bucket_name, "Prefix": folder}
        self._probe = {"Bucket": settings.bucket_name, "Key": f"{folder}probe-{uuid4()}"}
        self._copy = {"Bucket": settings.bucket_name, "Key": f"{folder}probe-{uuid4()}"}
        self._faults: list[str] = []

    def faults(self, *, direct: bool) -> list[str]:
        """One sentence each; none holds a secret. Never raises."""
        if not self._bucket_answers():
            return self._faults
        self._objects_work()
        self._parts_work()
        if direct:
            self._try("s3:GetBucketCORS", self._browsers_are_let_in)
        if direct and self._settings.upload_method == "post":
            self._try("POST uploads", self._post_works)
        for probe in (self._probe, self._copy):
            self._try("s3:DeleteObject", partial(self._client.delete_object, **probe))
        return list(dict.fromkeys(self._faults))

    @property
    def _client(self) -> Any:
        return self._connection.client

    def _bucket_answers(self) -> bool:
        """Whether it makes sense to ask for more."""
        listed = self._try("s3:ListBucket", lambda: self._client.list_objects_v2(**self._listed, MaxKeys=1))
        if listed is None:
            return self._faults == [_lacking("s3:ListBucket")]
        head = self._try("s3:ListBucket", lambda: self._client.head_bucket(Bucket=self._settings.bucket_name)) or {}
        region = head.get("BucketRegion") or self._connection.region
        if region != self._connection.region:
            self._faults.append(f"The bucket lies in the region {region}, not in {self._connection.region}.")
        return True

    def _objects_work(self) -> None:
        client, encryption = self._client, self._settings.encryption_arguments()
        if self._try("s3:PutObject", lambda: client.put_object(**self._probe, **encryption, Body=PROBE)) is None:
            return
        self._try("s3:GetObject", lambda: client.head_object(**self._probe))
        self._try(
            "s3:GetObject with s3:PutObject (a copy)",
            lambda: client.copy_object(**self._copy, **encryption, CopySource=self._probe),
        )

    def _parts_work(self) -> None:
        client, encryption = self._client, self._settings.encryption_arguments()
        begun = self._try("s3:PutObject", lambda: client.create_multipart_upload(**self._probe, **encryption))
        if begun is None:
            return
        named = {**self._probe, "UploadId": begun["UploadId"]}
        self._try("s3:ListMultipartUploadParts", lambda: client.list_parts(**named))
        self._try("s3:ListBucketMultipartUploads", lambda: client.list_multipart_uploads(**self._listed))
        self._try("s3:AbortMultipartUpload", lambda: client.abort_multipart_upload(**named))

    def _browsers_are_let_in(self) -> None:
        try:
            rules = self._client.get_bucket_cors(Bucket=self._settings.bucket_name).get("CORSRules")
        except ClientError as error:
            if is_unsupported(error):
                return  # such a store lets browsers in by other means, or not at all
            if status_and_code(error)[1] != "NoSuchCORSConfiguration":
                raise
            rules = []
        if rules is None:
            return  # an answer to another question, from a store that does not know this one
        for method in sorted({self._settings.upload_method.upper(), "PUT"}):
            if not any(_allows(rule, method) for rule in rules):
                self._faults.append(
                    f"No CORS rule of the bucket allows {method} with the header Content-Type: browsers cannot upload."
                )

    def _post_works(self) -> None:
        now = timezone.now()
        plan = PartPlan(strategy=Strategy.SINGLE, part_size=len(PROBE), total_parts=1)
        upload = Upload(
            file_id=uuid4(),
            upload_path=self._probe["Key"],
            file_path=self._copy["Key"],
            filename="probe",
            size=len(PROBE),
            content_type="text/plain",
            checksum=None,
            plan=plan,
            begun={},
            now=now,
            expires_in=PROBE_SECONDS,
        )
        request = self._requests.of(upload, list(upload.slices()))[0]
        status = _post(request.url, [*request.fields, ("file", ("probe", PROBE, "text/plain"))])
        if status not in request.success_status:
            self._faults.append(f'The storage refuses POST uploads (status {status}): set upload_method to "put".')

    def _try(self, right: str, call: Callable[[], Any]) -> Any:
        """What the call answers, or None and a fault more."""
        try:
            with s3_errors():
                return call()
        except StorageError as error:
            self._faults.append(self._sentence(right, error))
            return None

    def _sentence(self, right: str, error: StorageError) -> str:
        cause = error.__cause__
        if isinstance(cause, ClientError):
            status, code = status_and_code(cause)
            if code in _SENTENCES:
                return _SENTENCES[code]
            return _lacking(right) if status == 403 else f"Asked for {right}, the storage answered {status} {code}."
        if isinstance(error, StorageUnavailable):
            return f"The storage ({self._settings.place}) does not answer."
        return f"The storage cannot be asked: {type(cause).__name__}." if cause else error.message


def _lacking(right: str) -> str:
    return f"The credentials lack the right {right}."


def _allows(rule: dict[str, Any], method: str) -> bool:
    headers = {header.lower() for header in rule.get("AllowedHeaders", [])}
    return method in rule.get("AllowedMethods", []) and bool(headers & {"*", "content-type"})


def _post(url: str, fields: list[tuple[str, Any]]) -> int:
    """Send a form as browsers do, with the timeouts and certificates of the SDK. Answers the status."""
    body, content_type = encode_multipart_formdata(fields)
    limits = conf.settings()
    session = URLLib3Session(timeout=(limits.STORAGE_CONNECT_TIMEOUT_SECONDS, limits.STORAGE_READ_TIMEOUT_SECONDS))
    request = AWSRequest(method="POST", url=url, headers={"Content-Type": content_type}, data=body)
    try:
        return int(session.send(request.prepare()).status_code)
    finally:
        session.close()
