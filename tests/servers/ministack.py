"""ministack: it verifies presigned URLs, checksums and copy conditions, but no signatures of headers and of POST."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.availability import from_servers_environment
from tests.servers.endpoints import S3Server
from tests.servers.process import LOOPBACK, Program, answers_http, free_port, running, temporary_folder


@contextmanager
def serve() -> Iterator[S3Server]:
    """Run ministack on a free port. `POST /_ministack/reset` empties it."""
    port = free_port()
    with temporary_folder("ministack") as folder:
        program = Program(
            command=[from_servers_environment("ministack")],
            folder=folder,
            # Without BIND_HOST it listens on every network.
            environment={"GATEWAY_PORT": str(port), "BIND_HOST": LOOPBACK},
        )
        with running(program, ready=lambda: answers_http(port)):
            yield S3Server(
                name="ministack",
                endpoint_url=f"http://{LOOPBACK}:{port}",
                access_key_id="test",
                secret_access_key="test",
                verifies_signatures=False,
                takes_post=True,
            )
