"""Figures 4 and 9: finalize of files on S3, whose stand-in responds after a fixed time, and the start of a worker."""

import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.api import FINALIZE
from tests.bench import plain, rig, stand_in
from tests.bench.bench_api import INITIATE, to_body
from tests.bench.rig import Server

FILES = 10
AT_ONCE = 20
DECLARED: dict[str, Any] = {"filename": "notes.txt", "size": len(stand_in.CONTENT), "contentType": "text/plain"}


def run_one() -> None:
    for backend_type, name in (("bench-aws", "AWS"), ("s3", "a compatible store")):
        with stand_in.serve(1) as endpoint:
            rig.new_manager(backend_type, {**plain.STORE, "endpoint_url": endpoint})
            with rig.serve() as server:
                (ratios,) = rig.alternate(lambda: _finalize(server), lambda: _finalize_plainly(server), between=int)
        rig.report(f"4. finalize, time against the plain view, {name}, storage of 1 ms", ratios, most=1.5)


def run_many() -> None:
    with stand_in.serve(50) as endpoint:
        rig.new_manager("bench-aws", {**plain.STORE, "endpoint_url": endpoint})
        with rig.serve(threads=AT_ONCE) as server:
            many, one = (lambda: _finalize_at_once(server, AT_ONCE)), (lambda: _finalize_at_once(server, 1))
            (ratios,) = rig.alternate(many, one, rounds=5, between=int)
    rig.report(f"9. finalize of {AT_ONCE} files at once, time against one, storage of 50 ms", ratios, most=1.5)
    seconds = [_start_worker() for _ in range(3)]
    print(f"        9. a new process: {statistics.median(seconds):.2f} s to its first response")


def initiate(server: Server, count: int) -> list[str]:
    """Return the bodies of the finalize calls."""
    response = server.connect().send("POST", "/graphql", to_body(INITIATE, files=[DECLARED] * count).encode())
    tickets = json.loads(response)["data"]["initiateUpload"]["files"]
    return [to_body(FINALIZE, uploadToken=ticket["uploadToken"]) for ticket in tickets]


def _finalize(server: Server) -> tuple[float]:
    return _send_each(server, [("/graphql", body) for body in initiate(server, FILES)])


def _finalize_plainly(server: Server) -> tuple[float]:
    declared = json.dumps({"files": [DECLARED] * FILES}).encode()
    granted = json.loads(server.connect().send("POST", "/plain/initiate", declared))["files"]
    return _send_each(server, [(f"/plain/finalize/{one['id']}", "") for one in granted])


def _send_each(server: Server, calls: list[tuple[str, str]]) -> tuple[float]:
    connection, started = server.connect(), time.perf_counter()
    for path, body in calls:
        response = connection.send("POST", path, body.encode())
        assert b'"COMPLETED"' in response, response
    return (time.perf_counter() - started,)


def _finalize_at_once(server: Server, count: int) -> tuple[float]:
    work = [(server.connect(), body.encode()) for body in initiate(server, count)]
    with ThreadPoolExecutor(count) as pool:
        started = time.perf_counter()
        responses = list(pool.map(lambda one: one[0].send("POST", "/graphql", one[1]), work))
        seconds = time.perf_counter() - started
    assert all(b'"COMPLETED"' in response for response in responses), responses
    return (seconds,)


def _start_worker() -> float:
    with rig.serve() as server:
        initiate(server, 1)
        return time.perf_counter() - server.started
