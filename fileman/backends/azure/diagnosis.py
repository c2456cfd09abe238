"""Ask Azure what is wrong with a configuration, and report it in sentences for an operator."""

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.storage.blob import BlobClient, CorsRule
from django.utils import timezone

from fileman import conf
from fileman.backends.azure.client import AzureClient
from fileman.backends.azure.errors import azure_errors, get_status_and_code
from fileman.backends.azure.signing import CREATE, READ, AzureSigner
from fileman.backends.diagnosis import PROBE, PROBE_SECONDS, Probe, describe_lock, matches
from fileman.errors import StorageError, StorageUnavailable

NEEDED_HEADERS = ("content-type", "x-ms-blob-content-type", "x-ms-blob-type")
_NO_RULE = f"No CORS rule of the account allows PUT with the headers {', '.join(NEEDED_HEADERS)}"
_SENTENCES = {
    "ContainerNotFound": "The container does not exist. Create it, or correct container_name.",
    "AuthenticationFailed": "Azure rejects the account key. Copy it again from the portal.",
    "AuthorizationFailure": "Azure rejects the account key, or its firewall blocks this server.",
    "KeyBasedAuthenticationNotPermitted": (
        "The account does not allow account keys. Remove account_key to sign in with tokens."
    ),
    "AuthorizationPermissionMismatch": (
        "The identity of this server lacks a role. It needs Storage Blob Data Contributor on the container and Storage "
        "Blob Delegator on the account."
    ),
    "AccountIsDisabled": "The storage account is disabled.",
}


class AzureDiagnosis:
    """Collects the problems of one configuration, for one use."""

    def __init__(self, client: AzureClient, signer: AzureSigner, prefix: str) -> None:
        self._client = client
        self._signer = signer
        self._probe = Probe(prefix, self._explain, azure_errors)

    def problems(self, *, direct: bool) -> list[str]:
        """Return one sentence for each problem; none holds a secret. Never raises."""
        found = self._probe.attempt("describe the container", lambda: self._client.container.get_container_properties())
        if found is None:
            return self._probe.problems
        if found.public_access:
            self._probe.report("The container allows public access. Set its access level to private.")
        if found.has_immutability_policy or found.has_legal_hold:
            self._probe.report(describe_lock("The immutability policy or legal hold of the container"))
        else:
            self._check_blobs()
            if direct:
                self._check_signed_uploads()
        if direct:
            self._check_cors()
        return self._probe.problems

    def _check_blobs(self) -> None:
        """Check what the server itself does, and downloads, which are signed even without direct uploads."""
        path = self._probe.new_path()
        blob = self._client.blob(path)
        attempt = self._probe.attempt
        if attempt("write a blob", lambda: blob.upload_blob(PROBE)):
            attempt("read a blob", lambda: blob.download_blob().readall())
            attempt("serve a signed download", lambda: self._signed(path, READ).download_blob().readall())
            attempt("delete a blob", blob.delete_blob)

    def _check_signed_uploads(self) -> None:
        """Upload as clients do: an account may reject all signatures, or lack the permission to create them."""
        path = self._probe.new_path()
        attempt = self._probe.attempt
        if attempt("accept a signed upload", lambda: self._signed(path, CREATE).upload_blob(PROBE, overwrite=True)):
            attempt("delete a blob", self._client.blob(path).delete_blob)

    def _signed(self, path: str, permission: str) -> BlobClient:
        url = self._signer.url(path, permission, expires_in=PROBE_SECONDS, now=timezone.now())
        return BlobClient.from_blob_url(url, **self._client.options)

    def _check_cors(self) -> None:
        """Check that a CORS rule allows uploads, and from each of ALLOWED_ORIGINS."""
        try:
            with azure_errors():
                rules: list[CorsRule] = self._client.service.get_service_properties()["cors"]
        except StorageError:  # tokens often lack the permission to read the rules
            return
        rules = [rule for rule in rules if _allows_uploads(rule)]
        if not rules:
            self._probe.report(f"{_NO_RULE}. Browsers cannot upload.")
            return
        allowed = [pattern for rule in rules for pattern in _split(rule.allowed_origins)]
        for origin in conf.settings().ALLOWED_ORIGINS:
            if not matches(origin, allowed):
                self._probe.report(f"{_NO_RULE} from {origin}. Its pages cannot upload.")

    def _explain(self, deed: str, error: StorageError) -> str:
        cause = error.__cause__
        if isinstance(cause, ClientAuthenticationError) and not cause.status_code:
            return "This server got no token to sign in with. Set account_key, or give it a managed identity."
        if isinstance(cause, HttpResponseError) and cause.status_code:
            status, code = get_status_and_code(cause)
            return _SENTENCES.get(code, f"Azure returned {status} {code} when asked to {deed}.")
        if isinstance(error, StorageUnavailable):
            return f"Azure cannot be reached at {self._client.account.url}."
        return f"The request to {deed} could not be sent: {type(cause).__name__}." if cause else error.message


def _allows_uploads(rule: CorsRule) -> bool:
    """Return True if a rule allows uploads from the origins it names."""
    patterns = _split(rule.allowed_headers.lower())
    return "PUT" in _split(rule.allowed_methods.upper()) and all(matches(one, patterns) for one in NEEDED_HEADERS)


def _split(listed: str) -> list[str]:
    return [item.strip() for item in listed.split(",")]
