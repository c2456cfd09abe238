"""Servers of the S3 protocol: each is one program on a free port, with what it enforces.

moto        a functional double; it checks no signatures, expiry or POST policies, so it proves nothing about them
ministack   verifies presigned URLs, checksums and copy conditions, but no signatures of headers and of POST
rclone      checks every signature, and stands for stores with neither POST nor bucket CORS
seaweedfs   a store that people run; it checks every signature and refuses wrong checksums itself
"""

import json
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.availability import from_servers_environment
from tests.servers.endpoints import S3Server
from tests.servers.process import LOOPBACK, Program, answers_http, free_port, running, temporary_folder

SEAWEEDFS_SERVERS = ("master", "volume", "filer", "s3")


@contextmanager
def moto() -> Iterator[S3Server]:
    """For pages of any origin. `POST /moto-api/reset` empties it."""
    port = free_port()
    with _started("moto_server", ["-H", LOOPBACK, "-p", str(port)], port=port, MOTO_PORT=str(port)) as url:
        yield S3Server(endpoint_url=url, access_key_id="moto", secret_access_key="moto", verifies_signatures=False)


@contextmanager
def ministack() -> Iterator[S3Server]:
    """`POST /_ministack/reset` empties it."""
    port = free_port()
    # Without BIND_HOST it listens on every network.
    with _started("ministack", [], port=port, GATEWAY_PORT=str(port), BIND_HOST=LOOPBACK) as url:
        yield S3Server(endpoint_url=url, access_key_id="test", secret_access_key="test", verifies_signatures=False)


@contextmanager
def rclone() -> Iterator[S3Server]:
    """Over an empty folder."""
    port, key, secret = free_port(), secrets.token_hex(10), secrets.token_hex(20)
    words = ["serve", "s3", "--config", "", "--addr", f"{LOOPBACK}:{port}", "--auth-key", f"{key},{secret}"]
    with temporary_folder("buckets") as buckets, _started("rclone", [*words, buckets], port=port) as url:
        yield S3Server(endpoint_url=url, access_key_id=key, secret_access_key=secret, takes_post=False)


@contextmanager
def seaweedfs() -> Iterator[S3Server]:
    """All of its servers in one process, over an empty folder."""
    ports = {server: (free_port(), free_port()) for server in SEAWEEDFS_SERVERS}
    port, key, secret = ports["s3"][0], secrets.token_hex(10), secrets.token_hex(20)
    identity = {"name": "test", "credentials": [{"accessKey": key, "secretKey": secret}], "actions": ["Admin"]}
    with temporary_folder("seaweedfs") as folder:
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        # A bucket takes a file of its own in place of seven.
        (folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
        words = ["-logtostderr", "server", f"-ip={LOOPBACK}", f"-dir={folder}", "-volume.max=10000", "-s3"]
        words += ["-master.telemetry=false", "-s3.config=s3.json", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        # Relative to the folder: the path of a socket has at most 107 characters.
        words += [f"-{server}.localSocket={server}.socket" for server in ("filer", "s3")]
        for server, (http, grpc) in ports.items():
            words += [f"-{server}.port={http}", f"-{server}.port.grpc={grpc}"]
        program = Program(
            command=[from_servers_environment("weed"), *words],
            folder=folder,
            stop_signal=signal.SIGKILL,  # an orderly end takes 17 seconds
        )
        try:
            with running(program, ready=lambda: answers_http(port)):
                url = f"http://{LOOPBACK}:{port}"
                yield S3Server(endpoint_url=url, access_key_id=key, secret_access_key=secret)
        finally:
            for server, (_, grpc) in ports.items():
                Path(f"/tmp/seaweedfs-{server}-grpc-{grpc}.sock").unlink(missing_ok=True)


@contextmanager
def _started(program: str, words: list[str | Path], *, port: int, **environment: str) -> Iterator[str]:
    """Yield the endpoint URL."""
    command = [from_servers_environment(program), *words]
    with temporary_folder(program) as folder:
        started = Program(command=command, folder=folder, environment=environment)
        with running(started, ready=lambda: answers_http(port)):
            yield f"http://{LOOPBACK}:{port}"
