"""Find the program of a server, or say what is missing and how to install it."""

import shutil
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SERVERS_ENVIRONMENT = REPOSITORY / ".venv-servers"
INSTALL = "run .ci/install"


class ServerMissing(RuntimeError):
    """Raised if a server cannot run because something is not installed. The message says how to install it."""


class ServerFailed(RuntimeError):
    """Raised if a server did not start, or ended by itself. The message ends with the tail of its log."""


def from_servers_environment(program: str) -> Path:
    """Return the path of a program in `.venv-servers`."""
    path = SERVERS_ENVIRONMENT / "bin" / program
    if not path.exists():
        raise ServerMissing(f"{program} is not in {SERVERS_ENVIRONMENT.name}: {INSTALL}")
    return path


def from_system(program: str, *, debian_package: str) -> Path:
    """Return the path of a program of the operating system."""
    found = shutil.which(program)
    if found is None:
        raise ServerMissing(f"{program} is not installed: {INSTALL} as root, or apt-get install {debian_package}")
    return Path(found)


def from_node_modules(program: str) -> Path:
    """Return the path of a program that npm installed in this folder."""
    from_system("node", debian_package="nodejs (20 or newer)")
    path = Path(__file__).parent / "node_modules" / ".bin" / program
    if not path.exists():
        raise ServerMissing(f"{program} is not in tests/servers/node_modules: {INSTALL}")
    return path
