"""What is logged: every step of a file's life below the one logger "fileman", and no secret at any level."""

import json
import logging
import sys
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from fileman import cleanup, files, uploads
from fileman.backends import get_backend
from fileman.models import FileManager
from tests.conftest import CANARY, S3_SETTINGS
from tests.repository.test_documentation import run, samples
from tests.uploads.clock import DAY, NOW
from tests.uploads.driver import abort, caller_of, configured, file_of, finish, send, start, token_of, upload
from tests.uploads.faults import break_storage


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Of fileman's own loggers."""
    return [record.getMessage() for record in caplog.records if record.name.partition(".")[0] == "fileman"]


def test_every_logger_of_the_package_is_below_fileman() -> None:
    names = {
        module.logger.name
        for name, module in sys.modules.items()
        if name.startswith("fileman.") and isinstance(getattr(module, "logger", None), logging.Logger)
    }
    assert {name.partition(".")[0] for name in names} == {"fileman"}
    assert names >= {"fileman.lifecycle", "fileman.cleanup", "fileman.deletions"}


def test_the_life_of_a_file_can_be_followed(user: User, manager: FileManager, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    done, bad, dropped, lapsed = (start(user) for _ in range(4))
    for ticket in (done, bad):
        send(ticket)
    finish(user, done)
    finish(user, bad, file_size=4)
    abort(user, dropped)
    ids = {name: file_of(t).pk for name, t in (("done", done), ("bad", bad), ("dropped", dropped), ("lapsed", lapsed))}
    files.delete(caller=caller_of(user), file_id=ids["done"], now=NOW)
    cleanup.run(cleanup.Request(older_than=timedelta(0)), now=NOW + 30 * DAY)
    logged = lines(caplog)
    for file_id in ids.values():
        assert f"file {file_id}: pending" in logged
    for name, step in (("done", "completed"), ("bad", "failed"), ("dropped", "aborted"), ("lapsed", "expired")):
        assert f"file {ids[name]}: {step}" in logged
    assert f"file {ids['done']}: deleted" in logged


def test_a_step_is_one_line_of_json_with_the_documented_formatter(
    user: User, manager: FileManager, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    formatter = run(samples("docs/operations.md")[0])["JsonFormatter"]()
    file = upload(user, b"hello")

    records = [record for record in caplog.records if record.name == "fileman.lifecycle"]
    written = [json.loads(formatter.format(record)) for record in records]

    shown = {"file_id": str(file.pk), "file_manager_id": str(manager.pk), "bytes": 5, "logger": "fileman.lifecycle"}
    assert [line["event"] for line in written] == ["pending", "completed"]
    assert all(shown.items() <= line.items() for line in written)


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_djangos_log_has_no_signed_path(method: str, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    signed = "gAAAA" + "x1-_" * 40
    for path in (f"/fileman/upload/{signed}", f"/fileman/content/{signed}", f"/fileman/upload/{signed}/more"):
        getattr(client, method)(path)

    refused = [record.getMessage() for record in caplog.records if record.name == "django.request"]
    assert any("/fileman/upload/..." in line for line in refused)
    assert signed not in "".join(refused)


def test_a_fault_of_a_storage_is_a_warning(user: User, manager: FileManager, caplog: pytest.LogCaptureFixture) -> None:
    ticket = start(user)
    break_storage()
    finish(user, ticket)
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.getMessage().startswith(f"file {file_of(ticket).pk}: finalize broke off: The storage is unavailable")


def test_no_token_or_signed_url_is_logged(user: User, manager: FileManager, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets: list[str] = []
    with configured(SINGLE_REQUEST_MAX_BYTES=4, PART_SIZE_BYTES=2):
        ticket = start(user)
        assert ticket.instructions is not None
        secrets += [request.url.rpartition("/")[2] for request in ticket.instructions.requests]
        refreshed = uploads.refresh(caller=caller_of(user), file_id=file_of(ticket).pk, now=NOW)
        assert refreshed.upload_token is not None
        secrets += [token_of(ticket), refreshed.upload_token]
        send(ticket)
        outcome = uploads.finalize(caller=caller_of(user), upload_token=refreshed.upload_token, now=NOW)
    url = files.download_url(caller=caller_of(user), file=outcome.file, disposition="attachment", now=NOW)
    assert url is not None
    secrets.append(url.rpartition("/")[2])
    assert len(secrets) == 6
    everything = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    for secret in secrets:
        assert secret not in everything


def test_a_secret_of_the_settings_is_logged_nowhere(user: User, caplog: pytest.LogCaptureFixture) -> None:
    """Not by the vendor's SDK either, at its most talkative."""
    caplog.set_level(logging.DEBUG)
    for name in ("botocore", "boto3", "urllib3", "django.db.backends"):
        caplog.set_level(logging.DEBUG, name)
    settings = {**S3_SETTINGS, "session_token": f"{CANARY}/+==", "endpoint_url": "http://127.0.0.1:9"}
    with configured(ALLOW_INSECURE_ENDPOINTS=True):
        manager = FileManager.objects.create(name="S3", backend_type="s3", settings=settings, is_default=True)
        ticket = start(user)
        get_backend(manager).get_url(file_of(ticket).upload_path)
        get_backend(manager).validate_configuration()
    assert "x-amz-security-token" in caplog.text.lower()
    assert ticket.instructions is not None
    everything = "\n".join(f"{record.getMessage()} {record.args} {record.__dict__}" for record in caplog.records)
    assert CANARY not in everything
    own = "\n".join(lines(caplog))
    for _, value in ticket.instructions.requests[0].fields:
        if len(value) > 30:
            assert value not in own
