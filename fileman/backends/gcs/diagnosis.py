"""Ask Google what is wrong with a configuration, and report it in sentences for an operator."""

from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from typing import Any
from urllib.parse import quote

from django.utils import timezone
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.cloud.storage import Bucket

from fileman import conf
from fileman.backends.diagnosis import PROBE, PROBE_SECONDS, Probe, describe_lock, missing_permission
from fileman.backends.gcs.client import UNAUTHORIZED, GCSClient
from fileman.backends.gcs.errors import NOT_UNDERSTOOD, Refused, gcs_errors
from fileman.backends.gcs.objects import GCSObjects
from fileman.backends.gcs.signing import GCSSigner
from fileman.backends.gcs.uploads import LENGTH_RANGE
from fileman.errors import FileMissing, StorageError, StorageUnavailable

NEEDED_HEADERS = ("Content-Type", LENGTH_RANGE, "x-goog-hash")
_PUT = f"to PUT with the headers {', '.join(NEEDED_HEADERS)}"
_SIGNED_ACCEPT = (400, 403, 404)
_ACCESS = "an access token"


class GCSDiagnosis:
    """Collects the problems of one configuration, for one use."""

    def __init__(self, client: GCSClient, objects: GCSObjects, signer: GCSSigner) -> None:
        self._client = client
        self._bucket = client.bucket
        self._objects = objects
        self._signer = signer
        self._settings = objects.settings
        self._probe = Probe(objects.prefix, self._explain, gcs_errors)
        self._path = self._probe.new_path()

    def problems(self, *, direct: bool) -> list[str]:
        """Return one sentence for each problem; none holds a secret. Never raises."""
        self._probe.attempt(_ACCESS, lambda: self._client.authorize({}))
        if self._probe.problems:
            return self._probe.problems
        options = {"prefix": self._probe.folder, "max_results": 1, **self._client.limits}
        self._probe.attempt("storage.objects.list", lambda: list(self._bucket.list_blobs(**options)))
        if self._probe.problems not in ([], [missing_permission("storage.objects.list")]):
            return self._probe.problems
        if self._find_lock():
            self._probe.report(describe_lock("The retention policy or default hold of the bucket"))
        else:
            self._check_objects()
        self._check_signatures()
        if direct:
            self._check_cors()
        return self._probe.problems

    def _find_lock(self) -> bool:
        """Return True if the bucket keeps its objects. False without the permission to ask."""
        with suppress(StorageError), gcs_errors():
            bucket = self._get_bucket()
            return bool(bucket.retention_period or bucket.default_event_based_hold)
        return False

    def _check_objects(self) -> None:
        attempt, limits = self._probe.attempt, self._client.limits
        new: dict[str, Any] = {"create_only": False, "headers": {"Content-Type": "text/plain"}, "data": PROBE}
        if attempt("storage.objects.create", lambda: self._client.upload("media", self._path, **new)) is None:
            return
        probe, copy = self._bucket.blob(self._path), self._bucket.blob(self._probe.new_path())
        attempt("storage.objects.get", lambda: probe.reload(**limits))
        attempt("storage.objects.create with storage.objects.get, to copy,", lambda: copy.rewrite(probe, **limits))
        attempt("storage.objects.delete", lambda: self._bucket.delete_blob(probe.name, **limits))
        attempt("storage.objects.get", self._look_at_absent_object)
        failures = attempt("storage.objects.delete", lambda: self._objects.delete([probe.name, copy.name]))
        if failures and not any(" storage.objects.delete" in problem for problem in self._probe.problems):
            self._probe.report(f"The storage does not delete as Google does ({failures[0].reason}).")

    def _look_at_absent_object(self) -> None:
        with suppress(FileMissing):
            self._objects.stat(self._probe.new_path())

    def _check_signatures(self) -> None:
        """Follow a signed URL of an absent object: 404 tells that Google accepted the signature."""
        url = self._probe.attempt(
            "iam.serviceAccounts.signBlob",
            lambda: self._signer.sign("GET", self._probe.new_path(), expires_in=PROBE_SECONDS, now=timezone.now()),
        )
        if url is None:
            return
        response = self._probe.attempt(
            "storage.objects.get", lambda: self._client.send_bare("GET", url, accept=_SIGNED_ACCEPT)
        )
        if response is not None and response.status_code != 404:
            self._probe.report(f"Google rejects URLs signed by these credentials (status {response.status_code}).")

    def _check_cors(self) -> None:
        """Send preflights, which need no permission; without known origins read the rules of the bucket."""
        origins = conf.settings().ALLOWED_ORIGINS
        for origin in origins:
            if not self._passes_preflight(origin):
                self._probe.report(f"No CORS rule of the bucket allows {origin} {_PUT}.")
        if not origins:
            rules = self._probe.attempt("storage.buckets.get", lambda: list(self._get_bucket().cors))
            if rules is not None and not any(_allows(rule) for rule in rules):
                self._probe.report(f"No CORS rule of the bucket allows browsers {_PUT}.")

    def _get_bucket(self) -> Bucket:
        bucket = self._bucket.client.bucket(self._bucket.name)
        bucket.reload(**self._client.limits)
        return bucket

    def _passes_preflight(self, origin: str) -> bool:
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": ",".join(sorted(header.lower() for header in NEEDED_HEADERS)),
        }
        url = f"{self._settings.base_url}/{self._settings.bucket_name}/{quote(self._path)}"
        response = self._probe.attempt(
            "CORS", lambda: self._client.send_bare("OPTIONS", url, headers=headers, accept=_SIGNED_ACCEPT)
        )
        if response is None:
            return True  # reported already
        with closing(response):
            allowed_headers = _lower(response.headers.get("Access-Control-Allow-Headers", "").split(","))
            allowed_origin = response.headers.get("Access-Control-Allow-Origin")
            return allowed_origin in {"*", origin} and _lower(NEEDED_HEADERS) <= allowed_headers

    def _explain(self, deed: str, error: StorageError) -> str:
        cause = error.__cause__
        if isinstance(cause, Refused):
            return self._explain_refusal(deed, cause)
        if isinstance(cause, DefaultCredentialsError):
            return "No credentials were found in the settings or in the environment."
        if isinstance(cause, GoogleAuthError) and not isinstance(error, StorageUnavailable):
            return f"Google rejects the credentials ({type(cause).__name__})."
        if deed == _ACCESS and isinstance(error, StorageUnavailable):
            return "The server that issues access tokens does not answer as Google's does."
        if isinstance(cause, NOT_UNDERSTOOD):
            return f"The server at {self._settings.base_url} is not Google Cloud Storage."
        if isinstance(error, StorageUnavailable):
            return f"The storage cannot be reached ({self._settings.place})."
        return error.message

    def _explain_refusal(self, deed: str, refused: Refused) -> str:
        if refused.is_no_bucket or (refused.status == 404 and deed == "storage.objects.list"):
            project = f" in the project {self._settings.project_id}" if self._settings.project_id else ""
            return f"The bucket does not exist{project}. Create it, or correct bucket_name."
        if refused.status == UNAUTHORIZED:
            return "Google rejects the access token of these credentials."
        if refused.status == 403 and refused.reason not in {"retentionPolicyNotMet", "objectUnderActiveHold"}:
            return missing_permission(deed)
        return f"Google returned {refused} to {deed}."


def _allows(rule: Mapping[str, Any]) -> bool:
    """Return True if a CORS rule allows uploads from the origins it names."""
    headers = _lower(rule.get("responseHeader", []))
    return bool({"PUT", "*"} & set(rule.get("method", []))) and ("*" in headers or _lower(NEEDED_HEADERS) <= headers)


def _lower(names: Iterable[str]) -> set[str]:
    return {name.strip().lower() for name in names}
