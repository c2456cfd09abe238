"""Asks the storage itself what is wrong with a configuration, and says it in sentences for an operator."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError, PartialCredentialsError
from django.utils import timezone
from urllib3 import encode_multipart_formdata

from fileman import conf
from fileman.backends.s3.client import S3Client
from fileman.backends.s3.errors import is_unsupported, s3_errors, status_and_code
from fileman.backends.s3.settings import SINGLE_CHECKSUMS, S3Settings
from fileman.backends.s3.uploads import S3Uploads
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
    """For one use: `problems` collects."""

    def __init__(self, client: S3Client, settings: S3Settings, uploads: S3Uploads, prefix: str) -> None:
        self._s3 = client
        self._uploads = uploads
        self._settings = settings
        folder = f"{prefix}.uploads/"
        self._listed = {"Bucket": settings.bucket_name, "Prefix": folder}
        self._probe = {"Bucket": settings.bucket_name, "Key": f"{folder}probe-{uuid4()}"}
        self._copy = {"Bucket": settings.bucket_name, "Key": f"{folder}probe-{uuid4()}"}
        self._problems: list[str] = []

    def problems(self, *, direct: bool) -> list[str]:
        """One sentence each; none holds a secret. Never raises."""
        if not self._bucket_answers():
            return self._problems
        self._objects_work()
        self._parts_work()
        if direct:
            self._try("s3:GetBucketCORS", self._browsers_are_let_in)
        if direct and self._settings.upload_method == "post":
            self._try("POST uploads", self._post_works)
        for probe in (self._probe, self._copy):
            self._goes(probe)
        return list(dict.fromkeys(self._problems))

    @property
    def _client(self) -> Any:
        return self._s3.sdk

    def _bucket_answers(self) -> bool:
        """Whether it makes sense to ask for more."""
        listed = self._try("s3:ListBucket", lambda: self._client.list_objects_v2(**self._listed, MaxKeys=1))
        if listed is None:
            return self._problems == [_lacking("s3:ListBucket")]
        head = self._try("s3:ListBucket", lambda: self._client.head_bucket(Bucket=self._settings.bucket_name)) or {}
        region = head.get("BucketRegion") or self._s3.region
        if region != self._s3.region:
            self._problems.append(f"The bucket lies in the region {region}, not in {self._s3.region}.")
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

    def _goes(self, probe: dict[str, str]) -> None:
        """Also what a bucket with versioning would keep of it."""
        client = self._client
        deleted = self._try("s3:DeleteObject", lambda: client.delete_object(**probe))
        if not deleted or not deleted.get("DeleteMarker"):
            return
        of_probe = {"Bucket": probe["Bucket"], "Prefix": probe["Key"]}
        listed = self._try("s3:ListBucketVersions", lambda: client.list_object_versions(**of_probe)) or {}
        for entry in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
            version = {**probe, "VersionId": entry["VersionId"]}
            self._try("s3:DeleteObjectVersion", partial(client.delete_object, **version))

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
        for method, headers in self._sent_by_browsers():
            self._problems += [
                _not_let_in(method, headers, origin)
                for origin in conf.settings().ALLOWED_ORIGINS or [""]
                if not any(_allows(rule, method, headers, origin) for rule in rules)
            ]

    def _sent_by_browsers(self) -> Iterator[tuple[str, list[str]]]:
        """Methods, and the headers that a rule has to allow with each."""
        if self._settings.upload_method == "post":
            yield "POST", ["Content-Type"]
            yield "PUT", ["Content-Type"]
        else:
            checksums = (f"x-amz-checksum-{algorithm}" for algorithm in sorted(SINGLE_CHECKSUMS))
            yield "PUT", ["Content-Type", *self._settings.encryption_headers(), *checksums]

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
        request = self._uploads.sign(upload, list(upload.slices()))[0]
        body, form = encode_multipart_formdata([*request.fields, ("file", ("probe", PROBE, "text/plain"))])
        status = self._s3.send_unsigned("POST", request.url, headers={"Content-Type": form}, body=body)
        if status not in request.success_status:
            self._problems.append(f'The storage refuses POST uploads (status {status}): set upload_method to "put".')

    def _try(self, right: str, call: Callable[[], Any]) -> Any:
        """What the call answers, or None and a problem more."""
        try:
            with s3_errors():
                return call()
        except StorageError as error:
            self._problems.append(self._sentence(right, error))
            return None

    def _sentence(self, right: str, error: StorageError) -> str:
        cause = error.__cause__
        if isinstance(cause, ClientError):
            status, code = status_and_code(cause)
            if code in _SENTENCES:
                return _SENTENCES[code]
            return _lacking(right) if status == 403 else f"Asked for {right}, the storage answered {status} {code}."
        if isinstance(cause, PartialCredentialsError):
            return f"There is half of a pair of keys in the environment: {cause.kwargs['cred_var']} is missing."
        if isinstance(error, StorageUnavailable):
            return f"The storage ({self._settings.place}) does not answer."
        return f"The storage cannot be asked: {type(cause).__name__}." if cause else error.message


def _lacking(right: str) -> str:
    return f"The credentials lack the right {right}."


def _not_let_in(method: str, headers: list[str], origin: str) -> str:
    request = f"{method} from {origin}" if origin else method
    named = f"the header{'s' if len(headers) > 1 else ''} {', '.join(headers)}"
    return f"No CORS rule of the bucket allows {request} with {named}: browsers cannot upload."


def _allows(rule: dict[str, Any], method: str, headers: list[str], origin: str) -> bool:
    """Whether one rule lets it in, from any page where no origin is named."""
    patterns = [pattern.lower() for pattern in rule.get("AllowedHeaders", [])]
    return (
        method in rule.get("AllowedMethods", [])
        and all(_matches(header.lower(), patterns) for header in headers)
        and (not origin or _matches(origin, rule.get("AllowedOrigins", [])))
    )


def _matches(text: str, patterns: Iterable[str]) -> bool:
    """Patterns may have an asterisk."""
    return any(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) for pattern in patterns)
