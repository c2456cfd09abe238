"""Without an account key: tokens for the server, signatures by user delegation for clients.

Azurite knows the service only as it was before signatures could name headers and parameters of the request. The tests
make the SDK leave these two lines out and say so in `sv`; all else is as it goes to Azure.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import azure.identity
import pytest
from azure.storage.blob import BlobServiceClient, CorsRule, _shared_access_signature

from fileman.backends.azure.backend import AzureBackend
from fileman.backends.base import Backend
from fileman.testing.contract import BackendContract
from tests.backends.azure.stores import BODY, make_upload
from tests.backends.azure.test_contract import REDUCED
from tests.backends.azure.token_azurite import TENANT, Identity, TokenServer, serve
from tests.backends.uploads import make_backend, send
from tests.servers import AzureServer
from tests.servers.azurite import ACCOUNT

KNOWN_TO_AZURITE = "2025-11-05"
NEWER_LINES = slice(21, 23)
"""Lines of the signed string that name headers and parameters."""


@pytest.fixture(scope="module")
def token_server(azurite_server: AzureServer) -> Iterator[TokenServer]:
    """A second Azurite, if the first one could be started."""
    with serve() as server:
        yield server


@pytest.fixture(autouse=True)
def _as_azurite_knows_it(token_server: TokenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    sign: Callable[[str, str], str] = vars(_shared_access_signature)["sign_string"]

    def sign_older(key: str, text: str) -> str:
        lines = text.split("\n")
        assert lines[NEWER_LINES] == ["", ""]
        del lines[NEWER_LINES]
        return sign(key, "\n".join(lines))

    monkeypatch.setattr(_shared_access_signature, "X_MS_VERSION", KNOWN_TO_AZURITE)
    monkeypatch.setattr(_shared_access_signature, "sign_string", sign_older)
    monkeypatch.setattr(azure.identity, "DefaultAzureCredential", Identity)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(token_server.certificate))


@pytest.fixture
def token_backend(token_server: TokenServer, _as_azurite_knows_it: None) -> AzureBackend:
    name, credential = uuid4().hex, cast("Any", Identity())
    with BlobServiceClient(token_server.endpoint_url, credential=credential) as service:
        service.set_service_properties(cors=[CorsRule(["*"], ["GET", "PUT"], allowed_headers=["*"])])
        service.create_container(name)
    settings = {"account_name": ACCOUNT, "endpoint": token_server.endpoint_url, "container_name": name}
    return make_backend(AzureBackend, settings, f"azure://{name}/ours/")


class TestAzureByToken(BackendContract):
    reduced = REDUCED

    @pytest.fixture
    def backend(self, token_backend: AzureBackend) -> Backend:
        """It holds its signing key already, as for all but the first signature of a week."""
        token_backend.get_url("any")
        return token_backend


@pytest.mark.parametrize(
    ("name", "value"), [("sig", "AAAA"), ("se", "2099-01-01T00%3A00%3A00Z"), ("sp", "cw"), ("skoid", TENANT)]
)
def test_a_tampered_signature_is_refused(token_backend: AzureBackend, name: str, value: str) -> None:
    upload = make_upload(token_backend)
    [request] = token_backend.instructions(upload, list(upload.slices()))
    given = parse_qs(urlsplit(request.url).query)[name][0]
    place, _, query = request.url.partition("?")
    pairs = [pair for pair in query.split("&") if not pair.startswith(f"{name}=")]

    tampered = f"{place}?{'&'.join([*pairs, f'{name}={value}'])}"

    assert given != value
    assert send(replace(request, url=tampered), BODY).status_code == 403
    assert send(request, BODY).status_code == 201
