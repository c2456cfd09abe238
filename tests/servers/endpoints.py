"""The endpoint and credentials of each server, and what it enforces."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """A running server of the S3 protocol. docs/backends/s3.md shows what each refuses."""

    endpoint_url: str
    """`http://127.0.0.1:<port>`, without a trailing slash; buckets are addressed by path."""
    access_key_id: str
    """Of a user who may create buckets."""
    secret_access_key: str
    """The secret of `access_key_id`."""
    region_name: str = "us-east-1"
    """Requests are signed for this region."""
    verifies_signatures: bool = True
    """Refuses requests that are unsigned, expired or signed for something else, by header and by URL."""
    takes_post: bool = True
    """Offers presigned POST, enforced or not."""


@dataclass(frozen=True, kw_only=True)
class AzureServer:
    """A running server of the Azure Blob protocol."""

    endpoint_url: str
    """`http://127.0.0.1:<port>/<account name>`, without a trailing slash."""
    account_name: str
    """The storage account."""
    account_key: str
    """Its key, base64."""
    connection_string: str
    """All of the above, for the Azure SDK."""
