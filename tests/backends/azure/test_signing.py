"""Shared access signatures: their content, their lifetime and their cost."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.identity import CredentialUnavailableError
from azure.storage.blob import UserDelegationKey

from fileman.backends.azure.backend import AzureBackend
from fileman.backends.azure.client import AzureClient
from fileman.backends.values import ServeAs, Slice
from fileman.errors import StorageError, StorageMisconfigured, StorageUnavailable
from tests.backends import uploads
from tests.backends.azure.stores import make_upload
from tests.backends.uploads import query_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GOOD = {"account_name": "acmefiles", "account_key": "Y2FuYXJ5", "container_name": "documents"}
BY_TOKEN = {name: value for name, value in GOOD.items() if name != "account_key"}
WEEK = 604_800


def make_backend(settings: Mapping[str, Any]) -> AzureBackend:
    return uploads.make_backend(AzureBackend, settings, "azure://documents/a b/")


class TestUploads:
    def test_one_request_may_create_one_blob(self) -> None:
        """For this blob alone, to create it, over https, until the upload expires"""
        backend = make_backend(GOOD)
        upload = make_upload(backend, now=NOW, expires_in=600)

        [request] = backend.instructions(upload, list(upload.slices()))

        grant = query_of(request.url)
        assert (grant["sr"], grant["sp"], grant["spr"]) == ("b", "c", "https")
        assert grant["se"] == "2026-01-02T03:14:05Z"
        assert grant.keys() == {"se", "sp", "spr", "sv", "sr", "sig"}
        assert request.url.startswith(
            f"https://acmefiles.blob.core.windows.net/documents/a%20b/.uploads/{backend.config.manager_id}/"
        )
        assert request.headers == (
            ("Content-Type", "text/plain"),
            ("x-ms-blob-content-type", "text/plain"),
            ("x-ms-blob-type", "BlockBlob"),
        )
        assert (request.method, request.success_status, request.fields) == ("PUT", (201,), ())

    def test_a_block_is_named_in_base64_once(self) -> None:
        """Ids of one length, up to the last of 50,000"""
        backend = make_backend(GOOD)
        upload = make_upload(backend, parts=True, now=NOW)
        last = Slice(part_number=50_000, offset=0, length=1)

        first, final = backend.instructions(upload, [upload.slice(1), last])

        assert (query_of(first.url)["comp"], query_of(first.url)["blockid"]) == ("block", "MDAwMDE=")
        assert query_of(final.url)["blockid"] == "NTAwMDA="
        assert (query_of(first.url)["sr"], query_of(first.url)["sp"]) == ("b", "w")
        assert first.headers == ()

    def test_one_hundred_parts_are_one_signature(self) -> None:
        backend = make_backend(GOOD)
        upload = make_upload(backend, size=6000, parts=True, now=NOW)
        parts = list(upload.slices())

        requests = backend.instructions(upload, parts)

        assert len(requests) == 100
        assert len({query_of(request.url)["sig"] for request in requests}) == 1


class TestDownloads:
    def test_type_and_name_are_signed_in(self) -> None:
        serve_as = ServeAs(disposition="attachment", filename="Übersicht.pdf", content_type="application/pdf")

        url = make_backend(GOOD).get_url("uploads/one", expires_in=3600, serve_as=serve_as, now=NOW)

        grant = query_of(url)
        assert (grant["sr"], grant["sp"], grant["spr"], grant["rsct"]) == ("b", "r", "https", "application/pdf")
        assert grant["rscd"] == "attachment; filename=\"Ubersicht.pdf\"; filename*=UTF-8''%C3%9Cbersicht.pdf"
        assert grant["se"] == "2026-01-02T04:04:05Z"

    def test_an_endpoint_in_capitals_is_signed_for_https(self) -> None:
        url = make_backend({**GOOD, "endpoint": "HTTPS://ACMEfiles.blob.core.windows.net"}).get_url("uploads/one")

        assert url.startswith("https://acmefiles.blob.core.windows.net/documents/")
        assert query_of(url)["spr"] == "https"


class Keys:
    """Returns user delegation keys as Azure does, and counts them."""

    def __init__(self) -> None:
        self.asked: list[tuple[datetime, datetime]] = []
        self.error: Exception | None = None
        """Raised instead, if set."""

    def get_user_delegation_key(self, starts_at: datetime, ends_at: datetime) -> UserDelegationKey:
        self.asked.append((starts_at, ends_at))
        if self.error:
            raise self.error
        key = UserDelegationKey()  # type: ignore[no-untyped-call]  # the SDK left it out
        key.signed_oid, key.signed_tid, key.signed_service, key.signed_version = "oid", "tid", "b", "2025-11-05"
        key.signed_start, key.signed_expiry = f"{starts_at:%Y-%m-%dT%H:%M:%SZ}", f"{ends_at:%Y-%m-%dT%H:%M:%SZ}"
        key.value = "a2V5"
        return key


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Keys:
    keys = Keys()
    monkeypatch.setattr(AzureClient, "service", keys)
    return keys


class TestByUserDelegation:
    def test_the_signature_names_the_key_and_not_the_account_key(self, keys: Keys) -> None:
        grant = query_of(make_backend(BY_TOKEN).get_url("uploads/one", 60, now=NOW))

        assert (grant["skoid"], grant["sktid"], grant["sks"], grant["spr"]) == ("oid", "tid", "b", "https")
        assert grant["ske"] == "2026-01-09T02:59:05Z"
        assert (grant["sr"], grant["sp"], grant["se"]) == ("b", "r", "2026-01-02T03:05:05Z")

    def test_one_key_signs_for_days(self, keys: Keys) -> None:
        """It starts a little earlier, because clocks differ, and lasts as long as Azure allows"""
        backend = make_backend(BY_TOKEN)

        for hours in range(0, 6 * 24, 12):
            backend.get_url("uploads/one", 3600, now=NOW + timedelta(hours=hours))

        assert keys.asked == [(NOW - timedelta(minutes=5), NOW + timedelta(days=7) - timedelta(minutes=5))]

    @pytest.mark.parametrize(
        ("error", "ours"),
        [
            (ServiceRequestError("no response"), StorageUnavailable),
            (CredentialUnavailableError("no identity"), StorageMisconfigured),
        ],
    )
    def test_a_failing_key_is_waited_for_once(self, keys: Keys, error: Exception, ours: type[StorageError]) -> None:
        """A page of files, or a batch of uploads, would otherwise hang for each"""
        backend = make_backend(BY_TOKEN)
        keys.error = error

        for seconds in (0, 0, 29):
            with pytest.raises(ours) as raised:
                backend.get_url("uploads/one", 3600, now=NOW + timedelta(seconds=seconds))
            assert raised.value.__cause__ is error
        assert len(keys.asked) == 1

        keys.error = None
        grant = query_of(backend.get_url("uploads/one", 3600, now=NOW + timedelta(seconds=30)))
        assert (len(keys.asked), grant["se"]) == (2, "2026-01-02T04:04:35Z")

    def test_the_longest_life_is_that_of_a_new_key(self, keys: Keys) -> None:
        """At most a quarter of an hour of a week is lost, and not every URL costs a new key"""
        backend = make_backend(BY_TOKEN)

        grants = [query_of(backend.get_url("uploads/one", WEEK, now=NOW + timedelta(minutes=m))) for m in (0, 5, 10)]

        assert len(keys.asked) == 1
        assert [grant["se"] for grant in grants] == [f"2026-01-09T02:{m}:05Z" for m in (49, 54, 59)]
        assert backend.signing_seconds(NOW) == WEEK - 900

    def test_a_week_later_the_longest_life_is_a_week_again(self, keys: Keys) -> None:
        backend = make_backend(BY_TOKEN)
        backend.get_url("uploads/one", WEEK, now=NOW)

        grant = query_of(backend.get_url("uploads/one", WEEK, now=NOW + timedelta(days=1)))

        assert len(keys.asked) == 2
        assert grant["se"] == "2026-01-10T02:49:05Z"
