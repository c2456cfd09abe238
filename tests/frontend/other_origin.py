"""A small page on origins of its own, an API that names some of them, and storages that name one."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import boto3
from azure.storage.blob import BlobServiceClient, CorsRule

from tests.frontend.demo_server import demo_served
from tests.servers import AzureServer, S3Server
from tests.servers.availability import REPOSITORY
from tests.servers.gcs import GcsServer
from tests.servers.gcs_client import client_of
from tests.servers.process import LOOPBACK

FOLDERS = {"uploader": REPOSITORY / "frontend_examples" / "uploader"}
DOCUMENTED_ORIGIN = "https://app.example.com"


class _Handler(SimpleHTTPRequestHandler):
    def translate_path(self, path: str) -> str:
        if path.startswith("/uploader/"):
            return str(FOLDERS["uploader"] / Path(path).name)
        return super().translate_path(path)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def page_served() -> Iterator[str]:
    """The origin at which the page stands, until the end of the block."""
    handler = partial(_Handler, directory=str(Path(__file__).with_name("other_origin_page")))
    with ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def api_served(folder: Path, *origins: str) -> Iterator[str]:
    """The demo with its local disk only, for pages of these origins too, and on their host, which cookies go by."""
    with demo_served(folder, with_clouds=False, origins=",".join(origins)) as port:
        yield f"http://{LOOPBACK}:{port}"


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A new, empty storage whose CORS rules are those of its page in docs/backends, for one origin."""

    backend_type: str
    """As a file manager names it."""
    backend_url: str
    """Likewise."""
    settings: dict[str, Any]
    """Likewise."""
    origin: str
    """Where browsers send the bytes."""
    everything: Callable[[], list[str]]
    """Names of all objects in it."""


def documented_rules(backend: str, origin: str) -> Any:
    """The JSON below the heading CORS of the backend's page, with our origin for the example's."""
    text = (REPOSITORY / "docs" / "backends" / f"{backend}.md").read_text().partition("\n## CORS\n")[2]
    found = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert found is not None
    assert DOCUMENTED_ORIGIN in found[1]
    return json.loads(found[1].replace(DOCUMENTED_ORIGIN, origin))


def s3_storage(server: S3Server, origin: str) -> Storage:
    name = f"bucket-{uuid4().hex}"
    keys = {"access_key_id": server.access_key_id, "secret_access_key": server.secret_access_key}
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        region_name=server.region_name,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
    )
    client.create_bucket(Bucket=name)
    client.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": documented_rules("s3", origin)})
    return Storage(
        backend_type="s3",
        backend_url=f"s3://{name}/",
        settings={"bucket_name": name, "region_name": server.region_name, "endpoint_url": server.endpoint_url, **keys},
        origin=server.endpoint_url,
        everything=lambda: [entry["Key"] for entry in client.list_objects_v2(Bucket=name).get("Contents", [])],
    )


def azure_storage(server: AzureServer, origin: str) -> Storage:
    name = uuid4().hex
    service = BlobServiceClient.from_connection_string(server.connection_string)
    container = service.create_container(name)
    rules = documented_rules("azure", origin)["cors"]["corsRules"]
    service.set_service_properties(
        cors=[
            CorsRule(
                rule["allowedOrigins"],
                rule["allowedMethods"],
                allowed_headers=rule["allowedHeaders"],
                exposed_headers=rule["exposedHeaders"],
                max_age_in_seconds=rule["maxAgeInSeconds"],
            )
            for rule in rules
        ]
    )
    return Storage(
        backend_type="azure",
        backend_url=f"azure://{name}/",
        settings={"connection_string": server.connection_string, "container_name": name},
        origin=server.endpoint_url.removesuffix(f"/{server.account_name}"),
        everything=lambda: [str(blob.name) for blob in container.list_blobs(include=["uncommittedblobs"])],
    )


def gcs_storage(server: GcsServer, origin: str) -> Storage:
    name = f"bucket-{uuid4().hex}"
    client = client_of(server)
    bucket = client.create_bucket(name)
    bucket.cors = documented_rules("gcs", origin)
    bucket.patch()
    return Storage(
        backend_type="gcs",
        backend_url=f"gs://{name}/",
        settings={
            "bucket_name": name,
            "project_id": server.project_id,
            "credentials": server.service_account_info,
            "endpoint": server.endpoint,
        },
        origin=server.endpoint,
        everything=lambda: [str(blob.name) for blob in client.list_blobs(name)],
    )
