"""New buckets on the servers, each with what a file manager needs to use it."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from azure.storage.blob import BlobServiceClient, CorsRule
from botocore.config import Config

from tests.servers.availability import REPOSITORY
from tests.servers.endpoints import AzureServer, S3Server
from tests.servers.gcs import PROJECT, GoogleServer

DOCUMENTED_ORIGIN = "https://app.example.com"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket or container, and the fields of a file manager for it."""

    backend_type: str
    backend_url: str
    settings: dict[str, Any]
    origin: str
    """The origin that browsers send the bytes to."""
    get_paths: Callable[[], list[str]]
    """Returns the names of all objects, sorted; on Azure also of those that are not committed."""


def documented_rules(backend: str, origin: str) -> Any:
    """Return the JSON below the heading CORS of the backend's page, with our origin for the example's."""
    text = (REPOSITORY / "docs" / "backends" / f"{backend}.md").read_text().partition("\n## CORS\n")[2]
    found = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert found is not None
    assert DOCUMENTED_ORIGIN in found[1]
    return json.loads(found[1].replace(DOCUMENTED_ORIGIN, origin))


@cache
def client_of(server: S3Server) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        region_name=server.region_name,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def create_s3_bucket(server: S3Server, name: str, origin: str) -> Bucket:
    keys = {"access_key_id": server.access_key_id, "secret_access_key": server.secret_access_key}
    client = client_of(server)
    client.create_bucket(Bucket=name)
    client.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": documented_rules("s3", origin)})
    return Bucket(
        backend_type="s3",
        backend_url=f"s3://{name}/",
        settings={"bucket_name": name, "region_name": server.region_name, "endpoint_url": server.endpoint_url, **keys},
        origin=server.endpoint_url,
        get_paths=lambda: [entry["Key"] for entry in client.list_objects_v2(Bucket=name).get("Contents", [])],
    )


def create_azure_container(server: AzureServer, name: str, origin: str) -> Bucket:
    """The CORS rules are those of the whole service."""
    service = BlobServiceClient.from_connection_string(server.connection_string)
    container = service.create_container(name)
    set_azure_rules(service, origin)
    return Bucket(
        backend_type="azure",
        backend_url=f"azure://{name}/",
        settings={"connection_string": server.connection_string, "container_name": name},
        origin=server.endpoint_url.removesuffix(f"/{server.account_name}"),
        get_paths=lambda: sorted(str(blob.name) for blob in container.list_blobs(include=["uncommittedblobs"])),
    )


def set_azure_rules(service: BlobServiceClient, origin: str) -> None:
    """Set the CORS rules of the documentation, for the whole service."""
    rules = [
        CorsRule(
            rule["allowedOrigins"],
            rule["allowedMethods"],
            allowed_headers=rule["allowedHeaders"],
            exposed_headers=rule["exposedHeaders"],
            max_age_in_seconds=rule["maxAgeInSeconds"],
        )
        for rule in documented_rules("azure", origin)["cors"]["corsRules"]
    ]
    service.set_service_properties(cors=rules)


def create_gcs_bucket(server: GoogleServer, name: str, origin: str) -> Bucket:
    client = server.client()
    bucket = client.create_bucket(name)
    bucket.cors = documented_rules("gcs", origin)
    bucket.patch()
    return Bucket(
        backend_type="gcs",
        backend_url=f"gs://{name}/",
        settings={
            "bucket_name": name,
            "project_id": PROJECT,
            "credentials": server.service_account_info,
            "endpoint": server.endpoint_url,
        },
        origin=server.endpoint_url,
        get_paths=lambda: sorted(str(blob.name) for blob in client.list_blobs(name)),
    )
