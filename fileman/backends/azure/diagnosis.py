"""What only Azure can be asked, and its refusals in sentences for an operator."""

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from fileman.backends.azure.client import AzureClient
from fileman.backends.azure.errors import azure_errors, get_status_and_code
from fileman.backends.diagnosis import Diagnosis, Problem
from fileman.errors import FilemanError

_NO_CONTAINER = "There is no container at {place}. Create it, or correct container_name."
_NO_KEYS = "The account does not allow account keys. Remove account_key to sign in with tokens."
_NO_ROLE = (
    "The identity of this server lacks a role. It needs Storage Blob Data Contributor on the container and Storage "
    "Blob Delegator on the account."
)


class AzureDiagnosis(Diagnosis):
    _client: AzureClient
    ignored_variables = ("AZURE_STORAGE_CONNECTION_STRING",)
    sentences = {
        "ContainerNotFound": ("bucket.missing", _NO_CONTAINER),
        "AuthenticationFailed": ("credentials", "Azure rejects the account key. Copy it again from the portal."),
        "AuthorizationFailure": ("credentials", "Azure rejects the account key, or its firewall blocks this server."),
        "KeyBasedAuthenticationNotPermitted": ("credentials", _NO_KEYS),
        "AuthorizationPermissionMismatch": ("permission", _NO_ROLE),
        "AccountIsDisabled": ("account.disabled", "The storage account is disabled."),
    }

    def _reach(self) -> str:
        with azure_errors():
            found = self._client.container.get_container_properties()
        if found.public_access:
            self._report("bucket.public", "The container allows public access. Set its access level to private.")
        is_locked = found.has_immutability_policy or found.has_legal_hold
        return "The immutability policy or legal hold of the container" if is_locked else ""

    def _explain(self, step: str, error: FilemanError) -> Problem:
        cause = error.__cause__
        if isinstance(cause, ClientAuthenticationError) and not cause.status_code:
            sentence = "This server got no token to sign in with. Set account_key, or give it a managed identity."
            return Problem("credentials", sentence)
        if isinstance(cause, HttpResponseError) and cause.status_code:
            return self._explain_refusal(step, *get_status_and_code(cause))
        return super()._explain(step, error)
