"""A newcomer's project: made outside of the repository, and set up and used literally as README.md says."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README, TUTORIAL = ((ROOT / page).read_text() for page in ("README.md", "docs/tutorial.md"))
(MUTATION,) = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)
USE = f"""
from urllib.parse import urlsplit
from django.contrib.auth import get_user_model
from django.test import Client
client = Client(SERVER_NAME="localhost", enforce_csrf_checks=True)
abort = {{"query": 'mutation {{ abortUpload(input: {{uploadToken: "x"}}) {{ errors {{ code }} }} }}'}}
refused = Client(SERVER_NAME="localhost").post("/graphql", abort, content_type="application/json").json()
assert refused == {{"data": {{"abortUpload": {{"errors": [{{"code": "UNAUTHENTICATED"}}]}}}}}}, refused
client.force_login(get_user_model().objects.create_user("ann"))
headers = {{"X-CSRFToken": client.get("/fileman/csrf/").json()["csrfToken"]}}

def call(query, **variables):
    body = {{"query": query, "variables": variables}}
    answer = client.post("/graphql", body, content_type="application/json", headers=headers).json()
    assert "errors" not in answer, answer
    (payload,) = answer["data"].values()
    assert payload["errors"] == [], payload
    return payload

content = b"%PDF-1.7".ljust(1_048_576)
(upload,) = call({MUTATION!r})["files"]
assert upload["errors"] == [], upload
for request in upload["instructions"]["requests"]:
    sent = {{header["name"]: header["value"] for header in request["headers"]}}
    part = content[request["offset"]:][:request["length"]]
    url = urlsplit(request["url"])
    response = client.generic(
        request["method"], f"{{url.path}}?{{url.query}}", part, sent.pop("Content-Type"), headers=sent
    )
    assert response.status_code in request["successStatus"], response.content
finalize = '''mutation ($token: String!) {{
    finalizeUpload(input: {{uploadToken: $token}}) {{ file {{ uploadStatus downloadUrl }} errors {{ code message }} }}
}}'''
file = call(finalize, token=upload["uploadToken"])["file"]
url = urlsplit(file["downloadUrl"])
downloaded = b"".join(client.get(f"{{url.path}}?{{url.query}}").streaming_content)
print(file["uploadStatus"], downloaded == content)
"""


def build(target: str, folder: Path, source: Path = ROOT) -> Path:
    """Build the wheel or the sdist of a source tree, and return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = folder.glob({"wheel": "*.whl", "sdist": "*.tar.gz"}[target])
    return built


class Newcomer:
    """A project of `django-admin startproject`, run by any Python. Warnings are errors."""

    def __init__(self, folder: Path, python: str, library: Path | None = None, page: str = README) -> None:
        self.folder = folder
        self.python = python
        self.environment = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "shop.settings"}
        if library:
            self.environment["PYTHONPATH"] = str(library)
        folder.mkdir()
        self.run("-m", "django", "startproject", "shop", ".")
        (key_command,) = re.findall(r"export FILEMAN_KEY=.*python -c '(.*)'", page)
        self.environment["FILEMAN_KEY"] = self.run("-c", key_command).strip()
        for name, text in re.findall(r'```\w+ title="([^"]*)"\n(.*?)```', page, re.DOTALL):
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text((path.read_text() if "+= [" in text else "") + text)
        (self.file_manager,) = re.findall(r"```python\n([^`]*?backend_type=\"file\".*?)```", page, re.DOTALL)

    def run(self, *arguments: str) -> str:
        """Run Python in the project and return its output."""
        command = [self.python, "-W", "error", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def upload(self, before: str = "") -> str:
        """Migrate, upload a file through the API and download it. Return its state and whether the bytes are equal."""
        self.run("manage.py", "migrate")
        return self.run("-c", f"{before}\nimport django; django.setup()\n{self.file_manager}\n{USE}")
