"""Run pytest on PostgreSQL: `python -m tests.on_postgres [pytest arguments]`. DATABASE_URL may name the server."""

import os
import subprocess
import sys

from tests.servers import ServerMissing
from tests.servers.postgres import serve


def main(arguments: list[str]) -> int:
    try:
        with serve() as server:
            environment = {**os.environ, "DATABASE_URL": server.database_url}
            command = [sys.executable, "-m", "pytest", *arguments]
            return subprocess.run(command, env=environment, check=False).returncode
    except ServerMissing as error:
        sys.stderr.write(f"PostgreSQL is not available: {error}\n")
        return int(os.environ.get("CI") == "true")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
