"""Suites that other people wrote: audits of GraphQL over HTTP, Django's deployment checks, fuzzing, static analysis.

An audit of dependencies needs a database of advisories. Where that is out of reach, its test is skipped and says so.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management.utils import get_random_secret_key
from pytest_django import Settings, live_server_helper

from tests.servers.availability import REPOSITORY, from_servers_environment, from_system
from tests.servers.fixtures import or_give_up

AUDIT = """
import { auditServer } from "graphql-http";
const results = await auditServer({ url: process.argv[1] });
console.log(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
"""
# What production refuses on purpose: the two audits that ask for the schema.
INTROSPECTION = {"28B9", "2EA1"}


def run(
    *command: object, environment: dict[str, str] | None = None, folder: str | Path = "."
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        list(map(str, command)),
        cwd=REPOSITORY / folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def find(program: Callable[..., Path], *arguments: str, **options: str) -> Path:
    """Return the path of a program. Without it the test is skipped, and fails in CI."""
    with or_give_up():
        return program(*arguments, **options)


def audit(url: str) -> list[dict[str, Any]]:
    node = find(from_system, "node", debian_package="nodejs (20 or newer)")
    done = run(node, "--input-type=module", "--eval", AUDIT, url, folder="tests/servers")
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


@pytest.mark.parametrize(("debug", "refused"), [(True, set()), (False, INTROSPECTION)], ids=["debug", "production"])
def test_the_audits_of_graphql_over_http_pass(
    debug: bool, refused: set[str], live_server: live_server_helper.LiveServer, settings: Settings
) -> None:
    settings.DEBUG = debug
    results = audit(f"{live_server.url}/graphql")

    assert len(results) >= 61
    failed = {result["id"]: result["reason"] for result in results if result["status"] in ("error", "warn")}
    assert failed.keys() == refused


def test_djangos_deployment_checks_have_nothing_to_say() -> None:
    environment = {
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "DEBUG": "0",
        "SECRET_KEY": get_random_secret_key(),
        "ALLOWED_HOSTS": "files.example.com",
        "FILEMAN_KEYS": Fernet.generate_key().decode(),
    }
    done = run(sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING", environment=environment)

    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_bandit_finds_nothing_of_medium_severity() -> None:
    bandit = find(from_servers_environment, "bandit")
    done = run(bandit, "--quiet", "--recursive", "--severity-level", "medium", "fileman", "schema", "project")

    assert done.returncode == 0, done.stdout


@pytest.mark.long
def test_fuzzing_by_the_schema_finds_no_server_error(
    live_server: live_server_helper.LiveServer, settings: Settings, tmp_path: Path
) -> None:
    settings.DEBUG = True  # the schema is asked for
    schemathesis = find(from_servers_environment, "schemathesis")
    options = ["--checks", "not_a_server_error", "--max-examples", "20", "--seed", "1", "--no-color"]
    done = run(schemathesis, "run", f"{live_server.url}/graphql", *options, folder=tmp_path)

    # It counts each error with data null as a failure of the server. Ours are refusals with a code.
    assert "INTERNAL" not in done.stdout, done.stdout[-5000:]
    assert "Test Phases" in done.stdout, done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-servers.lock"])
def test_no_advisory_names_a_python_package(lock: str) -> None:
    options = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    done = run(find(from_servers_environment, "pip-audit"), *options, "-r", lock)
    if not done.stdout:
        pytest.skip(f"No database of advisories can be reached: {done.stderr[-300:]}")
    packages = json.loads(done.stdout)["dependencies"]
    if all("skip_reason" in package for package in packages):
        pytest.skip(f"The database of advisories knows none of the packages: {packages[0]['skip_reason']}")

    assert [package for package in packages if package.get("vulns")] == []


@pytest.mark.long
@pytest.mark.parametrize("folder", ["frontend_examples", "tests/servers"])
def test_no_advisory_names_an_npm_package(folder: str) -> None:
    npm = find(from_system, "npm", debian_package="npm")
    done = run(npm, "audit", "--json", folder=folder)
    found = json.loads(done.stdout or "{}")
    if "metadata" not in found:
        pytest.skip(f"No database of advisories can be reached: {found.get('message') or done.stderr[-300:]}")

    assert found["metadata"]["vulnerabilities"]["total"] == 0, done.stdout[:5000]
