"""The samples of docs/ work as written, and all links lead to files. test_packaging.py does what README.md says."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.test import RequestFactory
from django.urls import resolve
from graphql import build_schema, parse, validate
from strawberry.relay import to_base64

from fileman import conf, tokens
from fileman.models import File, FileManager
from fileman.signals import file_completed
from tests.uploads.driver import configured, declared, finish, initiate, send, start, upload

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
PATTERNS = ("*.md", "docs/**/*.md", "frontend_examples/*.md", "frontend_examples/*/README.md")
PAGES = sorted(path for pattern in PATTERNS for path in ROOT.glob(pattern))


def samples(page: str, language: str = "python") -> list[str]:
    return re.findall(rf"```{language}(?: title=.*?)?\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def run(sample: str, **given: Any) -> dict[str, Any]:
    names = {"__name__": "documentation", **given}
    exec(sample, names)
    return names


def test_the_bucket_of_the_tutorial_takes_uploads(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the server's own credentials, because the sample has none."""
    monkeypatch.setitem(os.environ, "AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setitem(os.environ, "AWS_SECRET_ACCESS_KEY", "EXAMPLEKEY")
    run(samples("docs/tutorial.md")[-1])

    (ticket,) = initiate(user, declared("report.pdf", 1024)).tickets

    assert ticket.errors == ()
    assert ticket.instructions is not None
    assert ticket.instructions.requests[0].url == "https://my-bucket.s3.eu-central-1.amazonaws.com/"
    assert File.objects.get().upload_path.startswith("documents/.uploads/")


PYTHON = samples("docs/python.md")


class TestPython:
    """Docs/python.md."""

    def test_its_file_manager_is_the_default_of_its_group(self, user: User, group: Group) -> None:
        run(PYTHON[0], editors=group)
        user.groups.add(group)

        batch = initiate(user, declared("cat.png", content_type="image/png"), declared("cat.pdf"), group_id=group.pk)

        assert batch.file_manager.name == "Images"
        codes = [[error.code.value for error in ticket.errors] for ticket in batch.tickets]
        assert codes == [[], ["EXTENSION_NOT_ALLOWED"]]

    def test_its_invoice_is_found(self, user: User, manager: FileManager, tmp_path: Path, rf: RequestFactory) -> None:
        store, model, find = PYTHON[-5:-2]
        (tmp_path / "invoice.pdf").write_bytes(b"%PDF-1.7 invoice")

        names = run(store.replace("/tmp/", f"{tmp_path}/"), user=user, documents=manager)

        assert (names["first_bytes"], names["invoice"].metadata) == (b"%PDF", {"made_by": "billing"})
        assert 'ForeignKey("fileman.File", null=True, on_delete=models.PROTECT, related_name="+")' in model
        request, order = rf.get("/"), SimpleNamespace(invoice=None)
        request.user = user
        run(find, request=request, order=order, global_id=to_base64("File", names["invoice"].pk))
        assert order.invoice == names["invoice"]

    def test_its_policy_is_the_one_that_the_tests_prove(self) -> None:
        policy, setting = PYTHON[-2:]
        proven = (ROOT / "tests/shop/policy.py").read_text()
        assert [line for line in policy.splitlines() if line.startswith("        ") and line not in proven] == []
        assert conf.find_problems(run(setting)["FILEMAN_SETTINGS"]) == []

    def test_its_file_is_found_has_a_url_and_is_public(self, user: User, manager: FileManager, group: Group) -> None:
        file = upload(user)
        File.objects.filter(pk=file.pk).update(upload_token=tokens.digest("the raw token"))

        names = run(PYTHON[1], editors=group, request=SimpleNamespace(user=user))

        assert names["file"] == file
        assert resolve(names["url"]).view_name == "fileman:content"
        assert names["allowed"] is False  # the file is not the group's
        assert File.objects.get().can_be_accessed_by(user=AnonymousUser())

    def test_its_validators_refuse(self, user: User, manager: FileManager, monkeypatch: pytest.MonkeyPatch) -> None:
        module = ModuleType("acme.validators")
        monkeypatch.setitem(sys.modules, "acme", ModuleType("acme"))
        monkeypatch.setitem(sys.modules, "acme.validators", module)
        exec(PYTHON[2], vars(module))
        settings = run(PYTHON[3])["FILEMAN_SETTINGS"]
        ticket = start(user, b"PK\x03\x04 and more")
        send(ticket, b"PK\x03\x04 and more")

        with configured(**settings):
            batch = initiate(user, declared("temp_notes.txt"), declared("notes.txt"))
            outcome = finish(user, ticket)

        ((refusal,), none) = (one.errors for one in batch.tickets)
        assert (refusal.code, refusal.field) == ("REJECTED_BY_VALIDATOR", ("files", "0"))
        assert (refusal.message, none) == ("Temporary files not allowed", ())
        assert outcome.error is not None
        assert (outcome.error.code, outcome.error.message) == ("REJECTED_BY_VALIDATOR", "Archives not allowed")
        assert settings["USER_QUOTA_BYTES"] == 10_737_418_240

    def test_its_receiver_is_called(self, user: User, manager: FileManager, capsys: pytest.CaptureFixture[str]) -> None:
        names = run(PYTHON[4])
        try:
            file = upload(user)
        finally:
            assert file_completed.disconnect(names["index"])

        assert capsys.readouterr().out == f"completed {file.pk}\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_paths_lead_to_files(page: Path) -> None:
    text = page.read_text()
    links = [page.parent / link for link in re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", text)]
    named = re.findall(r"`((?:fileman|schema|project|tests|docs|frontend_examples)/[\w./-]+)`", text)
    paths = [ROOT / path for path in named]

    assert [str(path) for path in links + paths if not path.exists()] == []


def _check_graphql(sample: str) -> None:
    assert validate(build_schema((ROOT / "schema/schema.graphql").read_text()), parse(sample)) == []


def _check_script(sample: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed.")
    checked = subprocess.run([node, "--input-type=module", "--check", "-"], input=sample, text=True, check=False)
    assert checked.returncode == 0


CHECKS: dict[str, Callable[[str], object]] = {
    "python": lambda sample: compile(sample, "sample", "exec"),
    "json": json.loads,
    "graphql": _check_graphql,
    "js": _check_script,
    "sh": lambda sample: subprocess.run(["bash", "-n", "-c", sample], check=True),
    "html": lambda sample: _check_script(sample.partition('<script type="module">')[2].partition("</script>")[0]),
    "mermaid": lambda sample: re.match("sequenceDiagram|stateDiagram-v2", sample) or pytest.fail(sample),
    "text": lambda _: True,
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_samples_are_of_their_language(page: Path) -> None:
    for language, sample in re.findall(r"^```(\w+).*?\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        CHECKS[language](sample)


def test_the_sample_test_of_the_testing_page_passes(tmp_path: Path) -> None:
    (tmp_path / "test_sample.py").write_text(samples("docs/testing.md")[0])
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "pyproject.toml"]
    command = [sys.executable, *words, f"--rootdir={ROOT}", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout
