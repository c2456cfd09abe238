"""Figure 7: calls on a million files against the same calls on a thousand, on PostgreSQL.

Half of the files are of one user, who makes the calls or looks at all files. Each filter finds files in both tables.
One that finds none reads all rows of its scope; none is measured. Filling the table needs a superuser.
"""

import os
import statistics
import timeit
from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.db.models import Max, Min
from django.utils import timezone

from fileman import cleanup
from fileman.graphql.ids import to_global_id
from fileman.models import File, FileManager
from tests.api import Api
from tests.bench import machine, rig
from tests.conftest import api_of, grant
from tests.graphql.rows import save_file

FEW, MANY = 1_000, 1_000_000
SINGLE = ("file", "initiate", "finalize", "cleanup")
CALLS = 7
ROUNDS = 5
MOST = 1.5
# The first rows are unfinished or failed: of these a user has few, however many files there are.
VALUES = {
    "id": "gen_random_uuid()",
    "upload_token": "md5(n::text)",
    "original_filename": "md5(n::text)",
    "file_path": "n::text",
    "file_size": "n",
    "uploaded_by_id": "CASE n %% 2 WHEN 0 THEN %(user)s ELSE %(other)s END",
    "group_id": "CASE n %% 20 WHEN 4 THEN %(group)s END",
    "is_public": "n %% 7 = 1",
    "content_type": "CASE n %% 9 WHEN 1 THEN 'audio/ogg' ELSE 'image/png' END",
    "upload_status": "CASE WHEN n <= 40 THEN 'pending' WHEN n <= 80 THEN 'failed' ELSE 'completed' END",
    "completed_at": "CASE WHEN n > 80 THEN now() - n * interval '1 second' END",
    "failure_reason": "'x'",
    "created": "now() - n * interval '1 second'",
    "modified": "now()",
    "expires_at": "now() + interval '1 day'",
}
LIST = """query ($filters: FileFilter, $ordering: [FileOrder!]! = [], $after: String, $first: Int = 10) {
  files(filters: $filters, ordering: $ordering, first: $first, after: $after) {
    edges { node { originalFilename } } pageInfo { endCursor }
  }
}"""
ONE = "query ($id: ID!) { file(id: $id) { originalFilename } }"
FILTERS: list[dict[str, Any]] = [
    {"uploadStatus": "FAILED"}, {"uploadStatusIn": ["PENDING", "FAILED"]}, {"contentType": "audio/*"},
    {"contentType": "audio/ogg"}, {"isPublic": True}, {"originalFilename": {"contains": "a1"}},
    {"created": {"gte": "2026-01-01T00:00:00Z"}},
]  # fmt: skip
ORDERS = [
    {column: direction} for column in ("created", "completedAt", "fileSize", "originalFilename")
    for direction in ("ASC", "DESC")
]  # fmt: skip


def run() -> None:
    new_database = partial(machine.new_database, os.environ["DATABASE_URL"])
    with new_database("fileman_bench_few") as few, new_database("fileman_bench_many") as many:
        rig.call_on(few, "bench_million.fill", FEW)
        rig.call_on(many, "bench_million.fill", MANY)
        runs = [[rig.call_on(url, "bench_million.measure") for url in (few, many)] for _ in range(ROUNDS)]
    ratios = {name: [of_many[name] / of_few[name] for of_few, of_many in runs] for name in runs[0][0]}
    medians = {name: statistics.median(ratios[name]) for name in ratios}
    for name in sorted(ratios, key=lambda name: -medians[name]):
        if medians[name] > MOST or name in SINGLE:
            milliseconds = statistics.median(of_many[name] for _, of_many in runs) * 1000
            note = f", {milliseconds:.1f} ms"
            rig.report(f"7. {name}, time against a thousand files", ratios[name], most=MOST, note=note)
    within = sum(median <= MOST for median in medians.values())
    rig.print_verdict(f"7. {within} of {len(medians)} calls within {MOST}", is_met=within == len(medians))


def fill(rows: int) -> None:
    call_command("migrate", verbosity=0)
    user, other = rig.get_users()[:2]
    grant(user, "view_file")
    group = Group.objects.create(name="editors")
    user.groups.add(group)
    template = save_file(FileManager.objects.create(name="Bench", backend_type="memory", is_default=True), other)
    columns = [str(field.column) for field in File._meta.concrete_fields]
    values = ", ".join(VALUES.get(column, f"one.{column}") for column in columns)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # leaves out the foreign keys' checks of each row
        cursor.execute(
            f"INSERT INTO fileman_file ({', '.join(columns)}) "
            f"SELECT {values} FROM fileman_file AS one, generate_series(1, %(rows)s) AS n",
            {"rows": rows, "user": user.pk, "other": other.pk, "group": group.pk},
        )
        template.delete()
        cursor.execute("VACUUM ANALYZE")


def measure() -> dict[str, float]:
    """Return the median seconds of each call."""
    user = User.objects.get(username="user0")
    api, group = api_of(user), Group.objects.get()
    calls: dict[str, Callable[[], Any]] = {
        "file": partial(api.call, ONE, {"id": to_global_id("File", File.objects.filter(uploaded_by=user)[9].pk)}),
        "initiate": lambda: api.start(b"hello"),
        "finalize": partial(_finalize, api, [_send(api) for _ in range(CALLS)]),
        "cleanup": lambda: cleanup.run(cleanup.Request(), now=timezone.now()),
    }
    of_group = {"groupId": to_global_id("Group", group.pk)}
    scopes: dict[str, dict[str, Any]] = {"own": {}, "all": {"all": True}, "a group's": of_group}
    for scope, filters in scopes.items():
        calls |= _get_lists(api, scope, filters)
    return {name: statistics.median(timeit.repeat(call, number=1, repeat=CALLS)) for name, call in calls.items()}


def _send(api: Api) -> str:
    ticket = api.start(b"hello")
    api.send(ticket["instructions"], b"hello")
    return str(ticket["uploadToken"])


def _finalize(api: Api, tokens: list[str]) -> None:
    assert api.finalize(tokens.pop())["success"]


def _get_lists(api: Api, scope: str, filters: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """Return the first page, one from the middle, and one for each filter and order."""
    ends = File.objects.filter(upload_status=File.COMPLETED).aggregate(first=Min("created"), last=Max("created"))
    half = ends["first"] + (ends["last"] - ends["first"]) / 2
    before = {**filters, "created": {"lt": half.isoformat()}}
    middle = api.call(LIST, {"filters": before, "first": 1})["files"]["pageInfo"]["endCursor"]
    chosen = {
        "first page": {"filters": filters},
        "middle page": {"filters": filters, "after": middle},
        **{str(one): {"filters": {**filters, **one}} for one in FILTERS},
        **{str(one): {"filters": filters, "ordering": [one]} for one in ORDERS},
    }
    return {f"{scope} files, {name}": partial(api.call, LIST, variables) for name, variables in chosen.items()}
