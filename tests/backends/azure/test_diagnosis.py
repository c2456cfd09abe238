"""`validate_configuration`: one sentence for each problem, never an exception, never a secret."""

import logging
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient, CorsRule, PublicAccess
from pytest_django import Settings

from tests.backends.azure.stores import Store, alter, refuse
from tests.servers.proxy import Proxy

NO_CORS = (
    "No CORS rule of the account allows PUT with the headers content-type, x-ms-blob-content-type, x-ms-blob-type. "
    "Browsers cannot upload."
)
WRONG_KEY = "d3Jvbmctd3Jvbmctd3Jvbmc="


def problems(store: Store, **changes: Any) -> list[str]:
    is_good, found = store.backend(**changes).validate_configuration()
    assert is_good is not bool(found)
    return found


def test_a_good_configuration_is_good_and_leaves_nothing_behind(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Not even the most verbose log holds the key"""
    caplog.set_level(logging.DEBUG)

    assert problems(store) == []

    assert list(store.container.list_blobs(include=["uncommittedblobs"])) == []
    assert caplog.records
    assert store.server.account_key not in caplog.text


def test_a_missing_container_is_named(store: Store) -> None:
    store.container.delete_container()

    assert problems(store) == ["The container does not exist. Create it, or correct container_name."]


def test_a_wrong_key_is_named(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Not even the most verbose log holds it"""
    caplog.set_level(logging.DEBUG)

    found = problems(store, account_key=WRONG_KEY)

    assert found == ["Azure rejects the account key, or its firewall blocks this server."]
    assert WRONG_KEY not in caplog.text


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [CorsRule(["*"], ["GET"], allowed_headers=["*"])],
        [CorsRule(["*"], ["PUT"], allowed_headers=["content-type"])],
    ],
    ids=["no rule", "GET only", "headers missing"],
)
def test_rules_that_keep_browsers_out_are_named(
    store: Store, azure_service: BlobServiceClient, rules: list[CorsRule]
) -> None:
    """But they do not matter if no browser sends anything to Azure"""
    azure_service.set_service_properties(cors=rules)

    assert problems(store) == [NO_CORS]
    assert problems(store, supports_direct_upload=False) == []


@pytest.mark.parametrize("rule_for", ["https://app.example.com", "https://*.example.com", "*"])
def test_an_origin_that_no_rule_allows_is_named(
    store: Store, azure_service: BlobServiceClient, settings: Settings, rule_for: str
) -> None:
    """If the settings name the origins of the pages"""
    origins = ["https://app.example.com", "https://app.example.org"]
    settings.FILEMAN_SETTINGS = {**settings.FILEMAN_SETTINGS, "ALLOWED_ORIGINS": origins}
    unfit = CorsRule(["*"], ["PUT"], allowed_headers=["content-type"])
    azure_service.set_service_properties(cors=[unfit, CorsRule([rule_for], ["PUT"], allowed_headers=["*"])])

    one_is_out = NO_CORS.replace(". Browsers", " from https://app.example.org. Its pages")
    assert problems(store) == ([] if rule_for == "*" else [one_is_out])


def test_wildcards_in_the_rules_count(store: Store, azure_service: BlobServiceClient) -> None:
    rule = CorsRule(["*"], ["PUT", "GET"], allowed_headers=["x-ms-*", "content-type"])
    azure_service.set_service_properties(cors=[rule])

    assert problems(store) == []


def test_rules_that_may_not_be_read_are_no_problem(store: Store, proxy: Proxy) -> None:
    proxy.disturb(refuse(403), target="comp=properties")

    assert problems(store, endpoint=proxy.url) == []
    assert [seen.fault for seen in proxy.seen if "comp=properties" in seen.target] == ["answer_with"]


def test_public_access_is_named(store: Store) -> None:
    store.container.set_container_access_policy({}, public_access=PublicAccess.BLOB)

    assert problems(store) == ["The container allows public access. Set its access level to private."]


LACKS_A_ROLE = (
    "The identity of this server lacks a role. It needs Storage Blob Data Contributor on the container and "
    "Storage Blob Delegator on the account."
)


@pytest.mark.parametrize(
    ("asked", "status", "code", "problem"),
    [
        ({"method": "PUT"}, 403, "AuthorizationPermissionMismatch", LACKS_A_ROLE),
        ({"method": "PUT", "target": "sig="}, 403, "AuthorizationServiceMismatch", "accept a signed upload"),
        ({"method": "GET", "target": "sig="}, 403, "AuthorizationServiceMismatch", "serve a signed download"),
        ({"method": "DELETE"}, 400, "OutOfRangeQueryParameterValue", "delete a blob"),
    ],
    ids=["role", "signed upload", "signed download", "without a sentence of its own"],
)
def test_a_refusal_is_named_once(
    store: Store, proxy: Proxy, asked: dict[str, Any], status: int, code: str, problem: str
) -> None:
    """Signed uploads are not asked for if uploads go through this server"""
    named = problem if problem == LACKS_A_ROLE else f"Azure returned {status} {code} when asked to {problem}."
    for direct in (True, False):
        proxy.calm()
        proxy.disturb(refuse(status, code), **asked, times=None)
        found = problems(store, endpoint=proxy.url, supports_direct_upload=direct)
        assert found == ([] if not direct and "signed upload" in problem else [named])


def test_a_storage_that_cannot_be_reached_is_named(store: Store) -> None:
    endpoint = f"http://127.0.0.1:9/{store.server.account_name}"

    assert problems(store, endpoint=endpoint) == [f"Azure cannot be reached at {endpoint}."]


@pytest.mark.parametrize("header", ["x-ms-has-immutability-policy", "x-ms-has-legal-hold"])
def test_a_container_that_keeps_its_blobs_is_named_and_gets_no_probes(store: Store, proxy: Proxy, header: str) -> None:
    """Azurite has neither, so the proxy says it"""
    proxy.disturb(alter({header: "true"}), target="restype=container")

    assert problems(store, endpoint=proxy.url) == [
        "The immutability policy or legal hold of the container keeps its objects, so deletions wait until it allows "
        "them. No test objects were written."
    ]
    assert {seen.method for seen in proxy.seen if "probe-" in seen.target} == set()
