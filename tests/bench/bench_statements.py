"""Figure 6: SQL statements of a call, with those that find the session and its user, without BEGIN and COMMIT."""

import tempfile
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fileman.models import FileManager
from tests.bench import bench_api, plain, rig, stand_in
from tests.bench.bench_finalize import DECLARED
from tests.conftest import api_of

MOST = {"initiate, one file": 6, "initiate, 50 files": 6, "finalize": 8, f"a page of {plain.PAGE}": 3}
MORE_ON_SQLITE = 2


def run() -> None:
    _print("PostgreSQL", count_all(), more=0)
    with tempfile.TemporaryDirectory() as folder:
        counts = rig.call_on(f"sqlite:///{folder}/db.sqlite3", "bench_statements.count_all")
    _print("SQLite", counts, more=MORE_ON_SQLITE)


def _print(database: str, counts: dict[str, int], *, more: int) -> None:
    for name, count in counts.items():
        most = MOST[name] + more
        rig.print_verdict(f"6. {name}: {count} statements on {database}, at most {most}", is_met=count <= most)


def count_all() -> dict[str, int]:
    call_command("migrate", verbosity=0)
    user, _ = User.objects.get_or_create(username="statements")
    FileManager.objects.update(is_default=False)
    with stand_in.serve(0) as endpoint:
        settings = {**plain.STORE, "endpoint_url": endpoint}
        FileManager.objects.create(name="Statements", backend_type="bench-aws", settings=settings, is_default=True)
        api = api_of(user)
        tickets = [api.initiate(DECLARED)["files"][0] for _ in range(2)]
        api.finalize(tickets[0]["uploadToken"])
        calls: list[Callable[[], Any]] = [
            lambda: api.mutate(bench_api.INITIATE, files=bench_api.declare(1)),
            lambda: api.mutate(bench_api.INITIATE, files=bench_api.declare(50)),
            lambda: api.finalize(tickets[1]["uploadToken"]),
            lambda: api.call(bench_api.LIST),
        ]
        return dict(zip(MOST, map(_count, calls), strict=True))


def _count(call: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as captured:
        call()
    return sum(one["sql"] not in {"BEGIN", "BEGIN IMMEDIATE", "COMMIT"} for one in captured.captured_queries)
