"""The stand-ins of the demo: `python -m tests.servers.demo ORIGIN`.

Prints a line of JSON per storage, ready to make a file manager from, or with the reason why it is missing; then "end".
Runs until standard input closes. ORIGIN is the page that may upload to them.
"""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn
from urllib.parse import urlsplit

import boto3
from azure.storage.blob import BlobServiceClient, CorsRule

from tests.servers import ServerFailed, ServerMissing, azurite, gcs, moto
from tests.servers.gcs_client import client_of

NAME = "fileman-demo"
Described = dict[str, Any]


@contextmanager
def _s3(origin: str) -> Iterator[Described]:
    with moto.serve() as server:
        keys = {"access_key_id": server.access_key_id, "secret_access_key": server.secret_access_key}
        client = boto3.client(
            "s3",
            endpoint_url=server.endpoint_url,
            region_name=server.region_name,
            aws_access_key_id=server.access_key_id,
            aws_secret_access_key=server.secret_access_key,
        )
        client.create_bucket(Bucket=NAME)
        rule = {
            "AllowedOrigins": [origin],
            "AllowedMethods": ["GET", "POST", "PUT"],
            "AllowedHeaders": ["content-type"],
        }
        client.put_bucket_cors(Bucket=NAME, CORSConfiguration={"CORSRules": [rule]})
        settings = {"bucket_name": NAME, "region_name": server.region_name, "endpoint_url": server.endpoint_url, **keys}
        yield {"endpoint": server.endpoint_url, "backend_url": f"s3://{NAME}/", "settings": settings}


@contextmanager
def _azure(origin: str) -> Iterator[Described]:
    with azurite.serve() as server:
        client = BlobServiceClient.from_connection_string(server.connection_string)
        client.create_container(NAME)
        rule = CorsRule(
            [origin],
            ["GET", "PUT"],
            allowed_headers=["content-type", "x-ms-*"],
            exposed_headers=[],
            max_age_in_seconds=600,
        )
        client.set_service_properties(cors=[rule])
        settings = {"connection_string": server.connection_string, "container_name": NAME}
        yield {"endpoint": server.endpoint_url, "backend_url": f"azure://{NAME}/", "settings": settings}


@contextmanager
def _gcs(origin: str) -> Iterator[Described]:
    with gcs.serve() as server:
        bucket = client_of(server).create_bucket(NAME)
        bucket.cors = [
            {
                "origin": [origin],
                "method": ["GET", "PUT"],
                "responseHeader": ["Content-Type", "Range", "x-goog-content-length-range", "x-goog-hash"],
                "maxAgeSeconds": 600,
            }
        ]
        bucket.patch()
        settings = {
            "bucket_name": NAME,
            "project_id": server.project_id,
            "credentials": server.service_account_info,
            "endpoint": server.endpoint,
        }
        yield {"endpoint": server.endpoint, "backend_url": f"gs://{NAME}/", "settings": settings}


STORAGES: tuple[tuple[str, str, Callable[[str], Any]], ...] = (
    ("Amazon S3 (moto)", "s3", _s3),
    ("Azure Blob (Azurite)", "azure", _azure),
    ("Google Cloud (emulator)", "gcs", _gcs),
)


def main(origin: str) -> None:
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with ExitStack() as stack:
        for title, backend_type, start in STORAGES:
            described = {"title": title, "backend_type": backend_type, **_start(stack, start, origin)}
            sys.stdout.write(json.dumps(described) + "\n")
        sys.stdout.write("end\n")
        sys.stdout.flush()
        sys.stdin.read()


def _start(stack: ExitStack, start: Callable[[str], Any], origin: str) -> Described:
    try:
        described: Described = stack.enter_context(start(origin))
    except (ServerMissing, ServerFailed) as error:
        return {"missing": str(error)}
    address = urlsplit(described.pop("endpoint"))
    return {**described, "origin": f"{address.scheme}://{address.netloc}"}


def _end(*_signal: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
