"""The refusals of each server, recorded and shown in docs/backends/s3.md.

`python -m tests.backends.s3.refusals` runs every attack on every server and rewrites both files.
"""

import json
import os
from contextlib import ExitStack
from pathlib import Path

from tests.servers import server

SERVERS = ("radosgw", "seaweedfs", "ministack", "rclone", "moto")
RECORD = Path(__file__).with_name("refusals.json")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "backends" / "s3.md"
BEGIN, END = "<!-- refusals: begin -->", "<!-- refusals: end -->"

Refusals = dict[str, dict[str, int]]
"""Attack -> server -> status, without servers that have no POST."""


def recorded() -> Refusals:
    refusals: Refusals = json.loads(RECORD.read_text())
    return refusals


def table(refusals: Refusals) -> str:
    """Return the record in Markdown: the status of each refusal, or that the server accepts the request."""
    lines = [f"| attempt of a client | {' | '.join(SERVERS)} |", f"|---|{'---|' * len(SERVERS)}"]
    lines += [
        f"| {name} | {' | '.join(_cell(row.get(server)) for server in SERVERS)} |" for name, row in refusals.items()
    ]
    return "\n".join(lines)


def _cell(status: int | None) -> str:
    if status is None:
        return "no POST"
    return f"{status}" if status >= 400 else f"**accepted** ({status})"


def shown(page: str) -> str:
    """Return the table of the page."""
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def with_table(page: str, refusals: Refusals) -> str:
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table(refusals)}\n\n{END}{rest.partition(END)[2]}"


def main() -> None:
    from tests.backends.s3.attacks import ATTACKS, possible_on
    from tests.backends.s3.stores import new_store

    refusals: Refusals = {name: {} for name in ATTACKS}
    with ExitStack() as stack:
        for server_name in SERVERS:
            store = new_store(stack.enter_context(server(server_name)))
            for name in possible_on(store):
                refusals[name][server_name] = ATTACKS[name](store).status
    RECORD.write_text(json.dumps(refusals, indent=2) + "\n")
    PAGE.write_text(with_table(PAGE.read_text(), refusals))


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    main()
