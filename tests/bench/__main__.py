"""All figures, or those that are named: `python -m tests.bench [NUMBER...]`, with PostgreSQL as in tests/servers.

Each compares two ways in the same run, by turns, and prints the median and the spread of their ratio and whether the
target is met. The server has one core, everything else another. `DATABASE_URL` may name the server of PostgreSQL.
"""

import os
import sys
from importlib import import_module

FIGURES = {
    "1": "bench_api:run_batch",
    "2": "bench_api:run_one",
    "3": "bench_api:run_page",
    "4": "bench_finalize:run_one",
    "5": "bench_signing:run",
    "6": "bench_statements:run",
    "7": "bench_million:run",
    "8": "bench_bytes:run_disk",
    "9": "bench_finalize:run_many",
    "10": "bench_bytes:run_direct",
    "cleanup": "bench_cleanup:run",
}


def main(numbers: list[str]) -> None:
    from tests.bench import machine
    from tests.servers.postgres import serve

    machine.pin(machine.OTHER_CORE)
    with serve() as server_url, machine.new_database(server_url, "fileman_bench") as database_url:
        os.environ |= {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "tests.bench.site"}
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        for number in numbers or FIGURES:
            module, _, function = FIGURES[number].partition(":")
            getattr(import_module(f"tests.bench.{module}"), function)()
        from django.db import connections

        connections.close_all()


if __name__ == "__main__":
    main(sys.argv[1:])
