"""What several benchmarks need: a server on a core of its own, signed-in clients, rounds and verdicts."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from fileman.models import FileManager
from tests.bench.load import Connection
from tests.bench.machine import OTHER_CORE, SERVER_CORE, pin
from tests.servers.availability import REPOSITORY
from tests.servers.process import LOOPBACK, Program, answers_http, free_port, running, temporary_folder

USERS = 8
ROUNDS = 11
SECONDS = 0.6
"""Of one side in one round."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server under measurement, and the sessions of its users."""

    port: int
    worker_id: int
    started: float
    """By the clock of `time.perf_counter`."""
    cookies: Sequence[str]

    def connect(self) -> Connection:
        """Return a connection of the first user."""
        return Connection(self.port, self.cookies[0])

    def load(self, method: str, path: str, body: str = "", *, marker: str, count: int) -> tuple[float, float]:
        """Send from a process of its own, as all users. Return requests per second, and per second of the server's CPU.

        Each response must contain the marker that often.
        """
        work = {"port": self.port, "cookies": self.cookies, "seconds": SECONDS, "marker": marker, "count": count}
        work |= {"method": method, "path": path, "body": body}
        command = [sys.executable, "-m", "tests.bench.load"]
        before = self.get_cpu_seconds()
        ended = subprocess.run(command, input=json.dumps(work), text=True, stdout=subprocess.PIPE, check=True)
        sent, seconds = map(float, ended.stdout.split())
        return sent / seconds, sent / (self.get_cpu_seconds() - before)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def get_peak_mebibytes(self) -> float:
        """Return the largest resident memory that the worker has had."""
        peak = Path(f"/proc/{self.worker_id}/status").read_text().partition("VmHWM:")[2].split()[0]
        return int(peak) / 1024

    def get_cpu_seconds(self) -> float:
        """Return what the worker has used so far."""
        used = Path(f"/proc/{self.worker_id}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


def new_manager(backend_type: str, settings: dict[str, Any], **more: Any) -> FileManager:
    """Replace all rows but those of users by a site-wide default file manager."""
    clear()
    FileManager.objects.all().delete()
    return FileManager.objects.create(
        name="Bench", backend_type=backend_type, settings=settings, is_default=True, max_file_size=0, **more
    )


def clear() -> None:
    """Remove all rows of files. Emptied tables have no dead rows, which would slow the next round."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE fileman_file, fileman_storagedeletion, fileman_storageusage CASCADE")


def get_users() -> list[User]:
    return [User.objects.get_or_create(username=f"user{number}")[0] for number in range(USERS)]


@contextmanager
def serve(*, threads: int = 4, cores: Sequence[int] = (SERVER_CORE,)) -> Iterator[Server]:
    """Run one worker of gunicorn with the documented configuration on these cores, with all users signed in."""
    port, cookies = free_port(), [_sign_in(user) for user in get_users()]
    others = (OTHER_CORE,) if cores == (SERVER_CORE,) else cores
    with temporary_folder("bench") as folder:
        words = f"--bind {LOOPBACK}:{port} --pid {folder}/pid --threads {threads} --log-level warning".split()
        command = [sys.executable, "-m", "gunicorn", "-c", f"{REPOSITORY}/docs/deployment/gunicorn_config.py", *words]
        program = Program(command=command, folder=folder, environment={"PYTHONPATH": str(REPOSITORY)})
        pin(*cores)
        started = time.perf_counter()
        with running(program, ready=lambda: answers_http(port)):
            pin(*others)
            main = int((folder / "pid").read_text())
            worker = int(Path(f"/proc/{main}/task/{main}/children").read_text().split()[0])
            yield Server(port=port, worker_id=worker, started=started, cookies=cookies)


def _sign_in(user: User) -> str:
    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"


def call_on(database_url: str, function: str, *arguments: Any) -> Any:
    """Return what "module.function" of this package returns in a new process with another database."""
    module, _, name = function.partition(".")
    code = f"import json, django; django.setup(); from tests.bench.{module} import {name} as call; "
    command = [sys.executable, "-c", f"{code}print(json.dumps(call(*{arguments!r})))"]
    environment = {**os.environ, "DATABASE_URL": database_url}
    return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)


Side = Callable[[], Sequence[float]]


def alternate(
    ours: Side, plain: Side, *, rounds: int = ROUNDS, between: Callable[[], object] = clear
) -> list[list[float]]:
    """Measure both sides by turns, after one round that warms both up. Return the ratios of each kind of value."""
    ratios = []
    for number in range(rounds + 1):
        measured = {}
        for side in (ours, plain) if number % 2 else (plain, ours):
            between()
            measured[side] = side()
        ratios.append([one / other for one, other in zip(measured[ours], measured[plain], strict=True)])
    return [list(kind) for kind in zip(*ratios[1:], strict=True)]


def report(figure: str, ratios: Sequence[float], *, least: float = 0, most: float = 0, note: str = "") -> None:
    """Print a figure with its verdict. One of `least` and `most` is the target of the median."""
    median = statistics.median(ratios)
    is_met = median >= least if least else median <= most
    target = f"at least {least}" if least else f"at most {most}"
    spread = f"{min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds"
    print_verdict(f"{figure}: {median:.2f} ({spread}), target {target}{note}", is_met=is_met)


def print_verdict(figure: str, *, is_met: bool) -> None:
    print(f"{'met    ' if is_met else 'NOT MET'} {figure}", flush=True)


def report_speed(figure: str, ratios: Sequence[Sequence[float]], *, least: float) -> None:
    """Print requests per second against the plain view, and what the CPU of the server alone says."""
    by_time, by_cpu = ratios
    note = f"; by the server's CPU {statistics.median(by_cpu):.2f}"
    report(f"{figure}, speed against the plain view", by_time, least=least, note=note)
