"""Figures 8 and 10: a large file by the reference client: to the local disk, and to a store with and without us."""

import filecmp
import io
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from mmap import mmap
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import requests

from fileman.conf import MIB
from tests.bench import rig
from tests.bench.bench_api import LIST, to_body
from tests.bench.machine import OTHER_CORE, SERVER_CORE
from tests.bench.rig import Server
from tests.flows.reference_client import PROGRAM
from tests.servers import ServerMissing, server
from tests.servers.buckets import create_s3_bucket

SIZE_MIB = 1024
PART_MIB = 16
ROUNDS = 3
LEAST = 0.5
PASSWORD = "bench"
COPY = ("sh", "-c", 'cp "$0" "$1" && sync "$1"')
EVERY_CORE = (SERVER_CORE, OTHER_CORE)


def run_disk() -> None:
    with _file() as path:
        rig.new_manager("file", {"base_path": f"{path.parent}/files"})
        with rig.serve(threads=8, cores=EVERY_CORE) as site:
            before = site.get_peak_mebibytes()
            rounds = [_measure_disk(path, site) for _ in range(ROUNDS + 1)][1:]
            peak = site.get_peak_mebibytes()
    for way, reference in (("up", "cp and fsync"), ("down", "cat")):
        ratios = [max(one[reference], one[f"HTTP {way}"]) / one[way] for one in rounds]
        names = (way, reference, f"HTTP {way}")
        note = "; " + ", ".join(f"{name} {statistics.median(one[name] for one in rounds):.2f} s" for name in names)
        text = f"8. {SIZE_MIB} MiB {way}, local disk, speed against the slower of {reference} and HTTP alone"
        rig.report(text, ratios, least=LEAST, note=note)
    print(f"        8. the server's memory was at most {peak:.0f} MiB, {before:.0f} before")


def run_direct() -> None:
    measured = {}
    with _file() as path:
        for name, is_direct in (("directly", True), ("through the server", False)):
            try:
                measured[name] = _measure_store(path, is_direct=is_direct)
            except ServerMissing as missing:
                print(f"        10. skipped: {missing}")
                return
    for name, (seconds, cpu) in measured.items():
        print(f"        10. {SIZE_MIB} MiB to radosgw {name}: {seconds:.2f} s, {cpu:.2f} s of the server's CPU")
    direct, through = measured.values()
    is_less = all(one < other for one, other in zip(direct, through, strict=True))
    text = f"10. directly against through the server: {direct[0] / through[0]:.2f} of the time"
    rig.print_verdict(f"{text}, {direct[1] / through[1]:.3f} of its CPU; target less of both", is_met=is_less)


@contextmanager
def _file() -> Iterator[Path]:
    """Yield a large file, on the disk of the temporary folders."""
    user = rig.get_users()[0]
    user.set_password(PASSWORD)
    user.save()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.bin"
        with path.open("wb") as file:
            for _ in range(SIZE_MIB):
                file.write(os.urandom(MIB))
        yield path


def _measure_disk(path: Path, site: Server) -> dict[str, float]:
    client, copy = SimpleNamespace(**run_path(str(PROGRAM))), path.with_name("copy")
    api = client.Api(site.url, "user0", PASSWORD)
    parts = [{"offset": offset, "length": PART_MIB * MIB} for offset in range(0, SIZE_MIB * MIB, PART_MIB * MIB)]
    how = {"method": "PUT", "url": f"{site.url}/plain/drop", "headers": [], "fileField": None, "successStatus": [200]}
    instructions = {"maxConcurrency": 4, "requests": [{**part, **how} for part in parts]}
    seconds = {
        "up": _time(lambda: client.upload(api, path)),
        "HTTP up": _time(lambda: client.send_all(path, instructions, client.Bar(SIZE_MIB * MIB))),
        "cp and fsync": _time(lambda: subprocess.run([*COPY, path, copy], check=True)),
    }
    [stored] = path.with_name("files").glob("uploads/*/*/*")
    assert filecmp.cmp(path, stored, shallow=False)
    response = site.connect().send("POST", "/graphql", to_body(LIST).encode())
    url = response.decode().partition('"downloadUrl":"')[2].partition('"')[0]
    seconds |= {
        "down": _time(lambda: _fetch(url)),
        "HTTP down": _time(lambda: _fetch(f"{site.url}/plain/zeros/{SIZE_MIB}")),
        "cat": _time(lambda: subprocess.run(["cat", copy], stdout=subprocess.DEVNULL, check=True)),
    }
    copy.unlink()
    rig.clear()
    shutil.rmtree(path.with_name("files"))
    return seconds


def _measure_store(path: Path, *, is_direct: bool) -> tuple[float, float]:
    with server("radosgw") as store:
        bucket = create_s3_bucket(store, "bench", "http://localhost")
        rig.new_manager("s3", bucket.settings, supports_direct_upload=is_direct)
        with rig.serve(threads=8, cores=EVERY_CORE) as site:
            client = SimpleNamespace(**run_path(str(PROGRAM)))
            api = client.Api(site.url, "user0", PASSWORD)
            before = site.get_cpu_seconds()
            seconds = _time(lambda: client.upload(api, path))
            return seconds, site.get_cpu_seconds() - before


def _time(call: Callable[[], object]) -> float:
    # A virtual machine gives free memory back to its host, and who uses it next waits for seconds: nobody here does.
    with mmap(-1, SIZE_MIB * MIB) as memory:
        for _ in range(SIZE_MIB):
            memory.write(bytes(MIB))
    os.sync()  # what was written before is not paid for here
    started = time.perf_counter()
    with redirect_stderr(io.StringIO()):  # the client draws its progress
        call()
    return time.perf_counter() - started


def _fetch(url: str) -> None:
    with requests.get(url, stream=True, timeout=60) as response:
        assert sum(map(len, response.iter_content(MIB))) == SIZE_MIB * MIB
