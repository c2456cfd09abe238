"""The demo with stand-ins for the clouds: `python -m tests.servers.demo [--port PORT] [--reset]`. `make run` runs it.

It starts the stand-ins, passes their descriptions to `demo_site` as JSON,
and ends with it. The site and the stand-ins end with this process, also after `kill -9`. One demo runs in a folder.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import IO, Any, NoReturn, cast

from tests.servers import ServerFailed, ServerMissing, azurite, gcs, s3
from tests.servers.availability import REPOSITORY
from tests.servers.buckets import Bucket, create_azure_container, create_gcs_bucket, create_s3_bucket
from tests.servers.place import open_lock, require_free
from tests.servers.process import with_starter

NAME = "fileman-demo"
POLL_SECONDS = 0.2


# Name, type of the file manager, server, and what makes its bucket.
Storage = tuple[str, str, Callable[[], AbstractContextManager[Any]], Callable[[Any, str, str], Bucket]]
STORAGES: tuple[Storage, ...] = (
    ("Amazon S3 (moto)", "s3", s3.moto, create_s3_bucket),
    ("Azure Blob (Azurite)", "azure", azurite.serve, create_azure_container),
    ("Google Cloud (emulator)", "gcs", gcs.serve, create_gcs_bucket),
)


def main(port: int, *, reset: bool = False) -> int:
    """Run the demo until it ends or is told to; return its exit status. `reset`: delete the data of earlier ones."""
    site = f"http://localhost:{port}"
    folder = Path(os.environ.get("VAR_DIR", REPOSITORY / "var"))
    with ExitStack() as stack:
        # Before anything is changed: a second demo would replace the file managers of the first.
        stack.enter_context(open_lock())
        require_free(port)
        for path in [*folder.glob("db.sqlite3*"), folder / "media"] if reset else []:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _end)
        sys.stdout.write("Starting the stand-ins for S3, Azure and Google Cloud: about ten seconds.\n")
        sys.stdout.flush()
        return _serve(port, [_start(stack, storage, site) for storage in STORAGES])


def _start(stack: ExitStack, storage: Storage, origin: str) -> dict[str, Any]:
    name, backend_type, start, create = storage
    described = {"name": name, "backend_type": backend_type}
    try:
        bucket = create(stack.enter_context(start()), NAME, origin)
    except (ServerMissing, ServerFailed) as error:
        return {**described, "reason": str(error)}
    return {**described, "backend_url": bucket.backend_url, "settings": bucket.settings, "origin": bucket.origin}


def _serve(port: int, storages: list[dict[str, Any]]) -> int:
    command = [sys.executable, "-m", "tests.servers.demo_site", "--port", str(port), "--storages", "/dev/stdin"]
    process = subprocess.Popen(with_starter(command), cwd=REPOSITORY, stdin=subprocess.PIPE, text=True)
    try:
        with cast("IO[str]", process.stdin) as pipe:
            json.dump(storages, pipe)
        # A wait without an end would miss a signal that the kernel gives to a thread of the Google Cloud stand-in.
        while process.poll() is None:
            time.sleep(POLL_SECONDS)
        return process.returncode
    finally:
        process.terminate()
        process.wait()


def _end(*_signal: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.servers.demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--reset", action="store_true", help="delete the database and the files of earlier demos")
    given = parser.parse_args()
    sys.exit(main(given.port, reset=given.reset))
