"""Run servers until standard input closes or SIGTERM arrives: `python -m tests.servers moto azurite`.

Prints one line of JSON per server as soon as it is up, in the order of the arguments: its name, endpoint and
credentials, or `{"name": ..., "missing": reason}`.
"""

import argparse
import json
import signal
import sys
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any, NoReturn

from tests.servers import REGISTRY, ServerFailed, ServerMissing, server


def main(names: list[str]) -> None:
    signal.signal(signal.SIGTERM, _end)
    with ExitStack() as stack:
        for name in names:
            sys.stdout.write(json.dumps(_start(stack, name), default=str) + "\n")
            sys.stdout.flush()
        sys.stdin.read()


def _start(stack: ExitStack, name: str) -> dict[str, Any]:
    try:
        return asdict(stack.enter_context(server(name)))
    except (ServerMissing, ServerFailed) as error:
        return {"name": name, "missing": str(error)}


def _end(*_signal: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    parser.add_argument("names", nargs="+", choices=REGISTRY, metavar="name", help=", ".join(REGISTRY))
    main(parser.parse_args().names)
