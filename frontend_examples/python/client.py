#!/usr/bin/env python3
"""Upload, download and list files of a fileman server, whatever its storage. Needs only `requests`.

    export FILEMAN_SITE=http://localhost:8000 FILEMAN_USER=demo FILEMAN_PASSWORD=demo
    ./client.py upload big.iso --to "Local disk"
    ./client.py list
    ./client.py download RmlsZTo... copy.iso

Or set FILEMAN_TOKEN to a bearer token. FILEMAN_LOGIN is the path of the sign-in form, if not /accounts/login/. Repeat a
broken command to resume it: `big.iso.upload` keeps the token of the upload, `copy.iso.<id>.part` the downloaded bytes.

Exit status: 0 success, 1 refused, 2 wrong usage, 3 not possible at present: run the command again later, 130 Ctrl-C.
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
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter, Retry
from urllib3.filepost import encode_multipart_formdata

NEXT_STEPS = """instructions { hasMore maxConcurrency requests { offset length method url headers { name value }
  fields { name value } fileField successStatus } } errors { code message retryable retryAfterSeconds }"""
INITIATE = f"""mutation($input: InitiateUploadInput!) {{ initiateUpload(input: $input) {{
  errors {{ message retryable }} files {{ uploadToken {NEXT_STEPS} }} }} }}"""
REFRESH = f"mutation($input: RefreshUploadInput!) {{ refreshUpload(input: $input) {{ success {NEXT_STEPS} }} }}"
FINALIZE = f"""mutation($input: FinalizeUploadInput!) {{ finalizeUpload(input: $input) {{
  success file {{ permalink }} {NEXT_STEPS} }} }}"""
FILE = "query($id: ID!) { file(id: $id) { originalFilename fileSize downloadUrl } }"
FILES = """query($after: String) { files(first: 50, after: $after) {
  edges { node { id originalFilename fileSize uploadStatus } } pageInfo { hasNextPage endCursor } } }"""
FILE_MANAGERS = "{ fileManagers(first: 100) { edges { node { id name } } } }"
SITE = os.environ.get("FILEMAN_SITE", "http://localhost:8000")
USER, PASSWORD, TOKEN, LOGIN = (os.environ.get(f"FILEMAN_{key}", "") for key in ("USER", "PASSWORD", "TOKEN", "LOGIN"))
MAX_FAILURES = 5
TIMEOUT = 60  # seconds
LONGEST_PAUSE = 120  # seconds; what takes longer is for people to know
PIECE_BYTES = 1 << 18
Json = dict[str, Any]


class Problem(Exception):
    """Ends the program with a message."""

    exit_status = 1


class NotNow(Problem):
    exit_status = 3


class Api:
    """The GraphQL API of a server. Each call is safe to repeat, so failed requests are sent again."""

    def __init__(self, site: str, username: str, password: str, token: str = "") -> None:
        self.site = site.rstrip("/")
        self.session = requests.Session()
        statuses = [429, *range(500, 600)]
        retry = Retry(MAX_FAILURES, backoff_factor=0.3, status_forcelist=statuses, allowed_methods=None)
        retry.respect_retry_after_header = False  # it may ask for an hour
        self.session.mount(site, HTTPAdapter(max_retries=retry))
        if token:
            self.session.headers["Authorization"] = f"Bearer {token.strip()}"
            if not self.query("{ fileUsage { usedBytes } }"):  # null if nobody is signed in
                raise Problem("The token is not valid.")
        else:
            self.send("GET", "/fileman/csrf/")  # sets the cookie that the form needs
            form = {"username": username, "password": password}
            if self.send("POST", LOGIN or "/accounts/login/", 200, 302, data=form).status_code != 302:
                raise Problem("The user name or the password is wrong.")

    def send(self, method: str, path: str, *accepted: int, **body: Any) -> requests.Response:
        """Send a request to the server. Raises Problem if the response is neither JSON nor of an accepted status."""
        url = self.site + path
        headers = {"Referer": self.site, "X-CSRFToken": self.session.cookies.get("csrftoken", "")}
        try:
            reply = self.session.request(method, url, headers=headers, timeout=TIMEOUT, allow_redirects=False, **body)
        except (requests.RequestException, ValueError) as error:
            kind = Problem if isinstance(error, ValueError) else NotNow  # ValueError: the URL or the token is malformed
            raise kind(f"{self.site} is out of reach: {error}") from error
        if reply.status_code not in accepted and "json" not in reply.headers.get("Content-Type", ""):
            detail = f" ({reply.headers.get('Location', 'not JSON')})" if reply.ok else ""
            raise Problem(f"{url} returned status {reply.status_code}{detail}.")
        return reply

    def query(self, document: str, **variables: Any) -> Any:
        """Run a query or a mutation, and return its only field."""
        result = self.send("POST", "/graphql", json={"query": document, "variables": variables}).json()
        try:
            if errors := result.get("errors"):
                raise Problem(errors[0]["message"])
            [field] = result["data"].values()
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise Problem(f"{self.site}/graphql returned {result}.") from error
        return field


class Bar:
    """Draws on standard error how much of the file has been sent or received."""

    def __init__(self, size: int) -> None:
        self.size, self.done, self.percent, self.lock = size, 0, 0, threading.Lock()

    def add(self, count: int) -> None:
        with self.lock:
            self.done += count
            percent = min(100, 100 * self.done // self.size)
            if percent != self.percent:
                self.percent = percent
                sys.stderr.write(f"\r[{'#' * (percent * 2 // 5):40}] {percent:3}% ")


class Patience:
    """Counts failures in a row, waits longer after each, and gives up after MAX_FAILURES."""

    failures = 0

    def wait(self, problem: str, seconds: int | None = None, *, progress: bool) -> None:
        self.failures = 0 if progress else self.failures + 1
        if self.failures >= MAX_FAILURES or (seconds or 0) > LONGEST_PAUSE:
            raise NotNow(f"{problem} Run the command again later to resume.")
        time.sleep((2**self.failures if seconds is None else seconds) * random.uniform(1, 1.5))  # noqa: S311


class Body:
    """The body of a request: a slice of the file, in a form if the storage needs one. Read while it is sent."""

    def __init__(self, path: Path, request: Json, bar: Bar) -> None:
        self.path, self.request, self.bar, self.before, self.after = path, request, bar, b"", b""
        self.headers = {header["name"]: header["value"] for header in request["headers"]}
        if request["fileField"]:
            placeholder = secrets.token_bytes(16)
            fields: list[Any] = [(field["name"], field["value"]) for field in request["fields"]]
            fields += [(request["fileField"], ("file", placeholder))]
            form, self.headers["Content-Type"] = encode_multipart_formdata(fields)
            self.before, self.after = form.split(placeholder)

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


def send_all(path: Path, instructions: Json, bar: Bar) -> str:
    """Send the requests, several at a time, until one fails. Return why it failed."""
    problems: list[str] = []

    def send(request: Json) -> None:
        if not problems:
            body, method, url = Body(path, request, bar), request["method"], request["url"]
            try:
                response = requests.request(method, url, data=body, headers=body.headers, timeout=TIMEOUT)
                if response.status_code not in request["successStatus"]:
                    problems.append(f"The storage returned status {response.status_code}.")
            except OSError:  # of the file, or of `requests`, whose errors are OSErrors
                problems.append("The storage is out of reach.")

    list(ThreadPoolExecutor(instructions["maxConcurrency"]).map(send, instructions["requests"]))
    return problems[0] if problems else ""


def start(api: Api, path: Path, facts: os.stat_result, token_file: Path, manager_id: str | None) -> tuple[str, Json]:
    """Resume the interrupted upload of the file, or start a new one. Return its token and the next steps."""
    version = f"{facts.st_size} {facts.st_mtime_ns} {api.site} {manager_id}"
    if token_file.exists():
        token, _, saved_version = token_file.read_text(errors="replace").partition(" ")
        if saved_version == version:
            steps = api.query(REFRESH, input={"uploadToken": token})
            if steps["success"] or steps["errors"][0]["retryable"]:
                return token, steps
    content_type, encoding = mimetypes.guess_type(path.name)
    declared = {"filename": path.name, "size": facts.st_size, "contentType": "" if encoding else content_type or ""}
    key = secrets.token_hex(16)  # a repeated request with the same key starts no second upload
    batch = api.query(INITIATE, input={"files": [declared], "fileManagerId": manager_id, "idempotencyKey": key})
    if errors := batch["errors"] or batch["files"][0]["errors"]:
        raise (NotNow if errors[0]["retryable"] else Problem)(f"Refused: {errors[0]['message']}")
    steps = batch["files"][0]
    token_file.write_text(f"{steps['uploadToken']} {version}")
    return steps["uploadToken"], steps


def upload(api: Api, path: Path, manager_id: str | None = None) -> str:
    """Upload a file, or resume its upload, and return its permalink. The algorithm is the same for every storage."""
    path.open("rb").close()  # raises OSError if it cannot be read
    facts, token_file, patience = path.stat(), path.with_name(path.name + ".upload"), Patience()
    token, steps = start(api, path, facts, token_file, manager_id)
    next_call, bar, problem, missing = REFRESH, Bar(facts.st_size), "", [-1]
    while True:
        if instructions := steps["instructions"]:
            before, missing = missing, [request["offset"] for request in instructions["requests"]]
            pause = None if problem or missing == before else 0
            patience.wait(problem or "The storage kept nothing.", pause, progress=missing != before)
            bar.done = missing[0]
            problem = send_all(path, instructions, bar)
            next_call = REFRESH if problem or instructions["hasMore"] else FINALIZE
        elif steps["errors"]:
            error = steps["errors"][0]
            if not error["retryable"]:
                raise Problem(error["message"])
            patience.wait(error["message"], error["retryAfterSeconds"], progress=error["code"] == "UPLOAD_IN_PROGRESS")
        else:  # no bytes are missing
            next_call = FINALIZE
        if path.stat().st_mtime_ns != facts.st_mtime_ns:
            raise Problem("The file was changed during its upload. Run the command again to start a new upload.")
        steps = api.query(next_call, input={"uploadToken": token})
        if next_call == FINALIZE and steps["success"]:
            token_file.unlink()
            bar.add(bar.size)  # slices behind a missing one were not counted
            return str(steps["file"]["permalink"])


def download(api: Api, file_id: str, target: Path | None = None) -> Path:
    """Download a file, or the rest of it after an interrupted download, and return its path."""
    file, target = find_file(api, file_id), target or Path()
    if target.is_dir():
        target /= Path(file["originalFilename"]).name
    part, bar, patience = target.with_name(f"{target.name}.{file_id}.part"), Bar(file["fileSize"]), Patience()
    part.touch()
    while (received := part.stat().st_size) != bar.size:
        bar.done = received
        with suppress(requests.RequestException):
            fetch_rest(find_file(api, file_id)["downloadUrl"], part, bar)
            if part.stat().st_size != bar.size:  # it was another file, such as the page of a proxy
                part.write_bytes(b"")
        if (now := part.stat().st_size) != bar.size:
            patience.wait("The storage does not send the file.", progress=now > received)
    return part.replace(target)


def find_file(api: Api, file_id: str) -> Json:
    """Return name, size and a new download URL of the file."""
    file: Json | None = api.query(FILE, id=file_id)
    if not file or not file["downloadUrl"]:
        raise Problem("The file was not found, or it is not ready.")
    return file


def fetch_rest(url: str, part: Path, bar: Bar) -> None:
    """Append the missing bytes, or write all bytes if the server does not support ranges."""
    start = part.stat().st_size
    headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code != 416:  # the part is too long
            response.raise_for_status()
        is_rest = response.status_code == 206
        with part.open("r+b" if is_rest else "wb") as file:
            file.seek(start if is_rest else 0)  # not at its end, where another download may have written meanwhile
            for piece in response.iter_content(PIECE_BYTES):
                file.write(piece)
                bar.add(len(piece))


def list_files(api: Api) -> Iterator[str]:
    """Yield id, size, status and name of each of the user's files, the newest first."""
    after, has_more = None, True
    while has_more:
        files = api.query(FILES, after=after)
        for edge in files["edges"]:
            yield "{id}  {fileSize:>14,}  {uploadStatus:9}  {originalFilename}".format(**edge["node"])
        after, has_more = files["pageInfo"]["endCursor"], files["pageInfo"]["hasNextPage"]


def find_manager(api: Api, name: str) -> str:
    """Return the id of the file manager with this name."""
    managers = {edge["node"]["name"]: edge["node"]["id"] for edge in api.query(FILE_MANAGERS)["edges"]}
    if name not in managers:
        raise Problem(f"The file manager {name!r} was not found. You may use: {', '.join(managers)}.")
    return str(managers[name])


def main() -> None:
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", default=SITE, help="URL of the server")
    parser.add_argument("--user", default=USER, help="user name; its password is read from FILEMAN_PASSWORD")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("upload", help="upload a file, or resume its upload, and print its permalink")
    command.add_argument("file", type=Path)
    command.add_argument("--to", metavar="NAME", help="name of a file manager; default: that of the user")
    command = commands.add_parser("download", help="download a file, or resume its download, and print its path")
    command.add_argument("id", help="as printed by `list`")
    command.add_argument("target", type=Path, nargs="?", help="file or folder; default: this folder")
    commands.add_parser("list", help="list your files")
    arguments = parser.parse_args()
    if arguments.command == "upload" and not arguments.file.is_file():
        parser.error(f"{arguments.file} is not a file.")

    api = Api(arguments.site, arguments.user, PASSWORD, TOKEN)
    if arguments.command == "upload":
        manager_id = find_manager(api, arguments.to) if arguments.to else None
        sys.stdout.write(f"\n{upload(api, arguments.file, manager_id)}\n")
    elif arguments.command == "download":
        sys.stdout.write(f"\n{download(api, arguments.id, arguments.target)}\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in list_files(api))


if __name__ == "__main__":
    try:
        main()
        sys.stdout.flush()
    except (Problem, OSError, KeyboardInterrupt) as problem:
        sys.stderr.write(f"\n{str(problem) or 'Interrupted. Run the command again to resume.'}\n")
        # At once: threads may be sending, and Python would write to a broken pipe again.
        os._exit(130 if isinstance(problem, KeyboardInterrupt) else getattr(problem, "exit_status", 1))
