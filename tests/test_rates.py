"""Rates: one user or one address that does too much in a minute waits for the next; nobody else does."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.test import Client, RequestFactory, override_settings
from django.utils import timezone
from pytest_django import Settings

from fileman import files, uploads
from fileman.access import rates
from fileman.caller import Caller, get_address
from fileman.errors import RateLimited
from fileman.graphql.ids import to_global_id
from fileman.models import File, FileManager, StorageUsage
from tests.conftest import api_of
from tests.uploads.clock import NOW
from tests.uploads.driver import caller_of, configured, declared, initiate, start, token_of, upload

LATER = NOW + timedelta(seconds=45)
NEXT_MINUTE = NOW + timedelta(seconds=60)


def rated(**limits: int) -> override_settings:
    return configured(RATE_CACHE="default", **limits)


class DeadCache(BaseCache):
    asked = 0

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def add(self, *_: Any, **__: Any) -> bool:
        type(self).asked += 1
        raise ConnectionError


@pytest.fixture(autouse=True)
def _nothing_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a minute end during a test."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    monkeypatch.setattr(rates, "_paused_until", 0.0)
    caches["default"].clear()


@rated(INITIATED_FILES_PER_MINUTE=60)  # 600 by default
def test_a_batch_counts_each_of_its_files(user: User, other_user: User, manager: FileManager) -> None:
    initiate(user, *[declared() for _ in range(50)])
    initiate(user, *[declared() for _ in range(10)], now=LATER)

    with pytest.raises(RateLimited) as caught:
        initiate(user, declared(), now=LATER)

    assert (caught.value.code, caught.value.retryable) == ("RATE_LIMITED", True)
    assert caught.value.retry_after_seconds == 15
    assert caught.value.message == "Too many requests. Try again in 15 seconds."
    assert (File.objects.count(), StorageUsage.objects.get().bytes) == (60, 60 * 5)
    assert initiate(other_user, declared(), now=LATER).success
    assert initiate(user, declared(), now=NEXT_MINUTE).success


Call = Callable[[Caller, File, str, datetime], object]
CALLS: list[tuple[str, Call]] = [
    ("REFRESHES", lambda caller, file, token, now: uploads.refresh(caller=caller, upload_token=token, now=now)),
    ("FINALIZES", lambda caller, file, token, now: uploads.finalize(caller=caller, upload_token=token, now=now)),
    ("DOWNLOAD_URLS", lambda caller, file, token, now: files.download_url(caller=caller, file=file, now=now)),
    ("CHANGES", lambda caller, file, token, now: files.update(caller=caller, file_id=file.pk, metadata={}, now=now)),
    ("CHANGES", lambda caller, file, token, now: files.delete(caller=caller, file_id=file.pk, now=now)),
    ("CHANGES", lambda caller, file, token, now: uploads.abort(caller=caller, upload_token=token, now=now)),
]


@pytest.mark.parametrize(("action", "call"), CALLS)
def test_further_calls_have_rates_of_their_own(action: str, call: Call, user: User, manager: FileManager) -> None:
    file, token = upload(user), token_of(start(user))

    with rated(**{f"{action}_PER_MINUTE": 2}):
        for _ in range(2):
            call(caller_of(user), file, token, NOW)
        for shared, other in CALLS:
            if shared == action:
                with pytest.raises(RateLimited):
                    other(caller_of(user), file, token, NOW)
            else:
                other(caller_of(user), file, token, NOW)
        call(caller_of(user), file, token, NEXT_MINUTE)


@rated(INITIATED_FILES_PER_MINUTE=2, MAX_BATCH_FILES=2)
def test_an_address_may_do_ten_times_as_much_as_a_user(manager: FileManager) -> None:
    def initiate_from(number: int, address: str) -> uploads.Batch:
        caller = Caller(user=User.objects.get_or_create(username=f"user {number}")[0], address=address)
        request = uploads.InitiateRequest(files=(declared(), declared()))
        return uploads.initiate(caller=caller, request=request, now=NOW)

    for number in range(10):
        initiate_from(number, "203.0.113.5")

    with pytest.raises(RateLimited):
        initiate_from(10, "203.0.113.5")
    assert initiate_from(11, "203.0.113.6").success


@rated(INITIATED_FILES_PER_MINUTE=1, FINALIZES_PER_MINUTE=1, MAX_BATCH_FILES=1)
def test_files_that_the_server_makes_have_no_rate(user: User, manager: FileManager, tmp_path: Any) -> None:
    (tmp_path / "a.txt").write_bytes(b"hello")
    for _ in range(3):
        files.store(tmp_path / "a.txt", user=user)


@pytest.mark.parametrize(
    ("proxies", "remote", "forwarded", "address"),
    [
        (0, "203.0.113.5", "198.51.100.1", "203.0.113.5/32"),
        (1, "10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1/32"),
        (2, "10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1/32"),
        (2, "203.0.113.5", "6.6.6.6", "203.0.113.5/32"),
        (1, "203.0.113.5", None, "203.0.113.5/32"),
        (1, "203.0.113.5", "nonsense", None),
        (0, "2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        (0, "::ffff:203.0.113.5", None, "203.0.113.5/32"),
        (0, "127.0.0.1", None, None),
        (0, "::1", None, None),
        (0, "", None, None),
    ],
)
def test_only_trusted_proxies_are_heard(proxies: int, remote: str, forwarded: str | None, address: str | None) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    with configured(TRUSTED_PROXIES=proxies):
        assert get_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=remote)) == address


class TestOverHttp:
    def test_a_page_counts_each_of_its_urls(self, user: User, manager: FileManager) -> None:
        for _ in range(12):
            upload(user)
        api = api_of(user)
        query = "{ files { edges { node { downloadUrl } } } }"

        with rated(DOWNLOAD_URLS_PER_MINUTE=30):
            first, second = (api.post(query).json() for _ in range(2))

        assert "errors" not in first
        urls = [edge["node"]["downloadUrl"] for edge in second["data"]["files"]["edges"]]
        assert [url is None for url in urls] == [False] + [True] * 11
        extensions = second["errors"][0]["extensions"]
        assert extensions["code"] == "RATE_LIMITED"
        assert 0 < extensions["retryAfterSeconds"] <= 60

    def test_a_selection_counts_each_of_its_files(self, user: User, manager: FileManager) -> None:
        ids = [to_global_id("File", upload(user).pk) for _ in range(5)]
        fields = "deletedFileIds errors { code field retryAfterSeconds }"
        deletion = f"mutation ($input: DeleteFilesInput!) {{ deleteFiles(input: $input) {{ {fields} }} }}"
        api = api_of(user)

        with rated(CHANGES_PER_MINUTE=3):
            payload = api.call(deletion, {"input": {"ids": ids}})["deleteFiles"]

        assert payload["deletedFileIds"] == ids[:3]
        assert [(error["code"], error["field"][1]) for error in payload["errors"]] == [
            ("RATE_LIMITED", "3"), ("RATE_LIMITED", "4"),
        ]  # fmt: skip
        assert (0 < payload["errors"][0]["retryAfterSeconds"] <= 60, File.objects.count()) == (True, 2)

    def test_who_is_not_signed_in_is_counted_by_address(self, user: User, manager: FileManager) -> None:
        file = upload(user)
        File.objects.update(is_public=True)

        def follow_link(address: str) -> Any:
            return Client(REMOTE_ADDR=address).get(f"/fileman/download/{file.pk}/")

        with rated(DOWNLOAD_URLS_PER_MINUTE=1):
            assert [follow_link("203.0.113.5").status_code for _ in range(10)] == [302] * 10
            refused = follow_link("203.0.113.5")
            assert follow_link("203.0.113.6").status_code == 302

        assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMITED")
        assert 0 < int(refused["Retry-After"]) <= 60


@pytest.mark.parametrize("path", ["/accounts/login/", "/admin/login/"])
class TestSignIn:
    def sign_in(self, path: str, *, name: str = "ann", password: str = "wrong", address: str = "203.0.113.5") -> int:
        fields = {"username": name, "password": password}
        return Client(REMOTE_ADDR=address).post(path, fields).status_code

    @rated(SIGN_INS_PER_MINUTE=3)
    def test_a_name_is_counted_as_the_form_reads_it(self, path: str, db: None) -> None:
        statuses = [self.sign_in(path, name=name) for name in ("ann", "Ann ", " \uff41nn", "a\uff4en", "ann")]

        assert statuses == [200, 200, 200, 429, 429]

    @rated(SIGN_INS_PER_MINUTE=3)
    def test_guesses_of_a_password_are_limited(self, path: str, user: User) -> None:
        User.objects.update(is_staff=True)

        assert [self.sign_in(path) for _ in range(4)] == [200, 200, 200, 429]
        assert self.sign_in(path, password="ann") == 429
        assert self.sign_in(path, password="ann", address="203.0.113.6") == 302
        assert self.sign_in(path, name="bob") == 200
        assert Client(REMOTE_ADDR="203.0.113.5").get(path).status_code == 200

    @rated(SIGN_INS_PER_MINUTE=1)
    def test_whoever_guesses_keeps_a_known_user_out_for_the_window_only(
        self, path: str, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also where no address is known, as behind a proxy on this machine"""
        User.objects.update(is_staff=True)
        for _ in range(20):
            self.sign_in(path, address="127.0.0.1")
        assert self.sign_in(path, password="ann", address="127.0.0.1") == 429

        monkeypatch.setattr(timezone, "now", lambda: NEXT_MINUTE)

        assert self.sign_in(path, password="ann", address="127.0.0.1") == 302

    @rated(SIGN_INS_PER_MINUTE=1)
    def test_many_addresses_and_many_names_are_limited_too(self, path: str, user: User) -> None:
        addresses = [self.sign_in(path, address=f"203.0.113.{number}") for number in range(11)]
        names = [self.sign_in(path, name=f"user{number}", address="198.51.100.1") for number in range(11)]

        assert addresses == names == [200] * 10 + [429]


CACHES = {
    "the memory of the process": ("django.core.cache.backends.locmem.LocMemCache", True),
    "files": ("django.core.cache.backends.filebased.FileBasedCache", True),
    "none": ("django.core.cache.backends.dummy.DummyCache", False),
    "one that is down": ("tests.test_rates.DeadCache", False),
}


@pytest.mark.parametrize("kind", CACHES)
def test_what_each_cache_limits(
    kind: str, settings: Settings, tmp_path: Any, user: User, manager: FileManager, caplog: pytest.LogCaptureFixture
) -> None:
    backend, limits = CACHES[kind]
    limited = {"RATE_CACHE": "default", "INITIATED_FILES_PER_MINUTE": 2, "MAX_BATCH_FILES": 2}
    settings.FILEMAN_SETTINGS = {**settings.FILEMAN_SETTINGS, **limited}
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(tmp_path)}}
    DeadCache.asked = 0

    with caplog.at_level(logging.WARNING, "fileman.rates"):
        results = [_try_to_initiate(user) for _ in range(4)]

    assert results == ([True, True, False, False] if limits else [True] * 4)
    is_down = kind == "one that is down"
    assert (DeadCache.asked, len(caplog.records)) == ((1, 1) if is_down else (0, 0))


def _try_to_initiate(user: User) -> bool:
    try:
        return initiate(user, declared()).success
    except RateLimited:
        return False
