"""`validate_configuration`: an id and one sentence for each problem, never an exception, never a secret."""

import logging
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient, CorsRule, PublicAccess

from tests.backends.azure.stores import Store, refuse
from tests.backends.uploads import LOCKED, NO_DOWNLOADS, ORIGIN, Found, find_problems, no_uploads
from tests.servers.proxy import Proxy, alter
from tests.uploads.driver import configured

WRONG_KEY = "d3Jvbmctd3Jvbmctd3Jvbmc="
HEADERS = "content-type, x-ms-blob-content-type, x-ms-blob-type"
LACKS_A_ROLE = (
    "The identity of this server lacks a role. It needs Storage Blob Data Contributor on the container and "
    "Storage Blob Delegator on the account."
)
KEY_OR_FIREWALL = "Azure rejects the account key, or its firewall blocks this server."
DEAD = "http://127.0.0.1:9/filemantests"


def remains(store: Store) -> list[Any]:
    return list(store.container.list_blobs(include=["uncommittedblobs"]))


# Settings and environment, and what is found.
# fmt: off
PLANTED: dict[str, tuple[dict[str, Any], dict[str, str], Found]] = {
    "no container": ({"container_name": "nowhere"}, {}, [
        ("bucket.missing", "There is no container at {place}. Create it, or correct container_name.")]),
    "wrong key": ({"account_key": WRONG_KEY}, {}, [("credentials", KEY_OR_FIREWALL)]),
    "nobody there": ({"endpoint": DEAD}, {"AZURE_STORAGE_CONNECTION_STRING": "AccountKey=canary"}, [
        ("storage.unreachable", "{place} does not respond (ServiceRequestError)."),
        ("environment.ignored", "AZURE_STORAGE_CONNECTION_STRING is set in the environment and ignored: only the "
         "settings name an endpoint.")]),
}
# What Azure answers to which requests, and what is found.
REFUSALS: dict[str, tuple[Any, dict[str, Any], str, str]] = {
    "role": (refuse(403, "AuthorizationPermissionMismatch"), {"target": "restype=container"},
             "permission", LACKS_A_ROLE),
    "no keys": (refuse(403, "KeyBasedAuthenticationNotPermitted"), {"target": "restype=container"},
                "credentials", "The account does not allow account keys. Remove account_key to sign in with tokens."),
    "disabled": (refuse(403, "AccountIsDisabled"), {"target": "restype=container"},
                 "account.disabled", "The storage account is disabled."),
    "signed upload": (refuse(403, body=b"<Error><Code>AuthorizationServiceMismatch</Code></Error>"),
                      {"method": "PUT", "target": "sp=[cw].*sig="}, "storage.refused",
                      "{place} returned 403 AuthorizationServiceMismatch when asked to accept a signed upload."),
    "signed download": (refuse(403, body=b"<Error><Code>AuthorizationServiceMismatch</Code></Error>"),
                        {"method": "GET", "target": "sig="}, "storage.refused",
                        "{place} returned 403 AuthorizationServiceMismatch when asked to serve a signed download."),
    "copy": (refuse(409, "CopyNotSupported"), {"header": "x-ms-copy-source"}, "storage.refused",
             "{place} returned 409 CopyNotSupported when asked to copy an object."),
    "range": (refuse(416), {"method": "GET", "header": "range", "target": "sig="}, "download.range",
              "The storage answers Range wrongly (416), so downloads cannot continue or seek."),
    "headers": (alter({"Content-Type": "text/html"}), {"method": "GET", "target": "rsct="}, "download.headers",
                "The storage ignores the Content-Type that signed URLs ask for."),
}
# fmt: on


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_wrong_is_named(
    store: Store, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even the most verbose log holds a key"""
    caplog.set_level(logging.DEBUG)
    settings, environment, expected = PLANTED[name]
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)

    assert find_problems(store.backend(**settings)) == expected
    assert caplog.records
    assert [key for key in (WRONG_KEY, store.server.account_key) if key in caplog.text] == []


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_named_once(store: Store, proxy: Proxy, name: str) -> None:
    fault, which, problem_id, sentence = REFUSALS[name]
    proxy.disturb(fault, **which, times=None)

    assert find_problems(store.backend(endpoint=proxy.url)) == [(problem_id, sentence)]
    proxy.calm()
    assert remains(store) == []


def test_a_deletion_that_fails_is_named_with_the_lifecycle_rule(store: Store, proxy: Proxy) -> None:
    proxy.disturb(refuse(400, "OutOfRangeQueryParameterValue"), target="comp=batch", times=None)
    proxy.disturb(refuse(400, "OutOfRangeQueryParameterValue"), method="DELETE", times=None)

    problems: list[Any] = store.backend(endpoint=proxy.url).validate_configuration()[1]

    sentence = "A test object could not be deleted: Azure returned 400 OutOfRangeQueryParameterValue."
    [fix] = [problem.fix for problem in problems if problem == sentence]
    assert fix["rules"][0]["definition"]["filters"]["prefixMatch"] == [f"{store.name}/.uploads/"]


OTHER_RULES = {"no rule": [], "method": [CorsRule(["*"], ["DELETE"], allowed_headers=["*"])],
               "origin": [CorsRule(["https://else.example.com"], ["PUT", "GET"], allowed_headers=["*"])]}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_RULES)
def test_rules_that_keep_browsers_out_are_named(store: Store, azure_service: BlobServiceClient, name: str) -> None:
    """Nothing is said where the origins are not known."""
    azure_service.set_service_properties(cors=OTHER_RULES[name])

    assert find_problems(store.backend()) == []
    with configured(ALLOWED_ORIGINS=[ORIGIN]):
        assert find_problems(store.backend()) == [no_uploads("PUT", HEADERS), NO_DOWNLOADS]


def test_public_access_is_named(store: Store) -> None:
    store.container.set_container_access_policy({}, public_access=PublicAccess.BLOB)

    sentence = "The container allows public access. Set its access level to private."
    assert find_problems(store.backend()) == [("bucket.public", sentence)]


@pytest.mark.parametrize("header", ["x-ms-has-immutability-policy", "x-ms-has-legal-hold"])
def test_a_container_that_keeps_its_blobs_is_named_and_gets_no_probes(store: Store, proxy: Proxy, header: str) -> None:
    """Azurite has neither, so the proxy says it"""
    proxy.disturb(alter({header: "true"}), target="restype=container")

    sentence = f"The immutability policy or legal hold of the container {LOCKED}"
    assert find_problems(store.backend(endpoint=proxy.url)) == [("bucket.locked", sentence)]
    assert {seen.method for seen in proxy.seen if "probe-" in seen.target} == set()
