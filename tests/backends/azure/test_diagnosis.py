"""`validate_configuration`: one sentence for each fault, never an exception, never a secret."""

import logging

import pytest
from azure.storage.blob import BlobServiceClient, CorsRule, PublicAccess
from pytest_django import Settings

from tests.backends.azure.response_proxy import Front, Rule
from tests.backends.azure.stores import Store

NO_CORS = (
    "No CORS rule of the account allows PUT with the headers content-type, x-ms-blob-content-type, x-ms-blob-type. "
    "Browsers cannot upload."
)
WRONG_KEY = "d3Jvbmctd3Jvbmctd3Jvbmc="


def test_a_good_configuration_is_good_and_leaves_nothing_behind(store: Store) -> None:
    assert store.backend().validate_configuration() == (True, [])
    assert list(store.container.list_blobs(include=["uncommittedblobs"])) == []


def test_a_missing_container_is_named(store: Store) -> None:
    store.container.delete_container()

    assert store.backend().validate_configuration() == (
        False,
        ["The container does not exist. Create it, or correct container_name."],
    )


def test_a_wrong_key_is_named(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Not even the loudest log tells it"""
    caplog.set_level(logging.DEBUG)

    answer = store.backend(account_key=WRONG_KEY).validate_configuration()

    sentence = "Azure rejects the account key, or its firewall blocks this server."
    assert answer == (False, [sentence])
    assert WRONG_KEY not in caplog.text


def test_the_log_of_a_good_configuration_tells_no_secret(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """However loud it is"""
    caplog.set_level(logging.DEBUG)

    store.backend().validate_configuration()

    assert store.server.account_key not in caplog.text
    assert caplog.records


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
    azure_service.set_service_properties(cors=rules)

    assert store.backend().validate_configuration() == (False, [NO_CORS])


@pytest.mark.parametrize("rule_for", ["https://app.example.com", "https://*.example.com", "*"])
def test_an_origin_that_no_rule_lets_in_is_named(
    store: Store, azure_service: BlobServiceClient, settings: Settings, rule_for: str
) -> None:
    """Where the settings name the origins of the pages"""
    origins = ["https://app.example.com", "https://app.example.org"]
    settings.FILEMAN_SETTINGS = {**settings.FILEMAN_SETTINGS, "ALLOWED_ORIGINS": origins}
    unfit = CorsRule(["*"], ["PUT"], allowed_headers=["content-type"])
    azure_service.set_service_properties(cors=[unfit, CorsRule([rule_for], ["PUT"], allowed_headers=["*"])])

    faults = [] if rule_for == "*" else [NO_CORS.replace(". Browsers", " from https://app.example.org. Its pages")]
    assert store.backend().validate_configuration() == (not faults, faults)


@pytest.mark.parametrize("headers", [["*"], ["x-ms-*", "content-type"]])
def test_wildcards_in_the_rules_count(store: Store, azure_service: BlobServiceClient, headers: list[str]) -> None:
    azure_service.set_service_properties(cors=[CorsRule(["*"], ["PUT", "GET"], allowed_headers=headers)])

    assert store.backend().validate_configuration() == (True, [])


def test_rules_do_not_matter_where_bytes_go_through_us(store: Store, azure_service: BlobServiceClient) -> None:
    azure_service.set_service_properties(cors=[])

    assert store.backend(supports_direct_upload=False).validate_configuration() == (True, [])


def test_rules_that_may_not_be_read_are_no_fault(store: Store, front: Front) -> None:
    front.rules = [Rule(matches=lambda seen: "comp=properties" in seen.path, status=403)]

    assert store.backend(endpoint=front.endpoint_url).validate_configuration() == (True, [])
    assert front.rules[0].times == 0


def test_a_container_that_anybody_may_read_is_named(store: Store) -> None:
    store.container.set_container_access_policy({}, public_access=PublicAccess.BLOB)

    assert store.backend().validate_configuration() == (
        False,
        ["The container allows public access. Set its access level to private."],
    )


def test_a_missing_role_is_named(store: Store, front: Front) -> None:
    lacking = {"x-ms-error-code": "AuthorizationPermissionMismatch"}
    front.rules = [Rule(matches=lambda seen: seen.method == "PUT", status=403, headers=lacking, times=10)]

    assert store.backend(endpoint=front.endpoint_url).validate_configuration() == (
        False,
        [
            "The identity of this server lacks a role. It needs Storage Blob Data Contributor on the container and "
            "Storage Blob Delegator on the account."
        ],
    )


@pytest.mark.parametrize("direct", [False, True])
def test_downloads_that_are_not_served_are_named(store: Store, front: Front, direct: bool) -> None:
    """They are signed also where the bytes of uploads go through us"""
    refused = {"x-ms-error-code": "AuthorizationServiceMismatch"}
    front.rules = [
        Rule(matches=lambda seen: seen.method == "GET" and "sig=" in seen.path, status=403, headers=refused, times=10)
    ]

    assert store.backend(endpoint=front.endpoint_url, supports_direct_upload=direct).validate_configuration() == (
        False,
        ["Azure returned 403 AuthorizationServiceMismatch when asked to serve a signed download."],
    )


def test_uploads_that_are_not_taken_are_named(store: Store, front: Front) -> None:
    refused = {"x-ms-error-code": "AuthorizationServiceMismatch"}
    front.rules = [
        Rule(matches=lambda seen: seen.method == "PUT" and "sig=" in seen.path, status=403, headers=refused, times=10)
    ]

    assert store.backend(endpoint=front.endpoint_url).validate_configuration() == (
        False,
        ["Azure returned 403 AuthorizationServiceMismatch when asked to accept a signed upload."],
    )


def test_an_answer_without_a_sentence_of_its_own_is_told_as_it_is(store: Store, front: Front) -> None:
    odd = {"x-ms-error-code": "OutOfRangeQueryParameterValue"}
    front.rules = [Rule(matches=lambda seen: seen.method == "DELETE", status=400, headers=odd, times=1)]

    assert store.backend(endpoint=front.endpoint_url).validate_configuration() == (
        False,
        ["Azure returned 400 OutOfRangeQueryParameterValue when asked to delete a blob."],
    )


def test_a_storage_that_is_not_there_is_named(store: Store) -> None:
    endpoint = f"http://127.0.0.1:9/{store.server.account_name}"

    assert store.backend(endpoint=endpoint).validate_configuration() == (
        False,
        [f"Azure cannot be reached at {endpoint}."],
    )
