"""Settings and `backend_url` of type "azure": every fault has a sentence, none has a secret in it."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import override_settings

from fileman.backends import backend_class
from fileman.backends.azure.backend import AzureBackend
from fileman.backends.values import BackendConfig
from fileman.errors import StorageMisconfigured

KEY = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnk="
OTHER_KEY = "b3RoZXItY2FuYXJ5"
HOST = "https://acmefiles.blob.core.windows.net"
GOOD = {"account_name": "acmefiles", "account_key": KEY, "container_name": "documents"}
STRING = f"DefaultEndpointsProtocol=https;AccountName=acmefiles;AccountKey={KEY};EndpointSuffix=core.windows.net"
BY_STRING = {"connection_string": STRING, "container_name": "documents"}
BY_TOKEN = {"account_name": "acmefiles", "container_name": "documents"}


def config(settings: dict[str, Any], backend_url: str = "") -> BackendConfig:
    return BackendConfig(manager_id=uuid4(), backend_url=backend_url, settings=settings, supports_direct_upload=True)


def faults(settings: dict[str, Any], backend_url: str = "") -> list[str]:
    return AzureBackend.configuration_problems(config(settings, backend_url))


def test_the_type_is_known() -> None:
    assert backend_class("azure") is AzureBackend


@pytest.mark.parametrize("settings", [GOOD, BY_STRING, BY_TOKEN], ids=["key", "connection string", "token"])
def test_there_are_three_ways_to_sign_in(settings: dict[str, Any]) -> None:
    assert faults(settings) == []
    assert AzureBackend(config(settings)).location() == f"azure:{HOST}/documents/"


@pytest.mark.parametrize(
    ("backend_url", "prefix"),
    [
        ("", ""),
        ("azure://documents", ""),
        ("azure://documents/", ""),
        ("azure://documents/tenant 1/ü", "tenant 1/ü/"),
        ("azure://documents/a/b/", "a/b/"),
        (f"{HOST}/documents/", ""),
        (f"{HOST}/documents/a/b/", "a/b/"),
        ("https://ACMEfiles.blob.core.windows.net/documents/a/", "a/"),
    ],
)
def test_backend_url_names_container_and_prefix(backend_url: str, prefix: str) -> None:
    assert faults(GOOD, backend_url) == []
    assert AzureBackend(config(GOOD, backend_url)).prefix == prefix


def test_backend_url_may_be_below_the_path_of_the_account() -> None:
    settings = {**GOOD, "endpoint": "https://azurite.internal:10000/acmefiles"}
    url = "https://azurite.internal:10000/acmefiles/documents/a/"

    assert faults(settings, url) == []
    assert AzureBackend(config(settings, url)).prefix == "a/"


@pytest.mark.parametrize("endpoint", [HOST, f"{HOST}/", "HTTPS://ACMEfiles.blob.core.windows.net"])
def test_one_place_has_one_address_however_it_is_written(endpoint: str) -> None:
    """And its signatures are for https only"""
    backend = AzureBackend(config({**GOOD, "endpoint": endpoint}))

    assert backend.location() == f"azure:{HOST}/documents/"
    assert backend.get_url("a").startswith(f"{HOST}/documents/a?")
    assert "&spr=https&" in backend.get_url("a")


@pytest.mark.parametrize(
    ("backend_url", "fault"),
    [
        ("s3://documents/", "backend_url must look like azure://container/prefix/"),
        ("https://[", "backend_url must look like azure://container/prefix/"),
        ("azure:///documents", "backend_url must look like azure://container/prefix/"),
        (f"{HOST}/documents/?sig=canary", "backend_url must look like azure://container/prefix/"),
        ("azure://pictures/", "backend_url names the container 'pictures', but container_name is 'documents'."),
        (f"{HOST}/pictures/", "backend_url names the container 'pictures', but container_name is 'documents'."),
        ("https://other.blob.core.windows.net/documents/", f"backend_url is not below {HOST}"),
        ("http://acmefiles.blob.core.windows.net/documents/", f"backend_url is not below {HOST}"),
        ("azure://documents/a//b/", "plain folder names"),
        ("azure://documents/../b/", "plain folder names"),
        ("azure://documents/a./b\\c", "plain folder names"),
        ("azure://documents/" + "a" * 501, "at most 500 bytes"),
    ],
)
def test_a_backend_url_that_disagrees_is_refused(backend_url: str, fault: str) -> None:
    [found] = faults(GOOD, backend_url)

    assert fault in found
    assert "canary" not in found


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"container_name": "ab"}, "container_name must be 3 to 63"),
        ({"container_name": "Documents"}, "container_name must be 3 to 63"),
        ({"container_name": "a--b"}, "container_name must be 3 to 63"),
        ({"container_name": "$root"}, "container_name must be 3 to 63"),
        ({"account_name": None}, "account_name is missing. Set it, or set connection_string."),
        ({"account_name": "acme-files"}, "account_name must be 3 to 24 lowercase letters and digits."),
        ({"account_key": "canary!"}, "The account key is not base64"),
        ({"endpoint": "ftp://host"}, "endpoint must look like"),
        ({"endpoint": "acmefiles.blob.core.windows.net"}, "endpoint must look like"),
        ({"endpoint": f"{HOST}/?sig=canary"}, "endpoint must look like"),
        ({"endpoint": "https://user:canary@host"}, "endpoint must look like"),
        ({"endpoint": "https://host:port"}, "endpoint must look like"),
        ({"endpoint": "https://["}, "endpoint must look like"),
        ({"connection_string": f"{STRING};BlobEndpoint=https://["}, "endpoint must look like"),
        (
            {"endpoint": "https://other.blob.core.windows.net"},
            "endpoint belongs to the account 'other', but account_name is 'acmefiles'.",
        ),
        (
            {"connection_string": STRING, "account_name": "other"},
            "account_name is 'other', but connection_string names",
        ),
        ({"connection_string": STRING, "account_key": OTHER_KEY}, "hold different keys"),
        (
            {"connection_string": f"{STRING};BlobEndpoint={HOST}", "endpoint": "https://files.example.com"},
            "endpoint and the BlobEndpoint of connection_string differ",
        ),
        ({"connection_string": "canary"}, "connection_string has no AccountName."),
        (
            {"connection_string": f"BlobEndpoint={HOST};AccountName=acmefiles;SharedAccessSignature=sig=canary"},
            "connection_string has no AccountKey.",
        ),
    ],
)
def test_settings_that_disagree_or_lack_something_are_refused(changes: dict[str, Any], fault: str) -> None:
    found = faults({**GOOD, **changes})

    assert fault in found[0]
    assert not any("canary" in sentence or KEY in sentence or OTHER_KEY in sentence for sentence in found)


@override_settings(FILEMAN_SETTINGS={"ENCRYPTION_KEYS": [], "ALLOW_INSECURE_ENDPOINTS": False})
@pytest.mark.parametrize(
    "settings",
    [
        {**GOOD, "endpoint": "http://127.0.0.1:10000/acmefiles"},
        {**BY_STRING, "connection_string": STRING.replace("=https", "=http")},
    ],
)
def test_plain_http_is_refused(settings: dict[str, Any]) -> None:
    assert faults(settings) == ["endpoint must be https; ALLOW_INSECURE_ENDPOINTS in FILEMAN_SETTINGS lifts this."]


def test_tokens_never_travel_over_plain_http() -> None:
    assert faults({**BY_TOKEN, "endpoint": "http://127.0.0.1:10000/acmefiles"}) == [
        "endpoint must be https if account_key is not set: tokens are not sent over plain http."
    ]


def test_a_faulty_configuration_makes_no_backend_and_tells_no_secret() -> None:
    with pytest.raises(StorageMisconfigured) as raised:
        AzureBackend(config({**GOOD, "container_name": "ab"}))

    assert KEY not in str(raised.value)


@pytest.mark.parametrize("settings", [GOOD, BY_STRING])
def test_nothing_that_is_printed_shows_the_key(settings: dict[str, Any]) -> None:
    backend = AzureBackend(config(settings))

    assert KEY not in f"{backend!r} {backend.settings!r} {backend.settings.account!r} {backend.location()}"
