"""Errors outside payloads: domain errors keep their code, all others are masked and logged."""

import logging
from unittest.mock import Mock

import pytest
from django.contrib.auth.models import User

from fileman import files
from fileman.errors import StorageMisconfigured
from fileman.graphql import extensions
from fileman.models import File, FileManager
from tests.api import FINALIZE, Api
from tests.graphql.rows import save_file

SECRET = "AKIA-planted-canary"
LIST = "{ files { edges { node { id downloadUrl } } } }"


@pytest.fixture
def file(user: User, manager: FileManager) -> File:
    return save_file(manager, user)


@pytest.mark.parametrize("error", [RuntimeError(SECRET), ValueError(SECRET), RecursionError(SECRET), KeyError(SECRET)])
def test_an_unexpected_error_is_masked_and_logged_with_its_reference(
    error: Exception, api: Api, file: File, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(files, "download_url", Mock(side_effect=error))

    with caplog.at_level(logging.ERROR):
        response = api.post(LIST)

    assert response.status_code == 200
    assert SECRET not in response.content.decode()
    body = response.json()
    (shown,) = body["errors"]
    reference = shown["extensions"]["reference"]
    assert shown["message"] == f"Something went wrong on the server. Reference: {reference}"
    assert shown["extensions"] == {"code": "INTERNAL", "reference": reference}
    assert shown["path"] == ["files", "edges", 0, "node", "downloadUrl"]
    assert body["data"]["files"]["edges"][0]["node"]["downloadUrl"] is None
    (record,) = [record for record in caplog.records if record.name == "fileman.graphql"]
    assert reference in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_a_domain_error_keeps_its_code_and_message(
    api: Api, file: File, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One failed download URL does not blank the rest of the page."""
    monkeypatch.setattr(files, "download_url", Mock(side_effect=StorageMisconfigured()))

    body = api.post(LIST).json()

    assert body["errors"][0]["extensions"] == {"code": "STORAGE_MISCONFIGURED"}
    assert body["errors"][0]["message"] == StorageMisconfigured.message
    assert body["data"]["files"]["edges"][0]["node"]["downloadUrl"] is None
    assert [record for record in caplog.records if record.name == "fileman.graphql"] == []


def test_an_unexpected_error_of_a_mutation_is_masked(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "delete", Mock(side_effect=RuntimeError(SECRET)))

    response = api.post('mutation { deleteFile(input: {id: "x"}) { success } }')

    assert response.status_code == 200
    assert SECRET not in response.content.decode()
    assert response.json()["data"] is None
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL"


def test_refused_requests_are_not_logged_with_their_variables(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Upload tokens in malformed inputs must not reach the log."""
    with caplog.at_level(logging.DEBUG):
        response = api.post(FINALIZE, {"input": {"uploadToken": SECRET, "fileName": "a.txt"}})

    assert response.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert SECRET not in caplog.text


def test_an_unexpected_error_before_any_resolver_is_masked(
    anonymous: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(extensions, "find_excess", Mock(side_effect=RuntimeError(SECRET)))

    response = anonymous.post("{ viewer { id } }")

    assert SECRET not in response.content.decode()
    assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["INTERNAL"]
    assert SECRET in caplog.text
