#!/usr/bin/env python3
"""Upload a file of any size to a fileman server, whatever storage is behind it. Standard library only.

    FILEMAN_PASSWORD=demo ./upload.py http://localhost:8000 demo big.iso [file manager id]

Kill it and start it again: it goes on where it stopped, by the token kept in `big.iso.upload`.
"""

import json
import os
import random
import secrets
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

WHAT_TO_SEND = """instructions { hasMore maxConcurrency requests { offset length method url headers { name value }
  fields { name value } fileField successStatus } } errors { code message retryable retryAfterSeconds }"""
OPERATIONS = {
    "InitiateUpload": f"errors {{ message }} files {{ uploadToken {WHAT_TO_SEND} }}",
    "RefreshUpload": f"success {WHAT_TO_SEND}",
    "FinalizeUpload": f"success file {{ permalink }} {WHAT_TO_SEND}",
}
GIVE_UP_AFTER = 5  # times in a row that nothing came of
Json = dict[str, Any]


def back_off(attempt: int, seconds: int | None = None) -> None:
    time.sleep(seconds or random.uniform(0, 2**attempt))  # noqa: S311


class Api:
    """A signed-in session: cookies, CSRF token, GraphQL."""

    def __init__(self, site: str, username: str, password: str) -> None:
        self.site, self.headers = site.rstrip("/"), {"Referer": site}
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        form = {"username": username, "password": password, "csrfmiddlewaretoken": self.csrf_token()}
        self.request("/accounts/login/", urlencode(form).encode())
        self.headers |= {"Content-Type": "application/json", "X-CSRFToken": self.csrf_token()}

    def request(self, path: str, body: bytes | None = None) -> bytes:
        """All that is asked may be asked again, so a broken connection is only waited out."""
        message, attempt = urllib.request.Request(self.site + path, body, self.headers), 0  # noqa: S310
        while True:
            try:
                return bytes(self.opener.open(message, timeout=60).read())
            except (OSError, HTTPException) as error:
                attempt += 1
                if attempt == GIVE_UP_AFTER or getattr(error, "code", 500) < 500:
                    sys.exit(f"\n{self.site}{path}: {error}")
                back_off(attempt)

    def csrf_token(self) -> str:
        return str(json.loads(self.request("/fileman/csrf/"))["csrfToken"])

    def call(self, name: str, **fields: Any) -> Json:
        field = name[0].lower() + name[1:]
        query = f"mutation($input: {name}Input!) {{ {field}(input: $input) {{ {OPERATIONS[name]} }} }}"
        body = json.dumps({"query": query, "variables": {"input": fields}}).encode()
        answer: Json = json.loads(self.request("/graphql", body))
        if not answer.get("data"):
            sys.exit(f"\n{answer['errors'][0]['message']}")
        payload: Json = answer["data"][field]
        return payload


class Bar:
    """Draws how much of the file is on its way."""

    def __init__(self, size: int) -> None:
        self.size, self.sent, self.lock = size, 0, threading.Lock()

    def add(self, more: int) -> None:
        with self.lock:
            self.sent += more
            done = min(1.0, self.sent / self.size)
            sys.stderr.write(f"\r[{'#' * int(40 * done):40}] {done:4.0%} ")


def send(path: Path, request: Json, bar: Bar) -> bool:
    """Send one request of the instructions; whether the storage took it."""
    before, after = b"", b""
    headers = {"Content-Type": "application/octet-stream"}  # urllib would call it a form
    headers |= {header["name"].title(): header["value"] for header in request["headers"]}
    if request["fileField"]:
        line = f"fileman{secrets.token_hex(12)}"
        parts = [f'name="{field["name"]}"\r\n\r\n{field["value"]}' for field in request["fields"]]
        parts.append(f'name="{request["fileField"]}"; filename="file"\r\n\r\n')
        before = "\r\n".join(f"--{line}\r\nContent-Disposition: form-data; {part}" for part in parts).encode()
        after = f"\r\n--{line}--\r\n".encode()
        headers["Content-Type"] = f"multipart/form-data; boundary={line}"
    headers["Content-Length"] = str(len(before) + request["length"] + len(after))

    def body() -> Iterator[bytes]:
        yield before
        with path.open("rb") as file:
            file.seek(request["offset"])
            left = request["length"]
            while left and (chunk := file.read(min(1 << 18, left))):
                yield chunk
                left -= len(chunk)
                bar.add(len(chunk))
        yield after

    try:
        message = urllib.request.Request(request["url"], body(), headers, method=request["method"])  # noqa: S310
        with urllib.request.urlopen(message, timeout=60) as response:  # noqa: S310
            return response.status in request["successStatus"]
    except (OSError, HTTPException):
        return False


def send_all(path: Path, instructions: Json, bar: Bar) -> int:
    """Send them, some at a time, until one is not taken; how many the storage took."""
    failed, requests = threading.Event(), instructions["requests"]
    missing = sum(request["length"] for request in requests)
    bar.sent = requests[0]["offset"] if instructions["hasMore"] else bar.size - missing

    def taken(request: Json) -> bool:
        if failed.is_set() or not send(path, request, bar):
            failed.set()
        return not failed.is_set()

    with ThreadPoolExecutor(instructions["maxConcurrency"]) as pool:
        return sum(pool.map(taken, requests))


def start(api: Api, path: Path, kept: Path, manager: str | None) -> tuple[str, Json]:
    """The token and what to do: for the upload of these very bytes that was broken off, else for a new one."""
    facts = path.stat()
    version = f"{facts.st_size} {facts.st_mtime_ns}"
    token, _, version_kept = kept.read_text().partition(" ") if kept.exists() else ("", "", "")
    if version_kept == version:
        answer = api.call("RefreshUpload", uploadToken=token)
        if answer["success"] or answer["errors"][0]["retryable"]:
            return token, answer
    declared = {"filename": path.name, "size": facts.st_size}
    key = secrets.token_hex(16)  # sent again, it starts no second upload
    batch = api.call("InitiateUpload", files=[declared], fileManagerId=manager, idempotencyKey=key)
    for error in batch["errors"] or batch["files"][0]["errors"]:
        sys.exit(f"Refused: {error['message']}")
    ticket = batch["files"][0]
    kept.write_text(f"{ticket['uploadToken']} {version}")
    return ticket["uploadToken"], ticket


def upload(api: Api, path: Path, manager: str | None = None) -> Json:
    """The finished file. The one algorithm for every storage: send what is asked for, refresh, finalize, obey."""
    kept, bar, name = path.with_name(path.name + ".upload"), Bar(path.stat().st_size), "RefreshUpload"
    token, answer = start(api, path, kept, manager)
    fruitless, furthest = 0, 0
    while fruitless < GIVE_UP_AFTER:
        if instructions := answer["instructions"]:
            offset = instructions["requests"][0]["offset"]
            taken = send_all(path, instructions, bar)
            fruitless = 0 if taken or offset > furthest else fruitless + 1
            furthest = max(furthest, offset)
            failed = taken < len(instructions["requests"])
            name = "RefreshUpload" if failed or instructions["hasMore"] else "FinalizeUpload"
            if failed:
                back_off(fruitless)
        elif answer["errors"]:
            error = answer["errors"][0]
            if not error["retryable"]:
                sys.exit(f"\n{error['message']}")
            fruitless += error["code"] != "UPLOAD_IN_PROGRESS"
            back_off(fruitless, error["retryAfterSeconds"])
        else:
            name = "FinalizeUpload"
        answer = api.call(name, uploadToken=token)
        if name == "FinalizeUpload" and answer["success"]:
            kept.unlink()
            file: Json = answer["file"]
            return file
    sys.exit("\nNothing gets through at present. Start again later to go on.")


if __name__ == "__main__":
    site, username, filename, *rest = sys.argv[1:]
    session = Api(site, username, os.environ.get("FILEMAN_PASSWORD", ""))
    sys.stdout.write(f"\n{upload(session, Path(filename), *rest)['permalink']}\n")
