#!/usr/bin/env python3
"""Upload, download and list files of a fileman server, whatever storage is behind it. Needs `requests`, nothing else.

    export FILEMAN_SITE=http://localhost:8000 FILEMAN_USER=demo FILEMAN_PASSWORD=demo
    ./client.py upload big.iso --to "Local disk"
    ./client.py list
    ./client.py download RmlsZTo... copy.iso

FILEMAN_TOKEN is sent as a bearer token instead of signing in. Kill an upload or a download and start it again: it goes
on where it stopped, by the token or the part that is kept beside the file.

Exit status: 0 done, 1 refused, 2 wrong usage, 3 out of reach at present: start again later to go on.
"""

import argparse
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
MUTATIONS = {
    "initiateUpload": f"errors {{ message }} files {{ uploadToken {WHAT_TO_SEND} }}",
    "refreshUpload": f"success {WHAT_TO_SEND}",
    "finalizeUpload": f"success file {{ id permalink }} {WHAT_TO_SEND}",
}
FILE = "query($id: ID!) { file(id: $id) { originalFilename fileSize downloadUrl } }"
FILES = """query($after: String) { files(first: 50, after: $after) {
  edges { node { id originalFilename fileSize uploadStatus } } pageInfo { hasNextPage endCursor } } }"""
FILE_MANAGERS = "{ fileManagers(first: 100) { edges { node { id name } } } }"
SITE = os.environ.get("FILEMAN_SITE", "http://localhost:8000")
USER, PASSWORD, TOKEN = (os.environ.get(f"FILEMAN_{name}", "") for name in ("USER", "PASSWORD", "TOKEN"))
REFUSED, OUT_OF_REACH = 1, 3
GIVE_UP_AFTER = 5  # times in a row that nothing came of
TIMEOUT_SECONDS = 60
PIECE_BYTES = 1 << 18
Json = dict[str, Any]


class Problem(Exception):
    """What went wrong, in words, and the exit status for it."""

    def __init__(self, message: str, exit_status: int = REFUSED) -> None:
        super().__init__(message)
        self.exit_status = exit_status


class Api:
    """The GraphQL API. All that is asked may be asked again, so a broken connection is only waited out."""

    def __init__(self, site: str, username: str, password: str, token: str = "") -> None:
        self.site, self.session = site.rstrip("/"), requests.Session()
        again = Retry(GIVE_UP_AFTER, backoff_factor=0.3, status_forcelist=range(500, 600), allowed_methods=None)
        self.session.mount(site, HTTPAdapter(max_retries=again))
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"
        else:
            self.ask("GET", "/fileman/csrf/")
            form = {"username": username, "password": password}
            if self.ask("POST", "/accounts/login/", data=form, allow_redirects=False).status_code != 302:
                raise Problem("The user name or the password is wrong.")

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Referer": self.site, "X-CSRFToken": self.session.cookies.get("csrftoken", "")}
        try:
            response = self.session.request(
                method, self.site + path, headers=headers, timeout=TIMEOUT_SECONDS, **options
            )
        except requests.RequestException as error:
            raise Problem(f"{self.site} cannot be reached: {error}", OUT_OF_REACH) from error
        if response.status_code >= 400 and "json" not in response.headers.get("Content-Type", ""):
            raise Problem(f"{self.site}{path} answered with status {response.status_code}.")
        return response

    def query(self, document: str, **variables: Any) -> Json:
        answer: Json = self.ask("POST", "/graphql", json={"query": document, "variables": variables}).json()
        if not answer.get("data"):
            raise Problem(answer["errors"][0]["message"])
        return dict(answer["data"])

    def call(self, name: str, **fields: Any) -> Json:
        kind = f"{name[0].upper()}{name[1:]}Input"
        document = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ {MUTATIONS[name]} }} }}"
        return dict(self.query(document, input=fields)[name])


class Bar:
    """Draws how much of the file is on its way, on standard error."""

    def __init__(self, size: int) -> None:
        self.size, self.sent, self.drawn, self.lock = size, 0, "", threading.Lock()

    def add(self, more: int) -> None:
        with self.lock:
            self.sent += more
            done = min(1.0, self.sent / (self.size or 1))
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
            while left and (piece := file.read(min(PIECE_BYTES, left))):
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


def start(api: Api, path: Path, kept: Path, manager_id: str | None) -> tuple[str, Json]:
    """The token and what to do: for the upload of these very bytes that was broken off, else for a new one."""
    facts = path.stat()
    version = f"{facts.st_size} {facts.st_mtime_ns}"
    token, _, version_kept = kept.read_text().partition(" ") if kept.exists() else ("", "", "")
    if version_kept == version:
        answer = api.call("refreshUpload", uploadToken=token)
        if answer["success"] or answer["errors"][0]["retryable"]:
            return token, answer
    kind, packed = mimetypes.guess_type(path.name)
    declared = {"filename": path.name, "size": facts.st_size, "contentType": "" if packed else kind or ""}
    key = secrets.token_hex(16)  # sent again, it starts no second upload
    batch = api.call("initiateUpload", files=[declared], fileManagerId=manager_id, idempotencyKey=key)
    for error in batch["errors"] or batch["files"][0]["errors"]:
        raise Problem(f"Refused: {error['message']}")
    ticket = batch["files"][0]
    kept.write_text(f"{ticket['uploadToken']} {version}")
    return ticket["uploadToken"], ticket


def upload(api: Api, path: Path, manager_id: str | None = None) -> Json:
    """The finished file. The one algorithm for every storage: send what is asked for, refresh, finalize, obey."""
    kept, bar = path.with_name(path.name + ".upload"), Bar(path.stat().st_size)
    token, answer = start(api, path, kept, manager_id)
    step, fruitless, furthest = "refreshUpload", 0, 0
    while fruitless < GIVE_UP_AFTER:
        if instructions := answer["instructions"]:
            bar.sent = offset = instructions["requests"][0]["offset"]
            taken = send_all(path, instructions, bar)
            fruitless = 0 if taken or offset > furthest else fruitless + 1
            furthest = max(furthest, offset)
            all_taken = taken == len(instructions["requests"])
            step = "finalizeUpload" if all_taken and not instructions["hasMore"] else "refreshUpload"
            wait = 0 if all_taken else 2**fruitless
        elif answer["errors"]:
            error = answer["errors"][0]
            if not error["retryable"]:
                raise Problem(error["message"])
            fruitless += error["code"] != "UPLOAD_IN_PROGRESS"
            wait = error["retryAfterSeconds"] or 2**fruitless
        else:
            step, wait = "finalizeUpload", 0
        time.sleep(wait * random.uniform(1, 1.5))  # noqa: S311
        answer = api.call(step, uploadToken=token)
        if step == "finalizeUpload" and answer["success"]:
            kept.unlink()
            return dict(answer["file"])
    raise Problem("Nothing gets through at present. Start again later to go on.", OUT_OF_REACH)


def download(api: Api, file_id: str, target: Path | None = None) -> Path:
    """The path of the downloaded file. What a broken download has of it is kept, and the rest is asked for."""
    file = api.query(FILE, id=file_id)["file"]
    if not file or not file["downloadUrl"]:
        raise Problem("There is no such file, or it is not ready.")
    target = target or Path(Path(file["originalFilename"]).name)
    part, bar, fruitless = target.with_name(f"{target.name}.{file_id}.part"), Bar(file["fileSize"]), 0
    part.touch()
    while (had := part.stat().st_size) < file["fileSize"]:
        bar.sent = had
        try:
            fetch_rest(api.query(FILE, id=file_id)["file"]["downloadUrl"], part, bar)
        except requests.RequestException:
            time.sleep(2**fruitless * random.uniform(1, 1.5))  # noqa: S311
        fruitless = 0 if part.stat().st_size > had else fruitless + 1
        if fruitless >= GIVE_UP_AFTER:
            raise Problem("Nothing gets through at present. Start again later to go on.", OUT_OF_REACH)
    return part.replace(target)


def fetch_rest(url: str, part: Path, bar: Bar) -> None:
    """Append to what is there; a server that does not know ranges sends all, from the beginning."""
    wanted = {"Range": f"bytes={part.stat().st_size}-", "Accept-Encoding": "identity"}
    with requests.get(url, headers=wanted, stream=True, timeout=TIMEOUT_SECONDS) as response:
        response.raise_for_status()
        with part.open("ab" if response.status_code == 206 else "wb") as file:
            for piece in response.iter_content(PIECE_BYTES):
                file.write(piece)
                bar.add(len(piece))


def list_files(api: Api) -> Iterator[str]:
    """A line for each of the user's files: id, bytes, status, name. Newest first."""
    after, has_more = None, True
    while has_more:
        files = api.query(FILES, after=after)["files"]
        for edge in files["edges"]:
            yield "{id}  {fileSize:>14,}  {uploadStatus:9}  {originalFilename}".format(**edge["node"])
        after, has_more = files["pageInfo"]["endCursor"], files["pageInfo"]["hasNextPage"]


def find_manager(api: Api, name: str) -> str:
    """The id of the file manager of that name."""
    managers = {edge["node"]["name"]: edge["node"]["id"] for edge in api.query(FILE_MANAGERS)["fileManagers"]["edges"]}
    if name not in managers:
        raise Problem(f"There is no file manager {name!r}. You may use: {', '.join(managers)}.")
    return str(managers[name])


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", default=SITE, help="URL of the server")
    parser.add_argument("--user", default=USER, help="who signs in with FILEMAN_PASSWORD")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("upload", help="upload a file, or go on with it; prints its permalink")
    command.add_argument("file", type=Path)
    command.add_argument("--to", metavar="NAME", help="a file manager; else the default one")
    command = commands.add_parser("download", help="download a file, or go on with it")
    command.add_argument("id", help="as `list` shows it")
    command.add_argument("target", type=Path, nargs="?", help="else its own name, in this folder")
    commands.add_parser("list", help="list your files")
    arguments = parser.parse_args()
    if arguments.command == "upload" and not arguments.file.is_file():
        parser.error(f"{arguments.file} is not a file.")
    return arguments


def run(arguments: argparse.Namespace) -> None:
    api = Api(arguments.site, arguments.user, PASSWORD, TOKEN)
    if arguments.command == "upload":
        manager_id = find_manager(api, arguments.to) if arguments.to else None
        sys.stdout.write(f"\n{upload(api, arguments.file, manager_id)['permalink']}\n")
    elif arguments.command == "download":
        sys.stdout.write(f"\n{download(api, arguments.id, arguments.target)}\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in list_files(api))


if __name__ == "__main__":
    try:
        run(read_arguments())
    except (Problem, OSError) as problem:
        sys.stderr.write(f"\n{problem}\n")
        sys.exit(getattr(problem, "exit_status", REFUSED))
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. Start again to go on.")
