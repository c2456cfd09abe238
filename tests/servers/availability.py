"""Is a server installed? If not: why it cannot run, and how to get it."""

import shutil
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SERVERS_ENVIRONMENT = REPOSITORY / ".venv-servers"
INSTALL = "run .ci/install"


class ServerMissing(RuntimeError):
    """A server cannot run here because something is not installed; the message says what, and how to install it."""


class ServerFailed(RuntimeError):
    """A server is installed but did not start, or stopped by itself; the message ends with the tail of its log."""


def from_servers_environment(program: str) -> Path:
    """The path of a program of `.venv-servers`."""
    path = SERVERS_ENVIRONMENT / "bin" / program
    if not path.exists():
        raise ServerMissing(f"{program} is not in {SERVERS_ENVIRONMENT.name}: {INSTALL}")
    return path


def from_system(program: str, *, debian_package: str) -> Path:
    """The path of a program that the operating system provides."""
    found = shutil.which(program)
    if found is None:
        raise ServerMissing(f"{program} is not installed: {INSTALL} as root, or apt-get install {debian_package}")
    return Path(found)


def from_node_modules(program: str) -> Path:
    """The path of a program that npm installed beside this file."""
    from_system("node", debian_package="nodejs (20 or newer)")
    path = Path(__file__).parent / "node_modules" / ".bin" / program
    if not path.exists():
        raise ServerMissing(f"{program} is not in tests/servers/node_modules: {INSTALL}")
    return path
