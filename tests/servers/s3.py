"""Servers of the S3 protocol: each is one program on a free port, with what it enforces.

moto        a functional double; it checks no signatures, expiry or POST policies, so it proves nothing about them
ministack   verifies presigned URLs, checksums and copy conditions, but no signatures of headers and of POST
rclone      checks every signature, and stands for stores with neither POST nor bucket CORS
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.availability import from_servers_environment
from tests.servers.endpoints import S3Server
from tests.servers.process import LOOPBACK, Program, answers_http, free_port, running, temporary_folder


@contextmanager
def moto() -> Iterator[S3Server]:
    """For pages of any origin. `POST /moto-api/reset` empties it."""
    port = free_port()
    with _started("moto_server", ["-H", LOOPBACK, "-p", str(port)], port=port, MOTO_PORT=str(port)):
        yield _described("moto", port, "moto", "moto", verifies_signatures=False, takes_post=True)


@contextmanager
def ministack() -> Iterator[S3Server]:
    """`POST /_ministack/reset` empties it."""
    port = free_port()
    # Without BIND_HOST it listens on every network.
    with _started("ministack", [], port=port, GATEWAY_PORT=str(port), BIND_HOST=LOOPBACK):
        yield _described("ministack", port, "test", "test", verifies_signatures=False, takes_post=True)


@contextmanager
def rclone() -> Iterator[S3Server]:
    """Over an empty folder."""
    port, key, secret = free_port(), secrets.token_hex(10), secrets.token_hex(20)
    words = ["serve", "s3", "--config", "", "--addr", f"{LOOPBACK}:{port}", "--auth-key", f"{key},{secret}"]
    with temporary_folder("buckets") as buckets, _started("rclone", [*words, buckets], port=port):
        yield _described("rclone", port, key, secret, verifies_signatures=True, takes_post=False)


@contextmanager
def _started(program: str, words: list[str | Path], *, port: int, **environment: str) -> Iterator[None]:
    command = [from_servers_environment(program), *words]
    with temporary_folder(program) as folder:
        started = Program(command=command, folder=folder, environment=environment)
        with running(started, ready=lambda: answers_http(port)):
            yield


def _described(name: str, port: int, key: str, secret: str, *, verifies_signatures: bool, takes_post: bool) -> S3Server:
    return S3Server(
        name=name,
        endpoint_url=f"http://{LOOPBACK}:{port}",
        access_key_id=key,
        secret_access_key=secret,
        verifies_signatures=verifies_signatures,
        takes_post=takes_post,
    )
