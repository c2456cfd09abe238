"""The demo with stand-ins for the clouds: `python -m tests.servers.demo [--port PORT]`. This is what `make run` runs.

It starts the stand-ins, passes their descriptions to `manage.py demo` as JSON (project/demo/storages.py documents it),
and ends with it. The site and the stand-ins end with this process, also after `kill -9`.
"""

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import IO, Any, NoReturn, cast
from urllib.parse import urlsplit

import boto3
from azure.storage.blob import BlobServiceClient, CorsRule

from tests.servers import ServerFailed, ServerMissing, azurite, gcs, moto
from tests.servers.availability import REPOSITORY
from tests.servers.gcs_client import client_of
from tests.servers.process import with_starter

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


StartStorage = Callable[[str], AbstractContextManager[Described]]
STORAGES: tuple[tuple[str, str, StartStorage], ...] = (
    ("Amazon S3 (moto)", "s3", _s3),
    ("Azure Blob (Azurite)", "azure", _azure),
    ("Google Cloud (emulator)", "gcs", _gcs),
)


def main(port: int) -> int:
    """Run the demo until it ends or is told to; return its exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    site = f"http://localhost:{port}"
    with ExitStack() as stack:
        storages = [
            {"name": name, "backend_type": backend_type, **_start(stack, start, site)}
            for name, backend_type, start in STORAGES
        ]
        return _serve(port, storages)


def _start(stack: ExitStack, start: StartStorage, origin: str) -> Described:
    try:
        described = stack.enter_context(start(origin))
    except (ServerMissing, ServerFailed) as error:
        return {"reason": str(error)}
    endpoint = urlsplit(described.pop("endpoint"))
    return {**described, "origin": f"{endpoint.scheme}://{endpoint.netloc}"}


def _serve(port: int, storages: list[Described]) -> int:
    manage = str(REPOSITORY / "manage.py")
    command = with_starter([sys.executable, manage, "demo", "--port", str(port), "--storages", "/dev/stdin"])
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    try:
        with cast("IO[str]", process.stdin) as pipe:
            json.dump(storages, pipe)
        return process.wait()
    finally:
        process.terminate()
        process.wait()


def _end(*_signal: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.servers.demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    sys.exit(main(parser.parse_args().port))
