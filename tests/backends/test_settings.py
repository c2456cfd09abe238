"""The rules for settings and backend_url of each type of file manager, and the problem that each violation reports."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any
from uuid import uuid4

import pytest
from django.test import override_settings

from fileman.backends import Backend, BackendConfig, backend_class
from fileman.errors import StorageMisconfigured
from tests.backends import settings_rules as rules
from tests.backends.documents import table
from tests.backends.settings_rules import ABSENT, AZURE_HOST, AZURE_KEY, BY_STRING, CONNECTION_STRING, GOOD, S3_KEYS

REQUIRED = [("file", "base_path"), ("s3", "bucket_name"), ("azure", "container_name"), ("gcs", "bucket_name")]
# backend_url without a prefix, and the location without one.
CLOUDS = {
    "s3": ("s3://my-bucket", "s3:aws/my-bucket/"),
    "azure": ("azure://documents", f"azure:{AZURE_HOST}/documents/"),
    "gcs": ("gs://my-bucket", "gcs:google/my-bucket/"),
}
PLAIN_NAMES = "The prefix in backend_url must be plain folder names, each followed by one slash."


def config(vendor: str, changes: Mapping[str, Any] | None = None, backend_url: str = "") -> BackendConfig:
    settings = {key: value for key, value in {**GOOD[vendor], **(changes or {})}.items() if value is not ABSENT}
    direct = vendor in CLOUDS
    return BackendConfig(manager_id=uuid4(), backend_url=backend_url, settings=settings, supports_direct_upload=direct)


def problems(vendor: str, changes: Mapping[str, Any] | None = None, backend_url: str = "") -> list[str]:
    return backend_class(vendor).configuration_problems(config(vendor, changes, backend_url))


def make(vendor: str, changes: Mapping[str, Any] | None = None, backend_url: str = "") -> Backend:
    return backend_class(vendor)(config(vendor, changes, backend_url))


def rows(table: rules.Rules | rules.UrlRules) -> list[tuple[str, Any, str]]:
    return [(vendor, given, problem) for vendor, listed in table.items() for given, problem in listed]


class TestEveryType:
    @pytest.mark.parametrize("vendor", GOOD)
    def test_the_smallest_configuration_is_good(self, vendor: str) -> None:
        backend = make(vendor)
        assert backend.prefix == ""
        assert (backend.settings.upload_expires_in, backend.settings.download_expires_in) == (3600, 300)

    @pytest.mark.parametrize(("vendor", "name"), REQUIRED)
    def test_a_missing_setting_is_named(self, vendor: str, name: str) -> None:
        assert problems(vendor, {name: ABSENT}) == [f"Setting {name!r} is missing."]

    @pytest.mark.parametrize("vendor", ["file", "s3", "azure", "gcs"])
    def test_its_page_names_every_setting_and_no_other(self, vendor: str) -> None:
        rows = table("filesystem" if vendor == "file" else vendor, "setting")
        assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == {
            spec.name for spec in fields(backend_class(vendor).settings_class)
        }

    def test_an_unknown_setting_is_named_with_the_known_ones(self) -> None:
        known = "base_path, base_url, create_directories, directory_permissions, download_expires_in, permissions, "
        problem = f"Unknown setting 'colour'. Known settings: {known}upload_expires_in."
        assert problems("file", {"colour": "blue"}) == [problem]

    def test_a_configuration_with_problems_makes_no_backend_and_shows_no_secret(self) -> None:
        with pytest.raises(StorageMisconfigured, match="download_expires_in must be from 1") as refusal:
            make("azure", {"download_expires_in": 0})
        assert AZURE_KEY not in str(refusal.value)

    @pytest.mark.parametrize(
        ("vendor", "changes", "secrets"),
        [("s3", S3_KEYS, list(S3_KEYS.values())[1:]), ("azure", {}, [AZURE_KEY]), ("azure", BY_STRING, [AZURE_KEY])],
    )
    def test_printing_shows_no_secret(self, vendor: str, changes: Mapping[str, Any], secrets: Sequence[str]) -> None:
        backend = make(vendor, changes)
        shown = f"{backend!r} {backend.config!r} {backend.settings!r} {vars(backend)!r} {backend.location()}"
        assert [secret for secret in secrets if secret in shown] == []


class TestEveryCloud:
    @pytest.mark.parametrize("vendor", CLOUDS)
    @pytest.mark.parametrize(
        ("path", "prefix"), [("", ""), ("/", ""), ("/a", "a/"), ("/tenants/a/", "tenants/a/"), ("/b 1/ü", "b 1/ü/")]
    )
    def test_backend_url_names_the_prefix(self, vendor: str, path: str, prefix: str) -> None:
        base, location = CLOUDS[vendor]
        backend = make(vendor, backend_url=f"{base}{path}")
        assert backend.prefix == prefix
        assert backend.location() == f"{location}{prefix}"

    @pytest.mark.parametrize("vendor", CLOUDS)
    @pytest.mark.parametrize("path", ["a//b/", "../b/", "a/../b/", "a./b\\c", "a\\b/", "a\x7fb/", "a/.../b"])
    def test_a_prefix_that_is_no_folder_is_refused(self, vendor: str, path: str) -> None:
        assert problems(vendor, backend_url=f"{CLOUDS[vendor][0]}/{path}") == [PLAIN_NAMES]

    @pytest.mark.parametrize("vendor", CLOUDS)
    def test_a_prefix_leaves_room_for_names(self, vendor: str) -> None:
        base, _ = CLOUDS[vendor]
        problem = "The prefix in backend_url must have at most 500 bytes."
        assert problems(vendor, backend_url=f"{base}/{'a' * 499}") == []
        assert problems(vendor, backend_url=f"{base}/{'ü' * 250}") == [problem]

    @pytest.mark.parametrize(
        ("vendor", "name", "changes"),
        [
            ("s3", "endpoint_url", {"endpoint_url": "http://s3.example.com", **S3_KEYS}),
            ("gcs", "endpoint", {"endpoint": "http://s3.example.com", "credentials": {"type": "wrong"}}),
            ("azure", "endpoint", {"endpoint": "http://s3.example.com/acmefiles"}),
            ("azure", "endpoint", {**BY_STRING, "connection_string": CONNECTION_STRING.replace("=https", "=http")}),
            *((vendor, "public_endpoint_url", {"public_endpoint_url": "http://cdn.example.com"}) for vendor in CLOUDS),
        ],
    )
    def test_plain_http_must_be_allowed(self, vendor: str, name: str, changes: Mapping[str, Any]) -> None:
        refused = f"{name} must be https. Set ALLOW_INSECURE_ENDPOINTS in FILEMAN_SETTINGS to allow http."
        for debug, allowed, is_refused in [(False, None, True), (True, False, True), (False, True, False)]:
            with override_settings(DEBUG=debug, FILEMAN_SETTINGS={"ALLOW_INSECURE_ENDPOINTS": allowed}):
                assert (refused in problems(vendor, changes)) is is_refused


@pytest.mark.parametrize(("vendor", "changes", "problem"), rows(rules.SETTINGS))
def test_an_impossible_setting_is_named_without_secrets(vendor: str, changes: Mapping[str, Any], problem: str) -> None:
    assert " ".join(problems(vendor, changes)) == problem


def test_azurite_on_this_machine_is_for_development() -> None:
    emulator = "http://127.0.0.1:10000"
    refusal = f"endpoint leads to an address that is not public. If it may, add '{emulator}' to "

    for debug, trusted, is_refused in [(False, [], True), (True, [], False), (False, [emulator], False)]:
        with override_settings(DEBUG=debug, FILEMAN_SETTINGS={"TRUSTED_ENDPOINTS": trusted}):
            expected = [f"{refusal}TRUSTED_ENDPOINTS in FILEMAN_SETTINGS."] if is_refused else []
            assert problems("azure", rules.DEVELOPMENT) == expected


def test_spaces_and_newlines_around_secrets_are_dropped() -> None:
    pasted = {name: f" {value}\r\n" for name, value in S3_KEYS.items()}
    settings: Any = make("s3", pasted).settings

    assert {name: getattr(settings, name) for name in S3_KEYS} == S3_KEYS
    assert make("azure", {"account_key": f"{AZURE_KEY}\n"}).settings == make("azure").settings


class TestPublicEndpoint:
    """The host that clients are sent to"""

    def test_azures_is_azure_or_trusted(self) -> None:
        """A signature names no host, so the host that it is sent to could use it"""
        cdn = {"public_endpoint_url": "https://cdn.example.com"}
        advice = "If it may, add 'https://cdn.example.com' to TRUSTED_ENDPOINTS in FILEMAN_SETTINGS."
        assert problems("azure", cdn) == [f"public_endpoint_url gets signatures that Azure accepts too. {advice}"]
        assert problems("azure", {"public_endpoint_url": "https://acmefiles.blob.core.windows.net"}) == []
        assert problems("azure", {"public_endpoint_url": "https://other.blob.core.windows.net"}) == [
            f"public_{rules.OTHER_OWNER.replace('endpoint', 'endpoint_url', 1)}"
        ]
        with override_settings(FILEMAN_SETTINGS={"TRUSTED_ENDPOINTS": ["https://cdn.example.com"]}):
            assert problems("azure", cdn) == []

    @pytest.mark.parametrize("vendor", ["s3", "gcs"])
    def test_it_needs_no_credentials_and_no_look_up(self, vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """So any public host will do, beside the credentials of this server too"""
        monkeypatch.setattr("socket.getaddrinfo", None)
        own = {"public_endpoint_url": "https://cdn.example.com", "account_key": ABSENT}
        assert problems(vendor, own) == []
        assert make(vendor, own).settings.name_problems() == []


@override_settings(FILEMAN_SETTINGS={"SINGLE_REQUEST_MAX_BYTES": 5 * 1024**3 + 1})
def test_single_requests_are_limited_to_the_largest_copy_of_s3() -> None:
    assert problems("s3") == [
        "SINGLE_REQUEST_MAX_BYTES in FILEMAN_SETTINGS must be at most 5 GiB, the most that S3 copies at once."
    ]


@pytest.mark.parametrize(("vendor", "backend_url", "problem"), rows(rules.URLS))
def test_a_malformed_or_contradictory_backend_url_is_named(vendor: str, backend_url: str, problem: str) -> None:
    assert problems(vendor, backend_url=backend_url) == [problem]


def test_a_backend_url_on_another_host_than_the_endpoint_is_named() -> None:
    assert problems("s3", {"endpoint_url": "https://b.example", **S3_KEYS}, "https://a.example/my-bucket/") == [
        rules.ELSEWHERE.format("https://b.example")
    ]


@pytest.mark.parametrize(("vendor", "changes", "backend_url", "location"), rules.LOCATIONS)
def test_each_way_to_name_a_place_leads_to_one_location(
    vendor: str, changes: Mapping[str, Any], backend_url: str, location: str
) -> None:
    assert make(vendor, changes, backend_url).location() == location
