"""Figures 1 to 3: files per second of the API against views written by hand, on one server process.

Signing needs no storage. Eight users on kept connections ask both sides of one gunicorn by turns.
"""

import json
from functools import partial
from typing import Any

from fileman.models import File
from tests.api import ERRORS, INSTRUCTIONS
from tests.bench import plain, rig
from tests.graphql.rows import save_files

BATCH = 50
INITIATE = f"""
  mutation InitiateUpload($input: InitiateUploadInput!) {{ initiateUpload(input: $input) {{
    success {ERRORS} fileManager {{ id name backendType }}
    files {{ index uploadToken file {{ id originalFilename fileSize uploadStatus expiresAt }} {INSTRUCTIONS} {ERRORS} }}
  }} }}
"""
"""As the uploader of this repository asks."""
LIST = f"""{{ files(first: {plain.PAGE}) {{
  edges {{ node {{ id originalFilename fileSize contentType created downloadUrl }} }} pageInfo {{ hasNextPage }}
}} }}"""


def declare(count: int) -> list[dict[str, Any]]:
    return [
        {"filename": f"photo {number}.png", "size": 1000 + number, "contentType": "image/png"}
        for number in range(count)
    ]


def to_body(document: str, **fields: Any) -> str:
    return json.dumps({"query": document, "variables": {"input": fields} if fields else {}})


def run_batch() -> None:
    rig.report_speed(f"1. initiate, {BATCH} files at once", _initiate(BATCH), least=1.2)


def run_one() -> None:
    rig.report_speed("2. initiate, one file", _initiate(1), least=0.6)


def run_page() -> None:
    manager = rig.new_manager("s3", plain.STORE)
    for user in rig.get_users():
        save_files(manager, user, 4 * plain.PAGE)
    with rig.serve() as server:
        load = partial(server.load, marker="X-Amz-Signature=", count=plain.PAGE)
        ours, theirs = partial(load, "POST", "/graphql", to_body(LIST)), partial(load, "GET", "/plain/files")
        ratios = rig.alternate(ours, theirs, between=lambda: None)
    rig.report_speed(f"3. files(first: {plain.PAGE}) with downloadUrl", ratios, least=1.8)


def _initiate(count: int) -> list[list[float]]:
    rig.new_manager("s3", plain.STORE)
    declared = declare(count)
    ours, theirs = to_body(INITIATE, files=declared), json.dumps({"files": declared})

    def load(path: str, body: str) -> tuple[float, float]:
        speed = server.load("POST", path, body, marker='"policy"', count=count)
        assert File.objects.count() % count == 0 < File.objects.count(), "each grant has a row"
        return speed

    with rig.serve() as server:
        return rig.alternate(lambda: load("/graphql", ours), lambda: load("/plain/initiate", theirs))
