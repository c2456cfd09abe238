#!/usr/bin/env python3
"""Upload a file of any size to a fileman server, whatever storage is behind it. Standard library only.

    FILEMAN_PASSWORD=demo ./upload.py http://localhost:8000 demo big.iso [file manager id]

Kill it and start it again: it goes on where it stopped, by the token kept in `big.iso.upload`.
"""

import json
import os
import random
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

WHAT_TO_SEND = """instructions { hasMore maxConcurrency requests { offset length method url headers { name value }
  fields { name value } fileField successStatus } } errors { code message retryable retryAfterSeconds }"""
OPERATIONS = {
    "InitiateUpload": f"errors {{ message }} files {{ uploadToken {WHAT_TO_SEND} }}",
    "RefreshUpload": f"success {WHAT_TO_SEND}",
    "FinalizeUpload": f"success file {{ id permalink }} {WHAT_TO_SEND}",
}
GIVE_UP_AFTER = 5  # refreshes in a row after which nothing had arrived
Json = dict[str, Any]


class Api:
    """A signed-in session: cookies, CSRF token, GraphQL."""

    def __init__(self, site: str, username: str, password: str) -> None:
        self.site, self.headers = site.rstrip("/"), {"Referer": site}
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        form = {"username": username, "password": password, "csrfmiddlewaretoken": self.csrf_token()}
        self.request("/accounts/login/", urlencode(form).encode())
        self.headers |= {"Content-Type": "application/json", "X-CSRFToken": self.csrf_token()}

    def request(self, path: str, body: bytes | None = None) -> bytes:
        answer: bytes = self.opener.open(urllib.request.Request(self.site + path, body, self.headers)).read()  # noqa: S310
        return answer

    def csrf_token(self) -> str:
        return str(json.loads(self.request("/fileman/csrf/"))["csrfToken"])

    def call(self, name: str, **fields: Any) -> Json:
        field = name[0].lower() + name[1:]
        query = f"mutation($input: {name}Input!) {{ {field}(input: $input) {{ {OPERATIONS[name]} }} }}"
        body = json.dumps({"query": query, "variables": {"input": fields}}).encode()
        answer: Json = json.loads(self.request("/graphql", body))["data"][field]
        return answer


def send(path: Path, request: Json) -> bool:
    """Send one request of the instructions; whether the storage took it."""
    before, after = b"", b""
    headers = {"Content-Type": "application/octet-stream"}  # urllib would call it a form
    headers |= {header["name"].title(): header["value"] for header in request["headers"]}
    if request["fileField"]:
        line = f"fileman{random.getrandbits(96):024x}"
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
                left -= len(chunk)
                yield chunk
        yield after

    try:
        message = urllib.request.Request(request["url"], body(), headers, method=request["method"])  # noqa: S310
        with urllib.request.urlopen(message, timeout=60) as response:  # noqa: S310
            return response.status in request["successStatus"]
    except OSError:
        return False


def send_all(path: Path, instructions: Json, sent_bytes: int) -> int:
    """Send them all, some at a time, and draw the bar; how many the storage took."""
    size, taken = path.stat().st_size, 0
    with ThreadPoolExecutor(instructions["maxConcurrency"]) as pool:
        for request, ok in zip(
            instructions["requests"], pool.map(lambda one: send(path, one), instructions["requests"]), strict=True
        ):
            taken += ok
            sent_bytes += request["length"] * ok
            done = min(1.0, sent_bytes / size)
            sys.stderr.write(f"\r[{'#' * int(40 * done):40}] {done:4.0%} ")
    return taken


def start(api: Api, path: Path, kept: Path, manager: str | None) -> tuple[str, Json | None]:
    """The token and instructions of the upload that was broken off here, else of a new one."""
    while kept.exists():
        answer = api.call("RefreshUpload", uploadToken=kept.read_text())
        if answer["success"]:
            return kept.read_text(), answer["instructions"]
        if not answer["errors"][0]["retryable"]:
            break  # it has ended: begin anew
        time.sleep(answer["errors"][0]["retryAfterSeconds"] or 5)
    declared = {"filename": path.name, "size": path.stat().st_size}
    batch = api.call("InitiateUpload", files=[declared], fileManagerId=manager)
    for error in batch["errors"] or batch["files"][0]["errors"]:
        sys.exit(f"Refused: {error['message']}")
    kept.write_text(batch["files"][0]["uploadToken"])
    return kept.read_text(), batch["files"][0]["instructions"]


def upload(api: Api, path: Path, manager: str | None = None) -> Json:
    """The finished file. The one algorithm for every storage: send what is asked for, refresh, finalize, obey."""
    kept, fruitless = path.with_name(path.name + ".upload"), 0
    token, instructions = start(api, path, kept, manager)
    while fruitless < GIVE_UP_AFTER:
        name = "FinalizeUpload"
        if instructions:
            asked = instructions["requests"]
            taken = send_all(path, instructions, asked[0]["offset"])
            fruitless = 0 if taken else fruitless + 1
            if taken < len(asked):
                time.sleep(random.uniform(0, 2**fruitless))  # noqa: S311
            if taken < len(asked) or instructions["hasMore"]:
                name = "RefreshUpload"
        answer = api.call(name, uploadToken=token)
        if "file" in answer and answer["success"]:
            kept.unlink()
            file: Json = answer["file"]
            return file
        instructions = answer["instructions"]
        if not answer["success"] and not instructions:
            error = answer["errors"][0]
            if error["code"] != "UPLOAD_IN_PROGRESS":
                sys.exit(f"\n{error['message']}")
            time.sleep(error["retryAfterSeconds"])
    sys.exit("\nThe storage takes nothing at present. Start again later to go on.")


if __name__ == "__main__":
    site, username, name, *rest = sys.argv[1:]
    session = Api(site, username, os.environ.get("FILEMAN_PASSWORD", ""))
    sys.stdout.write(f"\n{upload(session, Path(name), *rest)['permalink']}\n")
