"""google-cloud-storage clients and credentials for the stand-in that do not ask anything of the internet."""

from typing import Any

from google.cloud import storage
from google.oauth2 import service_account

from tests.servers.gcs import GcsServer


def client_of(server: GcsServer) -> Any:
    """A client with the test account's own credentials; the caller closes it."""
    return storage.Client(
        project=server.project_id,
        credentials=credentials_of(server.service_account_info),
        client_options={"api_endpoint": server.endpoint},
    )


def credentials_of(service_account_info: dict[str, str]) -> Any:
    """Credentials that sign, and that fetch their tokens from the token_uri of the account.

    Without a subject google-auth asks iamcredentials.googleapis.com, in a thread of its own, where the account may be
    used.
    """
    untyped: Any = service_account.Credentials
    return untyped.from_service_account_info(service_account_info, subject=service_account_info["client_email"])
