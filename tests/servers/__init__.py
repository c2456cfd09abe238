"""The real servers that the tests and the demo start as processes of their own.

Each module named in `REGISTRY` has a context manager `serve()` that starts one server on free loopback ports, yields a
frozen dataclass saying how to reach it, and stops it at the end. What is not installed raises `ServerMissing`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

from tests.servers.availability import ServerFailed, ServerMissing
from tests.servers.endpoints import AzureServer, PostgresServer, S3Server

__all__ = ["REGISTRY", "AzureServer", "PostgresServer", "S3Server", "ServerFailed", "ServerMissing", "server"]

REGISTRY = {
    "moto": "tests.servers.moto",
    "radosgw": "tests.servers.radosgw",
    "ministack": "tests.servers.ministack",
    "rclone": "tests.servers.rclone",
    "azurite": "tests.servers.azurite",
    "gcs": "tests.servers.gcs",
    "postgres": "tests.servers.postgres",
}


def server(name: str) -> AbstractContextManager[Any]:
    """The context manager that runs the named server; nothing is imported for the others."""
    serve: Callable[[], AbstractContextManager[Any]] = import_module(REGISTRY[name]).serve
    return serve()
