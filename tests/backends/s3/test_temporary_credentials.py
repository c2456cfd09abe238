"""Credentials that end: those of roles are renewed before they sign, and no URL promises more than they live."""

import base64
import json
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from fileman.backends import get_backend
from fileman.models import FileManager
from tests.backends.s3.test_signing import KEY, SECRET, new_backend
from tests.servers.proxy import Answer, Exchange, Proxy, answering, json_answer
from tests.uploads.driver import start


@pytest.fixture
def now() -> datetime:
    """The real time, because the SDK reads the clock."""
    return timezone.now().replace(microsecond=0)


def role(now: datetime, *seconds_left: int) -> Callable[[Exchange], Answer]:
    """Answer as the metadata services of EC2 and containers, STS and a program do; the token is a number."""
    lives = iter(enumerate(seconds_left))

    def answer(asked: Exchange) -> Answer:
        if asked.seen.target.endswith(("/api/token", "/security-credentials/")):
            return Answer(status=200, body=b"a-word")
        number, seconds = next(lives)
        given = {"AccessKeyId": KEY, "SecretAccessKey": f"{SECRET}{number}", "SessionToken": f"t{number}"}
        given["Expiration"] = (now + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        if b"AssumeRoleWithWebIdentity" not in asked.body:
            return json_answer({**given, "Token": f"t{number}", "Version": 1})
        named = "".join(f"<{name}>{value}</{name}>" for name, value in given.items())
        inner = f"<AssumeRoleWithWebIdentityResult><Credentials>{named}</Credentials></AssumeRoleWithWebIdentityResult>"
        return Answer(status=200, body=f"<Response>{inner}</Response>".encode())

    return answer


def use(source: str, server: Proxy, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SDK find these credentials where it finds those of this kind of server."""
    program = f"import urllib.request; print(urllib.request.urlopen('{server.url}').read().decode())"
    (folder / "config").write_text(f'[profile p]\ncredential_process = {sys.executable} -c "{program}"\n')
    (folder / "token").write_text("the token of the pod")
    for name, value in {
        "container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url},
        "machine": {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url},
        "profile": {"AWS_CONFIG_FILE": str(folder / "config"), "AWS_PROFILE": "p"},
        "pod": {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"),
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/uploads",
            "AWS_ENDPOINT_URL_STS": server.url,
            "AWS_DEFAULT_REGION": "eu-central-1",
        },
    }[source].items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("source", ["container", "machine", "profile", "pod"])
@pytest.mark.parametrize("seconds_left", [1500, 5000])
def test_no_signature_promises_more_than_they_live(
    source: str, seconds_left: int, user: User, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Downloads and uploads ask for an hour."""
    settings = {"bucket_name": "my-bucket", "region_name": "eu-central-1", "download_expires_in": 3600}
    manager = FileManager.objects.create(name="S3", backend_type="s3", settings=settings, is_default=True)
    with answering(role(now, seconds_left)) as server:
        use(source, server, tmp_path, monkeypatch)
        url = get_backend(manager).get_url("uploads/one", now=now)
        instructions = start(user, now=now).instructions

    assert instructions is not None
    policy = json.loads(base64.b64decode(dict(instructions.requests[0].fields)["policy"]))
    expected = min(seconds_left, 3600)
    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == [str(expected)]
    assert instructions.expires_at == now + timedelta(seconds=expected)
    assert datetime.fromisoformat(policy["expiration"]) == instructions.expires_at


@pytest.mark.parametrize("source", ["container", "profile", "pod"])
def test_they_are_renewed_in_time(source: str, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(role(now, 300, 5000)) as server:
        use(source, server, tmp_path, monkeypatch)
        backend = new_backend(access_key_id=None, secret_access_key=None)
        url = [backend.get_url("tenant/a", 3600, now=now) for _ in range(2)][-1]

    renewed = new_backend(secret_access_key=f"{SECRET}1", session_token="t1")
    assert url == renewed.get_url("tenant/a", 3600, now=now)


def test_a_token_that_does_not_tell_its_end_promises_the_longest_life_of_one(now: datetime) -> None:
    url = new_backend({"session_token": "t"}).get_url("tenant/a", 604_800, now=now)

    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == [str(36 * 3600)]
