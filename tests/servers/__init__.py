"""Real servers that the tests and the demo start as processes. README.md describes each.

Each entry of `REGISTRY` names a context manager, `serve` of its module by default. It starts one server on free
loopback ports, yields a frozen dataclass with its endpoint and credentials (PostgreSQL: its URL), and stops it at the
end. It raises `ServerMissing` if it is not installed.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

from tests.servers.availability import ServerFailed, ServerMissing
from tests.servers.endpoints import AzureServer, S3Server

__all__ = ["REGISTRY", "AzureServer", "S3Server", "ServerFailed", "ServerMissing", "server"]

REGISTRY = {
    "moto": "tests.servers.s3:moto",
    "radosgw": "tests.servers.radosgw",
    "ministack": "tests.servers.s3:ministack",
    "rclone": "tests.servers.s3:rclone",
    "seaweedfs": "tests.servers.s3:seaweedfs",
    "azurite": "tests.servers.azurite",
    "gcs": "tests.servers.gcs",
    "fake_gcs": "tests.servers.fake_gcs",
    "postgres": "tests.servers.postgres",
}


def server(name: str) -> AbstractContextManager[Any]:
    """Return the context manager that runs the named server, without importing the others."""
    module, _, function = REGISTRY[name].partition(":")
    serve: Callable[[], AbstractContextManager[Any]] = getattr(import_module(module), function or "serve")
    return serve()
