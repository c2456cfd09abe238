"""Ceph's radosgw: a real object store on one node, in memory. The strict S3 server of the tests.

It verifies signatures, expiry, POST policies, bucket policies and bucket CORS. It neither verifies nor stores
`x-amz-checksum-*`, and drops `AES256` encryption silently; `aws:kms` works with the key `testkey-1`.
"""

import base64
import secrets
import signal
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.availability import from_system
from tests.servers.endpoints import S3Server
from tests.servers.process import LOOPBACK, Program, answers_http, free_port, run, running, temporary_folder

PACKAGES = {
    "radosgw": "radosgw",
    "radosgw-admin": "radosgw",
    "ceph": "ceph-common",
    "monmaptool": "ceph-common",
    "ceph-mon": "ceph-mon",
    "ceph-osd": "ceph-osd",
}

CONFIGURATION = """
[global]
fsid = {cluster_id}
mon host = v2:127.0.0.1:{monitor_port}
public network = 127.0.0.0/8
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
auth supported = none
# radosgw insists on the secure mode, which does not exist without authentication.
ms mon client mode = crc
# The defaults are for clusters with many monitors; a start would take ten times as long.
paxos propose interval = 0.02
paxos min wait = 0.01
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon max pg per osd = 1000
mon allow pool size one = true
mon data avail crit = 0
osd objectstore = memstore
memstore device bytes = 2147483648
run dir = {folder}
admin socket = {folder}/$name.asok
pid file = {folder}/$name.pid
log file = {folder}/$name.log
crash dir = {folder}

[mon.a]
mon data = {folder}/mon

[osd.0]
osd data = {folder}/osd

[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw data = {folder}/rgw
rgw dns name = localhost
# Give back what was deleted at once; after two hours, the default, a long run has filled the memory.
rgw gc obj min wait = 1
rgw gc processor period = 5
rgw gc processor max time = 5
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = testkey-1={kms_key}
"""


@dataclass(frozen=True, kw_only=True)
class RadosGateway(S3Server):
    """radosgw for one user. A user may use only their own buckets."""

    user_id: str
    folder: Path = field(repr=False)
    """The folder of its configuration."""

    @property
    def arn(self) -> str:
        """The principal in a bucket policy."""
        return f"arn:aws:iam:::user/{self.user_id}"

    def create_user(self, user_id: str) -> "RadosGateway":
        """Add a user, for the tests of bucket policies; a name can be given once."""
        return _create_user(self.folder, self.endpoint_url, user_id)


@contextmanager
def serve() -> Iterator[RadosGateway]:
    """A monitor, one object store in memory and the gateway, on free ports, with one user."""
    for program, package in PACKAGES.items():
        from_system(program, debian_package=package)
    port = free_port()
    with temporary_folder("radosgw") as folder, ExitStack() as cluster:
        _start(cluster, folder, port)
        yield _create_user(folder, f"http://{LOOPBACK}:{port}", "test")


def _start(cluster: ExitStack, folder: Path, port: int) -> None:
    monitor_port, cluster_id, store_id = free_port(), str(uuid.uuid4()), str(uuid.uuid4())
    for name in ("mon", "osd", "rgw"):
        (folder / name).mkdir()
    values = {"folder": folder, "port": port, "monitor_port": monitor_port, "cluster_id": cluster_id}
    kms_key = base64.b64encode(secrets.token_bytes(32)).decode()
    (folder / "ceph.conf").write_text(CONFIGURATION.format(**values, kms_key=kms_key))
    address = f"[v2:{LOOPBACK}:{monitor_port}]"
    _run(folder, "monmaptool", "--create", "--fsid", cluster_id, "--addv", "a", address, "monmap")
    _run(folder, "ceph-mon", "-i", "a", "--mkfs", "--monmap", "monmap")
    cluster.enter_context(running(_program(folder, "ceph-mon", "-i", "a", "-f"), ready=lambda: True))
    # Waits for the monitor by itself.
    _run(folder, "ceph", "osd", "new", store_id)
    _run(folder, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", store_id)
    _run(folder, "ceph", "osd", "crush", "add-bucket", "default", "root")
    store = _program(folder, "ceph-osd", "-i", "0", "-f")
    cluster.enter_context(running(store, ready=lambda: "1 up" in _run(folder, "ceph", "osd", "stat")))
    gateway = _program(folder, "radosgw", "-n", "client.rgw.a", "-f")
    cluster.enter_context(running(gateway, ready=lambda: answers_http(port)))


def _create_user(folder: Path, url: str, user_id: str) -> RadosGateway:
    key, secret = secrets.token_hex(10), secrets.token_hex(20)
    words = ["--uid", user_id, "--display-name", user_id, "--access-key", key, "--secret-key", secret]
    _run(folder, "radosgw-admin", "user", "create", *words)
    return RadosGateway(endpoint_url=url, access_key_id=key, secret_access_key=secret, user_id=user_id, folder=folder)


def _program(folder: Path, program: str, *words: str) -> Program:
    path = from_system(program, debian_package=PACKAGES[program])
    return Program(
        command=[path, *words],
        folder=folder,
        environment={"CEPH_CONF": str(folder / "ceph.conf")},
        stop_signal=signal.SIGKILL,  # an orderly end takes seconds, and all data is in memory
    )


def _run(folder: Path, program: str, *words: str) -> str:
    return run(_program(folder, program, *words))
