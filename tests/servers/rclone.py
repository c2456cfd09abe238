"""rclone serve s3: it checks every signature, and stands for stores with neither POST nor bucket CORS."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.availability import from_servers_environment
from tests.servers.endpoints import S3Server
from tests.servers.process import LOOPBACK, Program, answers_http, free_port, running, temporary_folder


@contextmanager
def serve() -> Iterator[S3Server]:
    """Run rclone on a free port, over an empty folder."""
    port = free_port()
    key, secret = secrets.token_hex(10), secrets.token_hex(20)
    with temporary_folder("rclone") as folder:
        buckets = folder / "buckets"
        buckets.mkdir()
        program = Program(
            command=[
                from_servers_environment("rclone"), "serve", "s3",
                "--config", "", "--addr", f"{LOOPBACK}:{port}", "--auth-key", f"{key},{secret}", buckets,
            ],
            folder=folder,
        )  # fmt: skip
        with running(program, ready=lambda: answers_http(port)):
            yield S3Server(
                name="rclone",
                endpoint_url=f"http://{LOOPBACK}:{port}",
                access_key_id=key,
                secret_access_key=secret,
                verifies_signatures=True,
                takes_post=False,
            )
