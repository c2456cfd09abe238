"""moto: a functional double of S3.

It checks no signatures, expiry or POST policies, so a test on moto proves nothing about them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.availability import from_servers_environment
from tests.servers.endpoints import S3Server
from tests.servers.process import LOOPBACK, Program, answers_http, free_port, running, temporary_folder


@contextmanager
def serve() -> Iterator[S3Server]:
    """Run moto on a free port, for pages of any origin. `POST /moto-api/reset` empties it."""
    from_servers_environment("moto_server")
    python = from_servers_environment("python")
    port = free_port()
    with temporary_folder("moto") as folder:
        program = Program(
            command=[python, "-P", Path(__file__).with_name("moto_with_cors.py"), str(port)],
            folder=folder,
            environment={"MOTO_PORT": str(port)},
        )
        with running(program, ready=lambda: answers_http(port)):
            yield S3Server(
                name="moto",
                endpoint_url=f"http://{LOOPBACK}:{port}",
                access_key_id="moto",
                secret_access_key="moto",
                verifies_signatures=False,
                takes_post=True,
            )
