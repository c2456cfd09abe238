"""Asks Azure itself what is wrong with a configuration, and says it in sentences for an operator."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.storage.blob import BlobClient, ContainerProperties, CorsRule
from django.utils import timezone

from fileman import conf
from fileman.backends.azure.client import AzureClient, client_options
from fileman.backends.azure.errors import azure_errors, get_status_and_code
from fileman.backends.azure.signing import CREATE, READ, AzureSigner
from fileman.errors import StorageError, StorageUnavailable

PROBE = b"fileman probe"
PROBE_SECONDS = 60
NEEDED_HEADERS = ("content-type", "x-ms-blob-content-type", "x-ms-blob-type")
_SENTENCES = {
    "ContainerNotFound": "There is no container of this name.",
    "AuthenticationFailed": "Azure does not accept the account key.",
    "AuthorizationFailure": "Azure does not accept the account key, or its firewall does not let this server in.",
    "KeyBasedAuthenticationNotPermitted": "The account allows no account keys: leave account_key out and use tokens.",
    "AuthorizationPermissionMismatch": (
        "The identity of this server lacks a role: it needs Storage Blob Data Contributor on the container and Storage "
        "Blob Delegator on the account."
    ),
    "AccountIsDisabled": "The storage account is disabled.",
}


class AzureDiagnosis:
    """For one use: `problems` collects."""

    def __init__(self, connection: AzureClient, signer: AzureSigner, prefix: str) -> None:
        self._connection = connection
        self._signer = signer
        self._folder = f"{prefix}.uploads/"
        self._problems: list[str] = []

    def problems(self, *, direct: bool) -> list[str]:
        """One sentence each; none holds a secret. Never raises."""
        container = self._try("look at the container", self._container)
        if container is None:
            return self._problems
        if container.public_access:
            self._problems.append("The container lets anybody read: set its public access level to private.")
        self._blobs_work()
        if direct:
            self._signed_uploads_work()
            self._browsers_are_let_in()
        return list(dict.fromkeys(self._problems))

    def _container(self) -> ContainerProperties:
        return self._connection.container.get_container_properties()

    def _blobs_work(self) -> None:
        """A download is served by signature wherever the upload came through."""
        path = self._new_path()
        blob = self._connection.blob(path)
        if self._try("write a blob", lambda: blob.upload_blob(PROBE)):
            self._try("read a blob", lambda: blob.download_blob().readall())
            self._try("serve a signed download", lambda: self._signed(path, READ).download_blob().readall())
            self._try("delete a blob", blob.delete_blob)

    def _signed_uploads_work(self) -> None:
        """By what clients get: an account may refuse all signatures, or lack the right to make them."""
        path = self._new_path()
        if self._try("take a signed upload", lambda: self._signed(path, CREATE).upload_blob(PROBE, overwrite=True)):
            self._try("delete a blob", self._connection.blob(path).delete_blob)

    def _new_path(self) -> str:
        return f"{self._folder}probe-{uuid4()}"

    def _signed(self, path: str, permission: str) -> BlobClient:
        url = self._signer.url(path, permission, expires_in=PROBE_SECONDS, now=timezone.now())
        return BlobClient.from_blob_url(url, **client_options())

    def _browsers_are_let_in(self) -> None:
        """The rules of the account can be read with its key; those who come with a token often may not."""
        try:
            with azure_errors():
                rules: list[CorsRule] = self._connection.service.get_service_properties()["cors"]
        except StorageError:
            return
        needed = f"No CORS rule of the account allows PUT with {', '.join(NEEDED_HEADERS)}"
        rules = [rule for rule in rules if _allows_uploads(rule)]
        if not rules:
            self._problems.append(f"{needed}: browsers cannot upload.")
            return
        for origin in conf.settings().ALLOWED_ORIGINS:
            if not any(_matches(pattern, origin) for rule in rules for pattern in _listed(rule.allowed_origins)):
                self._problems.append(f"{needed} from {origin}: its pages cannot upload.")

    def _try(self, deed: str, call: Callable[[], Any]) -> Any:
        """What the call answers, or None and a problem more."""
        try:
            with azure_errors():
                return call()
        except StorageError as error:
            self._problems.append(self._sentence(deed, error))
            return None

    def _sentence(self, deed: str, error: StorageError) -> str:
        cause = error.__cause__
        if isinstance(cause, ClientAuthenticationError) and not cause.status_code:
            return "There is no identity to sign in with: set account_key, or give this server a managed identity."
        if isinstance(cause, HttpResponseError) and cause.status_code:
            status, code = get_status_and_code(cause)
            return _SENTENCES.get(code, f"Asked to {deed}, Azure answered {status} {code}.")
        if isinstance(error, StorageUnavailable):
            return f"Azure ({self._connection.account.url}) does not answer."
        return f"Azure cannot be asked to {deed}: {type(cause).__name__}."


def _allows_uploads(rule: CorsRule) -> bool:
    """From whatever origin it names."""
    headers = _listed(rule.allowed_headers.lower())
    return "PUT" in _listed(rule.allowed_methods.upper()) and all(
        any(_matches(pattern, header) for pattern in headers) for header in NEEDED_HEADERS
    )


def _listed(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")]


def _matches(pattern: str, text: str) -> bool:
    """Such as "*", "x-ms-*" and "https://*.example.com"."""
    start, star, end = pattern.partition("*")
    return text.startswith(start) and text.endswith(end) if star else text == pattern
