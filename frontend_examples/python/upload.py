#!/usr/bin/env python3
"""Upload a file of any size to a fileman server, whatever storage is behind it. Needs `requests`, nothing else.

    FILEMAN_PASSWORD=demo ./upload.py http://localhost:8000 demo big.iso [file manager id]

Kill it and start it again: it goes on where it stopped, by the token kept in `big.iso.upload`.
"""

import mimetypes
import os
import random
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter, Retry
from urllib3.filepost import encode_multipart_formdata

WHAT_TO_SEND = """instructions { hasMore maxConcurrency requests { offset length method url headers { name value }
  fields { name value } fileField successStatus } } errors { code message retryable retryAfterSeconds }"""
OPERATIONS = {
    "InitiateUpload": f"errors {{ message }} files {{ uploadToken {WHAT_TO_SEND} }}",
    "RefreshUpload": f"success {WHAT_TO_SEND}",
    "FinalizeUpload": f"success file {{ permalink }} {WHAT_TO_SEND}",
}
GIVE_UP_AFTER = 5  # times in a row that nothing came of
TIMEOUT_SECONDS = 60
Json = dict[str, Any]


class Api:
    """A signed-in session. All that is asked may be asked again, so a broken connection is only waited out."""

    def __init__(self, site: str, username: str, password: str) -> None:
        self.site, self.session = site.rstrip("/"), requests.Session()
        again = Retry(GIVE_UP_AFTER, backoff_factor=0.3, status_forcelist=range(500, 600), allowed_methods=None)
        self.session.mount(site, HTTPAdapter(max_retries=again))
        self.ask("GET", "/fileman/csrf/")
        form = {"username": username, "password": password}
        self.ask("POST", "/accounts/login/", data=form, allow_redirects=False)

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Referer": self.site, "X-CSRFToken": self.session.cookies.get("csrftoken", "")}
        response = self.session.request(method, self.site + path, headers=headers, timeout=TIMEOUT_SECONDS, **options)
        response.raise_for_status()
        return response

    def call(self, name: str, **fields: Any) -> Json:
        field = name[0].lower() + name[1:]
        query = f"mutation($input: {name}Input!) {{ {field}(input: $input) {{ {OPERATIONS[name]} }} }}"
        answer: Json = self.ask("POST", "/graphql", json={"query": query, "variables": {"input": fields}}).json()
        if not answer.get("data"):
            sys.exit(f"\n{answer['errors'][0]['message']}")
        payload: Json = answer["data"][field]
        return payload


class Bar:
    """Draws how much of the file is on its way."""

    def __init__(self, size: int) -> None:
        self.size, self.sent, self.drawn, self.lock = size, 0, "", threading.Lock()

    def add(self, more: int) -> None:
        with self.lock:
            self.sent += more
            done = min(1.0, self.sent / self.size)
            line = f"\r[{'#' * int(40 * done):40}] {done:4.0%} "
            if line != self.drawn:
                self.drawn = line
                sys.stderr.write(line)


class Body:
    """One slice of the file, within a form where one is asked for, piece by piece. Nothing is held in memory."""

    def __init__(self, path: Path, request: Json, bar: Bar) -> None:
        self.path, self.request, self.bar, self.before, self.after = path, request, bar, b"", b""
        self.headers = {header["name"]: header["value"] for header in request["headers"]}
        if request["fileField"]:
            here = secrets.token_bytes(16)
            fields: list[Any] = [(field["name"], field["value"]) for field in request["fields"]]
            form, kind = encode_multipart_formdata([*fields, (request["fileField"], ("file", here))])
            self.before, self.after = form.split(here)
            self.headers["Content-Type"] = kind

    def __len__(self) -> int:
        return len(self.before) + int(self.request["length"]) + len(self.after)

    def __iter__(self) -> Iterator[bytes]:
        yield self.before
        with self.path.open("rb") as file:
            file.seek(self.request["offset"])
            left = self.request["length"]
            while left and (piece := file.read(min(1 << 18, left))):
                yield piece
                left -= len(piece)
                self.bar.add(len(piece))
        yield self.after


def send_all(path: Path, instructions: Json, bar: Bar) -> int:
    """Send the requests, some at a time, until one is not taken; how many the storage took."""
    failed = threading.Event()

    def taken(request: Json) -> bool:
        if not failed.is_set():
            body = Body(path, request, bar)
            try:
                answer = requests.request(
                    request["method"], request["url"], data=body, headers=body.headers, timeout=TIMEOUT_SECONDS
                )
                if answer.status_code in request["successStatus"]:
                    return True
            except (OSError, requests.RequestException):
                pass
        failed.set()
        return False

    with ThreadPoolExecutor(instructions["maxConcurrency"]) as pool:
        return sum(pool.map(taken, instructions["requests"]))


def start(api: Api, path: Path, kept: Path, manager: str | None) -> tuple[str, Json]:
    """The token and what to do: for the upload of these very bytes that was broken off, else for a new one."""
    facts = path.stat()
    version = f"{facts.st_size} {facts.st_mtime_ns}"
    token, _, version_kept = kept.read_text().partition(" ") if kept.exists() else ("", "", "")
    if version_kept == version:
        answer = api.call("RefreshUpload", uploadToken=token)
        if answer["success"] or answer["errors"][0]["retryable"]:
            return token, answer
    kind, packed = mimetypes.guess_type(path.name)
    declared = {"filename": path.name, "size": facts.st_size, "contentType": "" if packed else kind or ""}
    key = secrets.token_hex(16)  # sent again, it starts no second upload
    batch = api.call("InitiateUpload", files=[declared], fileManagerId=manager, idempotencyKey=key)
    for error in batch["errors"] or batch["files"][0]["errors"]:
        sys.exit(f"Refused: {error['message']}")
    ticket = batch["files"][0]
    kept.write_text(f"{ticket['uploadToken']} {version}")
    return ticket["uploadToken"], ticket


def upload(api: Api, path: Path, manager: str | None = None) -> Json:
    """The finished file. The one algorithm for every storage: send what is asked for, refresh, finalize, obey."""
    kept, bar = path.with_name(path.name + ".upload"), Bar(path.stat().st_size)
    token, answer = start(api, path, kept, manager)
    step, fruitless, furthest = "RefreshUpload", 0, 0
    while fruitless < GIVE_UP_AFTER:
        if instructions := answer["instructions"]:
            bar.sent = offset = instructions["requests"][0]["offset"]
            taken = send_all(path, instructions, bar)
            fruitless = 0 if taken or offset > furthest else fruitless + 1
            furthest = max(furthest, offset)
            all_taken = taken == len(instructions["requests"])
            step = "FinalizeUpload" if all_taken and not instructions["hasMore"] else "RefreshUpload"
            wait = 0 if all_taken else 2**fruitless
        elif answer["errors"]:
            error = answer["errors"][0]
            if not error["retryable"]:
                sys.exit(f"\n{error['message']}")
            fruitless += error["code"] != "UPLOAD_IN_PROGRESS"
            wait = error["retryAfterSeconds"] or 2**fruitless
        else:
            step, wait = "FinalizeUpload", 0
        time.sleep(wait * random.uniform(1, 1.5))  # noqa: S311
        answer = api.call(step, uploadToken=token)
        if step == "FinalizeUpload" and answer["success"]:
            kept.unlink()
            file: Json = answer["file"]
            return file
    sys.exit("\nNothing gets through at present. Start again later to go on.")


if __name__ == "__main__":
    site, username, filename, *rest = sys.argv[1:]
    try:
        session = Api(site, username, os.environ.get("FILEMAN_PASSWORD", ""))
        sys.stdout.write(f"\n{upload(session, Path(filename), *rest)['permalink']}\n")
    except requests.RequestException as problem:
        sys.exit(f"\n{problem}")
