"""What only Google can be asked, and its refusals in sentences for an operator."""

from contextlib import suppress

from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

from fileman.backends.diagnosis import Diagnosis, Problem
from fileman.backends.gcs.client import UNAUTHORIZED, GCSClient
from fileman.backends.gcs.errors import NOT_UNDERSTOOD, Refused, gcs_errors
from fileman.backends.values import DeleteFailure
from fileman.errors import FilemanError, StorageError, StorageUnavailable

_GET, _CREATE, _DELETE = "storage.objects.get", "storage.objects.create", "storage.objects.delete"
_OF_A_LOCK = {"retentionPolicyNotMet", "objectUnderActiveHold"}


class GCSDiagnosis(Diagnosis):
    _client: GCSClient
    _has_token = False
    ignored_variables = ("STORAGE_EMULATOR_HOST",)
    permissions = {
        "list objects": "storage.objects.list", "sign URLs": "iam.serviceAccounts.signBlob",
        "begin an upload": _CREATE, "accept a signed upload": _CREATE, "store an object": _CREATE,
        "describe an object": _GET, "assemble an upload": _GET, "read an object": _GET, "serve a signed download": _GET,
        "copy an object": f"{_CREATE} with {_GET}, to copy,", "abort an upload": _DELETE, "delete an object": _DELETE,
    }  # fmt: skip

    def _reach(self) -> str:
        bucket, limits = self._client.bucket, self._client.limits
        with gcs_errors():
            self._client.authorize({})
            self._has_token = True
            list(bucket.list_blobs(prefix=self._folder, max_results=1, **limits))
        with suppress(StorageError), gcs_errors():  # without the permission to ask: no lock
            described = bucket.client.bucket(bucket.name)
            described.reload(**limits)
            if described.retention_period or described.default_event_based_hold:
                return "The retention policy or default hold of the bucket"
        return ""

    def _explain(self, step: str, error: FilemanError) -> Problem:
        cause = error.__cause__
        if isinstance(cause, Refused):
            return self._explain_answer(step, cause)
        if isinstance(cause, DefaultCredentialsError):
            return Problem("credentials", "No credentials were found in the settings or in the environment.")
        if isinstance(cause, GoogleAuthError) and not isinstance(error, StorageUnavailable):
            return Problem("credentials", f"Google rejects the credentials ({type(cause).__name__}).")
        if not self._has_token and isinstance(error, StorageUnavailable):
            return Problem("credentials", "The server that issues access tokens does not answer as Google's does.")
        if isinstance(cause, NOT_UNDERSTOOD):
            return Problem("endpoint", f"{self._place} is not in Google Cloud Storage.")
        return super()._explain(step, error)

    def _explain_answer(self, step: str, refused: Refused) -> Problem:
        if refused.is_no_bucket or (refused.status == 404 and step == "list objects"):
            return Problem("bucket.missing", f"There is no bucket at {self._place}. Create it, or correct bucket_name.")
        if refused.status == UNAUTHORIZED:
            return Problem("credentials", "Google rejects the access token of these credentials.")
        is_denied = refused.status == 403 and refused.reason not in _OF_A_LOCK
        return self._explain_refusal(step, refused.status, "AccessDenied" if is_denied else refused.reason)

    def _explain_refusal(self, step: str, status: int, code: str, message: str = "", permission: str = "") -> Problem:
        # A deleted key still gets tokens for a while.
        if status == 403 and code not in {"AccessDenied", *_OF_A_LOCK}:
            return Problem("signature", f"Google rejects URLs signed by these credentials ({status} {code}).")
        return super()._explain_refusal(step, status, code, message, permission)

    def _explain_deletion(self, failure: DeleteFailure) -> Problem:
        status, _, reason = failure.reason.partition(" ")
        if status.isdecimal():
            return self._explain_answer("delete an object", Refused(int(status), reason))
        return super()._explain_deletion(failure)
