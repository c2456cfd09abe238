"""Credentials that are not in the settings, and signatures without a private key."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import google.auth.transport.requests
import pytest
import requests
from google.auth.compute_engine import _metadata

from fileman.backends.gcs import signing
from fileman.backends.gcs.backend import GCSBackend
from fileman.backends.time_limit import time_limit
from fileman.errors import StorageMisconfigured, StorageUnavailable
from fileman.models import FileManager
from tests.api import Api
from tests.backends.gcs.stores import Store
from tests.backends.uploads import BODY, only_request, send, upload_of
from tests.servers.gcs import EMAIL
from tests.servers.proxy import Answer, Exchange, Headers, Proxy, answering, hang, json_answer


@pytest.fixture
def adc_file(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """GOOGLE_APPLICATION_CREDENTIALS names a key."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps(store.server.service_account_info))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    return path


def test_a_key_named_by_the_environment_signs_here(store: Store, adc_file: Path) -> None:
    backend = store.backend(credentials=None)
    upload = upload_of()

    assert backend.capabilities.signs_locally is True
    assert send(only_request(backend, upload), BODY).status_code == 200
    assert backend.validate_configuration() == (True, [])


def test_building_a_backend_needs_no_network(store: Store, adc_file: Path) -> None:
    adc_file.write_text(json.dumps({"type": "external_account"}))

    assert store.backend(credentials=None, endpoint="http://127.0.0.1:9").capabilities.signs_locally is False


def test_without_any_credentials_the_storage_is_misconfigured(store: Store) -> None:
    backend = store.backend(credentials=None)

    with pytest.raises(StorageMisconfigured):
        backend.stat("a")
    assert backend.capabilities.signs_locally is False


def test_a_persons_credentials_cannot_sign(store: Store, adc_file: Path) -> None:
    person = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    adc_file.write_text(json.dumps({**person, "quota_project_id": "my-project"}))

    with pytest.raises(StorageMisconfigured, match="service account"):
        store.backend(credentials=None).get_url("a")


@pytest.fixture
def signed_blobs() -> list[str]:
    """The paths that the signing service was asked for."""
    return []


@pytest.fixture
def machine(store: Store, signed_blobs: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[GCSBackend]:
    """A backend on a machine of Google's: its metadata server gives tokens, the IAM service signs."""
    account: Any = store.server.credentials().with_scopes(["cloud-platform"])
    account.refresh(google.auth.transport.requests.Request())

    def metadata(asked: Exchange) -> Answer:
        flavor: Headers = (("Metadata-Flavor", "Google"),)
        if asked.seen.target.partition("?")[0].endswith("/token"):
            token = {"access_token": account.token, "expires_in": 3600, "token_type": "Bearer"}
            return json_answer(token, headers=flavor)
        if "/service-accounts/" in asked.seen.target:
            named = {"email": EMAIL, "scopes": [], "aliases": ["default"]}
            return json_answer(named, headers=flavor)
        return Answer(status=200, body=b"my-project", headers=(("Content-Type", "text/plain"), *flavor))

    def sign_blob(asked: Exchange) -> Answer:
        signed_blobs.append(asked.seen.target)
        headers = {(name.lower(), value) for name, value in asked.seen.headers}
        assert ("authorization", f"Bearer {account.token}") in headers
        signature = account.sign_bytes(base64.b64decode(json.loads(asked.body)["payload"]))
        return json_answer({"keyId": "1", "signedBlob": base64.b64encode(signature).decode()})

    with answering(metadata) as metadata_server, answering(sign_blob) as iam:
        monkeypatch.delenv("NO_GCE_CHECK")
        host = metadata_server.url.removeprefix("http://")
        monkeypatch.setenv("GCE_METADATA_IP", host)
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", host)  # read from the environment at import
        monkeypatch.setattr(signing, "SIGN_BLOB_URL", f"{iam.url}/v1/projects/-/serviceAccounts/{{email}}:signBlob")
        yield store.backend(credentials=None)


def test_on_a_machine_without_a_key_the_iam_service_signs(machine: GCSBackend, signed_blobs: list[str]) -> None:
    """An upload and a download by URLs that were signed over the network."""
    upload = upload_of()

    assert machine.capabilities.signs_locally is False
    assert type(machine).capabilities.signs_locally is True
    assert send(only_request(machine, upload), BODY).status_code == 200
    assert requests.get(machine.get_url(upload.upload_path), timeout=60).content == BODY
    assert signed_blobs == [f"/v1/projects/-/serviceAccounts/{EMAIL}:signBlob"] * 2
    query = parse_qs(urlsplit(machine.get_url("a", 604_800)).query)
    assert query["X-Goog-Expires"] == ["43200"]  # Google changes the keys that it keeps itself
    assert query["X-Goog-Credential"][0].startswith(f"{EMAIL}/")


@pytest.mark.django_db(transaction=True)
def test_no_list_signs_over_the_network(store: Store, machine: GCSBackend, signed_blobs: list[str], api: Api) -> None:
    """They return the stable link, which signs when it is followed."""
    fields = {"backend_url": machine.config.backend_url, "settings": store.settings(credentials=None)}
    FileManager.objects.create(name="Google", backend_type="gcs", is_default=True, **fields)
    ticket = api.start(BODY, contentType="text/plain")
    (request,) = ticket["instructions"]["requests"]
    headers = {header["name"]: header["value"] for header in request["headers"]}
    assert requests.put(request["url"], BODY, headers=headers, timeout=60).status_code == 200
    assert api.finalize(ticket["uploadToken"])["success"] is True
    assert len(signed_blobs) == 1

    (listed,) = api.call("{ files { edges { node { downloadUrl permalink } } } }")["files"]["edges"]

    assert listed["node"]["downloadUrl"] == listed["node"]["permalink"]
    assert len(signed_blobs) == 1
    followed = api.client.get(urlsplit(listed["node"]["permalink"]).path)
    assert followed.status_code == 302
    assert requests.get(followed["Location"], timeout=60).content == BODY
    assert len(signed_blobs) == 2


def test_a_refusal_of_the_signing_service_is_reported(machine: GCSBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = {"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}}
    with answering(lambda _: json_answer(refusal, status=403)) as iam:
        monkeypatch.setattr(signing, "SIGN_BLOB_URL", f"{iam.url}/{{email}}")

        with pytest.raises(StorageMisconfigured):
            machine.get_url("a")
        problems = machine.validate_configuration()[1]
        assert "The credentials lack the permission iam.serviceAccounts.signBlob." in problems


# The server that issues access tokens


@contextmanager
def tokens_from(store: Store, answer: Answer) -> Iterator[tuple[GCSBackend, Proxy]]:
    """A backend whose credentials name a token address of the test's, and that address."""
    with answering(lambda _: answer) as proxy:
        # Credentials are shared by the key, so this one is another.
        account = {**store.server.service_account_info, "token_uri": f"{proxy.url}/{uuid4()}"}
        yield store.backend(credentials=account), proxy


BODIES = [b"<html>Welcome</html>", b'"text"', b"[]", b"{}", b"\xff", b'{"status": "maintenance"}']
ANSWERS = [
    *(Answer(status=200, body=body) for body in BODIES),
    Answer(status=404, body=b"default backend - 404"),
    Answer(status=403, body=b"<html>Log in</html>"),
    Answer(status=302, headers=(("Location", "/login"),)),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: f"{answer.status} {answer.body!r}")
def test_a_page_in_place_of_a_token_may_pass(store: Store, answer: Answer) -> None:
    """google-auth raises a TypeError for some of these, and takes others for a refusal of the key."""
    with tokens_from(store, answer) as (backend, _):
        with pytest.raises(StorageUnavailable):
            backend.stat("a")

        problem = "The server that issues access tokens does not answer as Google's does."
        assert backend.validate_configuration() == (False, [problem])


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_token_server_is_asked_twice_and_in_a_time_limit_once(store: Store, status: int) -> None:
    """google-auth would ask three times more, and sleep in between."""
    with tokens_from(store, Answer(status=status)) as (backend, address):
        with pytest.raises(StorageUnavailable):
            backend.stat("a")
        assert len(address.seen) == 2

        with time_limit(60), pytest.raises(StorageUnavailable):
            backend.stat("a")
        assert len(address.seen) == 3


def test_a_refused_key_needs_an_operator(store: Store) -> None:
    refusal = json_answer({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, status=400)
    with tokens_from(store, refusal) as (backend, address), pytest.raises(StorageMisconfigured):
        backend.stat("a")

    assert len(address.seen) == 1


def test_a_silent_token_server_costs_one_time_out(store: Store, impatient: None) -> None:
    with tokens_from(store, Answer(status=200)) as (backend, address):
        address.calm()
        address.disturb(hang, times=None)
        with time_limit(60), pytest.raises(StorageUnavailable):
            backend.stat("a")

        assert len(address.seen) == 1


def test_a_busy_metadata_server_is_asked_once_in_a_limit(machine: GCSBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """google-auth would ask it five times."""
    assert machine.find("a") is None
    machine._client.credentials.token = None
    with answering(lambda _: Answer(status=503)) as metadata_server:
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", metadata_server.url.removeprefix("http://"))
        with time_limit(60), pytest.raises(StorageUnavailable):
            machine.stat("a")

    assert len(metadata_server.seen) == 1
