"""Test a configuration on the storage itself, and explain its problems to an operator."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError, PartialCredentialsError
from django.utils import timezone
from urllib3 import encode_multipart_formdata

from fileman import conf
from fileman.backends.diagnosis import PROBE, PROBE_SECONDS, Probe, describe_lock, matches, missing_permission
from fileman.backends.s3.client import S3Client
from fileman.backends.s3.copies import S3Copies
from fileman.backends.s3.errors import is_unsupported, s3_errors, status_and_code
from fileman.backends.s3.late_parts import LatePartProbe
from fileman.backends.s3.objects import computed_checksums, unquoted
from fileman.backends.s3.settings import SINGLE_CHECKSUMS
from fileman.backends.values import PartPlan, StoredObject, Strategy, Upload
from fileman.errors import StorageError, StorageUnavailable, UploadInProgress

_EXPLANATIONS = {
    "InvalidAccessKeyId": "The storage does not know this access_key_id.",
    "SignatureDoesNotMatch": "secret_access_key does not match access_key_id.",
    "InvalidToken": "session_token is not valid.",
    "ExpiredToken": "session_token has expired.",
    "RequestTimeTooSkewed": "The clock of this server is wrong, so the storage rejects its signatures.",
    "NoSuchBucket": "The bucket does not exist. Create it, or correct bucket_name.",
    "PermanentRedirect": "The bucket is in another region. Set region_name.",
    "AuthorizationHeaderMalformed": "The bucket is in another region. Set region_name.",
}


class S3Diagnosis:
    """Tries each kind of request once. For one use."""

    def __init__(self, client: S3Client, backend: S3Copies) -> None:
        self._client = client
        self._backend = backend
        self._settings = backend.settings
        self._probe = Probe(backend.prefix, partial(_explain, self._settings.place), s3_errors)
        self._listed = {"Bucket": self._settings.bucket_name, "Prefix": self._probe.folder}
        self._object = self._settings.object_arguments(self._probe.new_path())
        self._copy = self._settings.object_arguments(self._probe.new_path())

    def problems(self, *, direct: bool) -> list[str]:
        """Return one sentence for each problem, without secrets. Never raises."""
        if self._try_bucket():
            if self._has_retention():
                self._probe.report(describe_lock("The default retention (Object Lock) of the bucket"))
            else:
                self._write_probes(direct=direct)
            if direct:
                self._probe.attempt("s3:GetBucketCORS", self._check_cors)
        return self._probe.problems

    def _has_retention(self) -> bool:
        """Return True if Object Lock keeps every new object. False without the permission to ask."""
        with suppress(StorageError), s3_errors():
            found = self._client.sdk.get_object_lock_configuration(Bucket=self._settings.bucket_name)
            return "DefaultRetention" in found["ObjectLockConfiguration"].get("Rule", {})
        return False

    def _write_probes(self, *, direct: bool) -> None:
        self._try_objects()
        self._try_parts()
        if direct and self._settings.upload_method == "post":
            self._probe.attempt("a POST upload", self._try_post)
        for named in (self._object, self._copy):
            self._delete(named)

    def _try_bucket(self) -> bool:
        """Return True if further requests can tell more."""
        attempt = self._probe.attempt
        if attempt("s3:ListBucket", lambda: self._client.sdk.list_objects_v2(**self._listed, MaxKeys=1)) is None:
            return self._probe.problems == [missing_permission("s3:ListBucket")]
        head = attempt("s3:ListBucket", lambda: self._client.sdk.head_bucket(Bucket=self._settings.bucket_name)) or {}
        signed = self._client.connection.region
        region = head.get("BucketRegion") or signed
        if region != signed:
            self._probe.report(f"The bucket is in the region {region}, not in {signed}. Set region_name.")
        return True

    def _try_objects(self) -> None:
        sdk, attempt, encryption = self._client.sdk, self._probe.attempt, self._settings.encryption_arguments()
        if attempt("s3:PutObject", lambda: sdk.put_object(**self._object, **encryption, Body=PROBE)) is None:
            return
        head = attempt("s3:GetObject", lambda: sdk.head_object(**self._object))
        if head is not None:
            attempt("s3:GetObject with s3:PutObject (copy)", lambda: self._publish(head))

    def _try_parts(self) -> None:
        sdk, attempt, encryption = self._client.sdk, self._probe.attempt, self._settings.encryption_arguments()
        begun = attempt("s3:PutObject", lambda: sdk.create_multipart_upload(**self._object, **encryption))
        if begun is None:
            return
        named = {**self._object, "UploadId": begun["UploadId"]}
        attempt("s3:ListMultipartUploadParts", lambda: sdk.list_parts(**named))
        attempt("s3:ListBucketMultipartUploads", lambda: sdk.list_multipart_uploads(**self._listed))
        attempt("s3:AbortMultipartUpload", lambda: sdk.abort_multipart_upload(**named))
        if not self._settings.is_aws:
            attempt("s3:PutObject (part)", LatePartProbe(self._client, self._backend).run)

    def _publish(self, head: Mapping[str, Any]) -> StoredObject:
        etag = unquoted(head["ETag"])
        verified = StoredObject(
            path=self._object["Key"], size=len(PROBE), etag=etag, checksums=computed_checksums(head)
        )
        try:
            return self._backend.publish(self._upload, verified)
        except UploadInProgress as error:
            raise StorageUnavailable from error

    def _delete(self, named: dict[str, str]) -> None:
        """Delete an object, and in a bucket with versioning all its versions."""
        sdk, attempt = self._client.sdk, self._probe.attempt
        deleted = attempt("s3:DeleteObject", lambda: sdk.delete_object(**named))
        if not deleted or not deleted.get("DeleteMarker"):
            return
        filtered = {"Bucket": named["Bucket"], "Prefix": named["Key"]}
        listed = attempt("s3:ListBucketVersions", lambda: sdk.list_object_versions(**filtered)) or {}
        for entry in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]:
            version = {**named, "VersionId": entry["VersionId"]}
            attempt("s3:DeleteObjectVersion", partial(sdk.delete_object, **version))

    def _check_cors(self) -> None:
        try:
            rules = self._client.sdk.get_bucket_cors(Bucket=self._settings.bucket_name).get("CORSRules")
        except ClientError as error:
            if is_unsupported(error):
                return  # the store has no CORS rules: it allows browsers by other means, or not at all
            if status_and_code(error)[1] != "NoSuchCORSConfiguration":
                raise
            rules = []
        if rules is None:
            return  # a store that ignores "?cors" has listed the bucket instead
        for method, headers in self._browser_requests():
            for origin in conf.settings().ALLOWED_ORIGINS or [""]:
                if not any(_allows(rule, method, headers, origin) for rule in rules):
                    self._probe.report(_missing_rule(method, headers, origin))

    def _browser_requests(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each method that browsers use, with the headers that a rule must allow."""
        if self._settings.upload_method == "post":
            yield "POST", ["Content-Type"]
            yield "PUT", ["Content-Type"]
        else:
            checksums = (f"x-amz-checksum-{algorithm}" for algorithm in sorted(SINGLE_CHECKSUMS))
            yield "PUT", ["Content-Type", *self._settings.encryption_headers(), *checksums]

    @property
    def _upload(self) -> Upload:
        """A new upload of the probe, which is published as its copy."""
        return Upload(
            file_id=uuid4(),
            upload_path=self._object["Key"],
            file_path=self._copy["Key"],
            parts_path=self._copy["Key"],
            folder=self._copy["Key"],
            filename="probe",
            size=len(PROBE),
            content_type="text/plain",
            checksum=None,
            plan=PartPlan(strategy=Strategy.SINGLE, part_size=len(PROBE), total_parts=1),
            begun={},
            now=timezone.now(),
            expires_in=PROBE_SECONDS,
        )

    def _try_post(self) -> None:
        upload = self._upload
        [request] = self._backend.direct_requests(upload, list(upload.slices()))
        body, form = encode_multipart_formdata([*request.fields, ("file", ("probe", PROBE, "text/plain"))])
        status = self._client.send_unsigned("POST", request.url, headers={"Content-Type": form}, body=body)
        if status not in request.success_status:
            self._probe.report(f'The storage rejects POST uploads (status {status}). Set upload_method to "put".')


def _explain(place: str, deed: str, error: StorageError) -> str:
    cause = error.__cause__
    if isinstance(cause, ClientError):
        status, code = status_and_code(cause)
        if code in _EXPLANATIONS:
            return _EXPLANATIONS[code]
        return missing_permission(deed) if status == 403 else f"The storage returned {status} {code} for {deed}."
    if isinstance(cause, PartialCredentialsError):
        return f"The environment has only half of the access keys: {cause.kwargs['cred_var']} is not set."
    if isinstance(error, StorageUnavailable):
        return f"The storage ({place}) does not respond."
    return f"The request to the storage failed: {type(cause).__name__}." if cause else error.message


def _missing_rule(method: str, headers: list[str], origin: str) -> str:
    request = f"{method} from {origin}" if origin else method
    named = f"the header{'s' if len(headers) > 1 else ''} {', '.join(headers)}"
    return f"No CORS rule of the bucket allows {request} with {named}, so browsers cannot upload."


def _allows(rule: dict[str, Any], method: str, headers: list[str], origin: str) -> bool:
    """Return True if a CORS rule allows the request. An empty origin fits every rule."""
    patterns = [pattern.lower() for pattern in rule.get("AllowedHeaders", [])]
    return (
        method in rule.get("AllowedMethods", [])
        and all(matches(header.lower(), patterns) for header in headers)
        and (not origin or matches(origin, rule.get("AllowedOrigins", [])))
    )
