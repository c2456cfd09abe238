"""Endpoints: which hosts a file manager may name, which get this server's credentials, and where connections lead."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.session import Session
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.checks import run_checks
from django.core.exceptions import ValidationError
from django.test import override_settings

from fileman.backends import Backend
from fileman.backends.endpoints import get_origins
from fileman.backends.s3.settings import S3Settings
from fileman.backends.time_limit import time_limit
from fileman.errors import StorageError, StorageMisconfigured
from fileman.models import FileManager
from tests.backends.settings_rules import ABSENT, AZURE_KEY, BY_STRING, ENDPOINT, ENDPOINT_SHAPE, S3_KEYS
from tests.backends.test_settings import make, problems
from tests.backends.uploads import CALLS, begun, upload_of
from tests.servers.gcs import account_info, new_key
from tests.servers.proxy import Answer, Exchange, Proxy, Seen, answering, json_answer
from tests.uploads.driver import configured

NAME = "store.example.com"
PUBLIC = "93.184.216.34"
NOT_PUBLIC = [
    "127.0.0.1", "localhost", "LOCALHOST", "sub.localhost", "[::1]", "[::]", "0.0.0.0", "10.0.0.1", "172.16.0.1",
    "192.168.1.1", "169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "[fec0::1]", "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "[64:ff9b::169.254.169.254]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]",
    "[2001:0:7f00:1::]", "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "224.0.0.1", "[ff02::1]",
    "255.255.255.255", "metadata.google.internal", "Metadata.Google.INTERNAL", "metadata", "minio", "nas.local",
    "db.corp",
]  # fmt: skip
NOT_PLAIN = [
    "2852039166", "0xA9FEA9FE", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "127.1", "0", "0x7f.1", "127.0.0.256",
    "1.2.3.4.5", "localhost.", "127.0.0.1.", "metadata.google.internal.", "%31%32%37.0.0.1", "127.0.0.1%2f.example.com",
    "[fe80::1%25eth0]", "\uff11\uff12\uff17.0.0.1", "127\u30020.0.1", "\u24db\u006fcalhost",
    "exa\tmple.com", "exa mple.com", " example.com",
    "example.com\n", "example.com\\@10.0.0.1", "10.0.0.1:", "[v1.a]", "a..example.com", "-a.example.com",
    "x" * 64 + ".com",
]  # fmt: skip
MALFORMED_URLS = [
    "host.example.com", "ftp://host", "file:///etc/passwd", "https://", "https://[", "https://user@host",
    "https://user:canary@host", "https://host?x=canary", "https://host:port", "https://host:0", "https://host#a",
    "https://host/../a", "https://host:0443", "http://host:09000", "https://[2a00::80]:0443",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_trusted() -> Iterator[None]:
    with configured(TRUSTED_ENDPOINTS=(), ALLOW_INSECURE_ENDPOINTS=False):
        yield


# Of each type the setting that names the storage, and the one for what clients are sent to.
BOTH = [(vendor, name) for vendor in ENDPOINT for name in (ENDPOINT[vendor], "public_endpoint_url")]
each_setting = pytest.mark.parametrize(("vendor", "name"), BOTH)


def settings_for(vendor: str, endpoint: str, name: str = "") -> dict[str, Any]:
    return {name or ENDPOINT[vendor]: endpoint, **(S3_KEYS if vendor == "s3" else {})}


def not_public(name: str, origin: str) -> str:
    advice = f"add {origin!r} to TRUSTED_ENDPOINTS in FILEMAN_SETTINGS"
    return f"{name} leads to an address that is not public. If it may, {advice}."


class TestWhatMayBeNamed:
    @each_setting
    @pytest.mark.parametrize("scheme", ["https", "http"])
    def test_a_private_address_is_refused_with_the_line_to_allow_it(self, scheme: str, vendor: str, name: str) -> None:
        urls = [f"{scheme}://{host}:9000" for host in NOT_PUBLIC]
        refused = {url: [not_public(name, url.lower())] for url in urls}
        assert {url: problems(vendor, settings_for(vendor, url, name)) for url in urls} == refused
        with configured(TRUSTED_ENDPOINTS=[url.lower() for url in urls]):
            assert [url for url in urls if problems(vendor, settings_for(vendor, url, name))] == []

    @each_setting
    @pytest.mark.parametrize("debug", [False, True])
    def test_a_malformed_url_or_an_odd_spelling_of_a_host_is_refused(self, debug: bool, vendor: str, name: str) -> None:
        urls = [*MALFORMED_URLS, *(f"https://{host}" for host in NOT_PLAIN)]
        with override_settings(DEBUG=debug):
            found = {url: problems(vendor, settings_for(vendor, url, name))[0] for url in urls}
        assert found == dict.fromkeys(urls, f"{name} {ENDPOINT_SHAPE}")

    def test_public_hosts_are_accepted(self) -> None:
        """The last one is a public address behind NAT64"""
        hosts = [NAME, "8.8.8.8", "[2606:4700::1111]", "xn--bcher-kva.example", "[64:ff9b::8.8.8.8]"]
        assert [host for host in hosts if problems("s3", settings_for("s3", f"https://{host}"))] == []

    @override_settings(DEBUG=True)
    @pytest.mark.parametrize("name", ["endpoint_url", "public_endpoint_url"])
    def test_under_debug_this_machine_is_reachable_and_nothing_else(self, name: str) -> None:
        allowed = ["127.0.0.1", "localhost", "LOCALHOST", "sub.localhost", "[::1]"]
        given = {host: settings_for("s3", f"https://{host}", name) for host in NOT_PUBLIC}
        assert [host for host, settings in given.items() if not problems("s3", settings)] == allowed

    @pytest.mark.parametrize(
        ("entry", "trusted"),
        [
            ("minio.internal", ["https://minio.internal", "https://minio.internal:9000"]),
            ("MINIO.internal:9000", ["https://minio.internal:9000"]),
            ("https://minio.internal:9000/", ["https://minio.internal:9000"]),
            ("https://minio.internal", ["https://minio.internal"]),
            ("minio.internal:443", ["https://minio.internal"]),
            ("http://minio.internal:9000", ["http://minio.internal:9000"]),
            ("internal", []),
            ("io.internal", []),
        ],
    )
    def test_an_entry_is_a_host_a_host_with_port_or_an_origin(self, entry: str, trusted: list[str]) -> None:
        """Only an origin allows plain http"""
        hosts = ["https://minio.internal", "https://minio.internal:9000", "http://minio.internal:9000"]
        with configured(TRUSTED_ENDPOINTS=[entry]):
            urls = [*hosts, "https://evil.minio.internal"]
            assert [url for url in urls if not problems("s3", settings_for("s3", url))] == trusted

    @pytest.mark.parametrize("bucket", ["minio", "bucket"])
    def test_the_host_of_a_bucket_is_trusted_with_that_of_its_store(self, bucket: str) -> None:
        hosts = ["minio.a.internal", f"{bucket}.minio.a.internal"]
        settings = make("s3", {"bucket_name": bucket}).settings
        asked = [*hosts, "a.internal", "other.minio.a.internal"]
        with configured(TRUSTED_ENDPOINTS=["minio.a.internal"]):
            assert [host for host in asked if settings.trusts(urlsplit(f"https://{host}"))] == hosts
        assert settings.trusts(urlsplit(f"https://{bucket}.s3.eu-west-1.amazonaws.com"))

    @pytest.mark.parametrize("named", ["BlobEndpoint=https://10.0.0.1", "EndpointSuffix=internal"])
    def test_a_connection_string_names_an_endpoint_too(self, named: str) -> None:
        string = f"AccountName=acmefiles;AccountKey={AZURE_KEY};{named}"
        (problem,) = problems("azure", {**BY_STRING, "connection_string": string})
        assert problem.startswith("endpoint leads to an address that is not public.")

    @pytest.mark.parametrize("region", ["x.evil.com/#", "eu-west-1@evil.com", "eu west", "-", "a.b", "\n"])
    def test_a_region_is_one_label_of_a_host(self, region: str) -> None:
        assert problems("s3", {"region_name": region}) == ["region_name must be letters, digits and hyphens."]


TRUST = "add 'https://evil.example' to TRUSTED_ENDPOINTS in FILEMAN_SETTINGS"
OTHER_SITE = f"base_url must lead to this site: set PUBLIC_URL, or {TRUST}."
MALFORMED = "base_url must be a path such as '/fileman/content/', or begin with https://."


class TestBaseUrl:
    """It gets the token of every download"""

    @pytest.mark.parametrize(
        ("problem", "base_urls"),
        [
            (OTHER_SITE, ["https://evil.example/x", "https://Evil.example"]),
            (MALFORMED, [
                "http://files.example.com/", "//evil.example/",
                "/\\evil.example/", "\\\\evil.example", "/\t/evil.example/", "/a?b=", "/a#",
                "https:evil", "https:///evil.example", "https://files.example.com@evil.example/", "https://files.example.com/?x",
                "https://files.example.com\\@evil.example/", "javascript:alert(1)//", " https://files.example.com/",
            ]),
        ],
        ids=["another site", "malformed"],
    )  # fmt: skip
    def test_it_leads_nowhere_else(self, problem: str, base_urls: list[str]) -> None:
        with configured(PUBLIC_URL="https://files.example.com"):
            found = [problems("file", {"base_url": url}) for url in base_urls]
        assert found == [[problem]] * len(base_urls)

    @pytest.mark.parametrize("base_url", ["", "/fileman/content/", "/a/", "https://files.example.com/x/"])
    def test_it_leads_to_this_site_or_a_trusted_one(self, base_url: str) -> None:
        for given in ({"PUBLIC_URL": "https://files.example.com/"}, {"TRUSTED_ENDPOINTS": ["files.example.com"]}):
            with configured(**given):
                assert problems("file", {"base_url": base_url}) == []


PROVIDERS = {
    "s3": ["s3.amazonaws.com", "s3.dualstack.us-gov-west-1.amazonaws.com"],
    "azure": [
        *[f"acmefiles.blob.core.{cloud}" for cloud in ("windows.net", "chinacloudapi.cn", "usgovcloudapi.net")],
        "acmefiles.z12.blob.storage.azure.net",
    ],
    "gcs": ["storage.googleapis.com", "storage.europe-west3.rep.googleapis.com"],
}  # fmt: skip
STRANGERS = {
    "s3": [
        NAME, "s3.amazonaws.com.evil.com", "evil.com.amazonaws.com", "s3-mine-1.us-east-1.elb.amazonaws.com",
        "ec2-1-2-3-4.compute-1.amazonaws.com", "a.execute-api.us-east-1.amazonaws.com", "xs3.amazonaws.com",
        "s3.us-east-1xamazonaws.com",
    ],
    "azure": [NAME, "acmefiles.blob.core.windows.net.evil.com", "acmefiles.blob.evil.com", "evil.azurewebsites.net"],
    "gcs": [NAME, "storage-googleapis.com", "storage.googleapis.com.evil.com", "storage.xgoogleapis.com"],
}  # fmt: skip


@pytest.mark.parametrize("vendor", ENDPOINT)
class TestCredentialsOfThisServer:
    def test_the_providers_own_hosts_get_them(self, vendor: str) -> None:
        given = {host: {ENDPOINT[vendor]: f"https://{host}", "account_key": ABSENT} for host in PROVIDERS[vendor]}
        assert [host for host, settings in given.items() if problems(vendor, settings)] == []

    def test_no_other_host_gets_them_unless_it_is_trusted(self, vendor: str) -> None:
        given = {host: {ENDPOINT[vendor]: f"https://{host}", "account_key": ABSENT} for host in STRANGERS[vendor]}
        refusal = "is not https at a host of the provider, so it gets no credentials of this server."
        advice = "Set credentials, or add 'https://{}' to TRUSTED_ENDPOINTS in FILEMAN_SETTINGS."
        refused = {host: [f"{ENDPOINT[vendor]} {refusal} {advice.format(host)}"] for host in given}
        assert {host: problems(vendor, settings) for host, settings in given.items()} == refused
        with configured(TRUSTED_ENDPOINTS=list(given)):
            assert [host for host, settings in given.items() if problems(vendor, settings)] == []

    def test_they_are_not_sent_over_plain_http(self, vendor: str) -> None:
        with configured(ALLOW_INSECURE_ENDPOINTS=True):
            (problem,) = problems(vendor, {ENDPOINT[vendor]: f"http://{NAME}", "account_key": ABSENT})
        assert "gets no credentials of this server" in problem


def test_every_endpoint_of_s3_that_the_sdk_knows_is_one_of_the_provider() -> None:
    partitions = Session().get_component("data_loader").load_data("endpoints")["partitions"]
    hosts = {f"s3.{region}.{partition['dnsSuffix']}" for partition in partitions for region in partition["regions"]}
    services = [partition["services"].get("s3", {}).get("endpoints", {}) for partition in partitions]
    hosts |= {end["hostname"] for service in services for end in service.values() if "hostname" in end}

    assert len(hosts) > 40
    assert [host for host in hosts if not S3Settings.provider_hosts.fullmatch(host)] == []


TOKEN = json_answer({"access_token": "secret", "expires_in": 3600, "token_type": "Bearer"})


class Network:
    """Names lead where a test says. Records which were looked up."""

    def __init__(self, names: dict[str, list[str]]) -> None:
        self.names = names
        self.looked_up: list[str] = []
        self._look_up = socket.getaddrinfo

    def __call__(self, host: Any, *arguments: Any, **options: Any) -> Any:
        """Each name leads to its next address, and to the last one from then on."""
        if host not in self.names:
            return self._look_up(host, *arguments, **options)
        self.looked_up.append(host)
        leads_to = self.names[host]
        return self._look_up(leads_to.pop(0) if len(leads_to) > 1 else leads_to[0], *arguments, **options)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    network = Network({NAME: ["127.0.0.1"]})
    monkeypatch.setattr(socket, "getaddrinfo", network)
    return network


@pytest.fixture
def server() -> Iterator[Proxy]:
    """A server that is found by its name"""
    with answer_all(Answer(status=404)) as server:
        server.url = server.url.replace("127.0.0.1", NAME)
        yield server


def answer_all(answer: Answer) -> AbstractContextManager[Proxy]:
    def respond(exchange: Exchange) -> Answer:
        return TOKEN if exchange.seen.target == "/token" else answer

    return answering(respond)


def asked(server: Proxy) -> list[Seen]:
    """Return the requests to a server without those for Google's token"""
    return [seen for seen in server.seen if seen.target != "/token"]


@cache
def key() -> rsa.RSAPrivateKey:
    return new_key()


def make_at(vendor: str, url: str) -> Backend:
    changes: dict[str, dict[str, Any]] = {
        "s3": {"endpoint_url": url, **S3_KEYS},
        "azure": {"endpoint": f"{url}/acmefiles"},
        "gcs": {"endpoint": url, "credentials": account_info(key(), f"{url}/token")},
    }
    return make(vendor, changes[vendor])


each_call = pytest.mark.parametrize("call", ["stat", "read", "write", "list", "delete"])


@pytest.mark.parametrize("vendor", ENDPOINT)
class TestConnections:
    def test_a_name_that_leads_inside_is_refused_unasked(self, vendor: str, network: Network, server: Proxy) -> None:
        """It may have led elsewhere when the file manager was saved"""
        with configured(ALLOW_INSECURE_ENDPOINTS=True), time_limit(60):
            with pytest.raises(StorageMisconfigured) as refusal:
                make_at(vendor, server.url).stat("a")
            report = make_at(vendor, server.url).validate_configuration()
        assert server.seen == []
        assert report == (False, [not_public(NAME, server.url)])
        assert refusal.value.message == not_public(NAME, server.url)

    @each_call
    @pytest.mark.parametrize("variable", ["", "HTTP_PROXY", "ALL_PROXY"])
    def test_no_call_connects_to_a_name_that_leads_inside(
        self, variable: str, call: str, vendor: str, network: Network, server: Proxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What names a proxy in the environment may lead to that proxy, which is the operator's"""
        with answer_all(Answer(status=403)) as proxy, configured(ALLOW_INSECURE_ENDPOINTS=True), time_limit(60):
            monkeypatch.setenv(variable or "UNUSED", proxy.url)
            backend = make_at(vendor, server.url)
            with suppress(StorageError):
                assert CALLS[call](backend, upload_of())  # deletion returns its failures
        assert server.seen == []
        assert proxy.seen or NAME in network.looked_up

    def test_a_trusted_name_may_lead_inside(self, vendor: str, network: Network, server: Proxy) -> None:
        with configured(TRUSTED_ENDPOINTS=[server.url]), time_limit(60), suppress(StorageError):
            make_at(vendor, server.url).stat("a")
        assert len(asked(server)) == 1

    def test_the_checked_address_is_the_one_connected_to(self, vendor: str, network: Network, server: Proxy) -> None:
        """A name that leads elsewhere at the next look, as by DNS rebinding. A token needs a connection of its own"""
        looks = [PUBLIC] * (2 if vendor == "gcs" else 1)
        network.names = {NAME: [*looks, "10.0.0.1"], PUBLIC: ["127.0.0.1"]}
        with configured(ALLOW_INSECURE_ENDPOINTS=True), time_limit(60), suppress(StorageError):
            make_at(vendor, server.url).find("a")
        assert len(asked(server)) == 1
        assert network.looked_up == [NAME, PUBLIC] * len(looks)

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    @each_call
    def test_no_call_is_redirected(self, vendor: str, call: str, status: int, server: Proxy, network: Network) -> None:
        """Each host is trusted here"""
        marks = [(f"x-{name}-request-id", "1") for name in ("amz", "ms")]
        marks += [("Location", f"{server.url}/"), ("Date", "Fri, 02 Jan 2026 00:00:00 GMT")]
        trusted = configured(TRUSTED_ENDPOINTS=["127.0.0.1", NAME], ALLOW_INSECURE_ENDPOINTS=True)
        redirect = Answer(status=status, headers=tuple(marks))
        with trusted, answer_all(redirect) as redirecting, time_limit(60), suppress(StorageError):
            assert CALLS[call](make_at(vendor, redirecting.url), upload_of())  # deletion returns its failures
        assert server.seen == []
        assert len({seen.target for seen in asked(redirecting)}) == len(asked(redirecting)) > 0


@pytest.mark.parametrize(("status", "code"), [(301, "PermanentRedirect"), (400, "AuthorizationHeaderMalformed")])
def test_the_region_that_an_s3_store_names_is_not_followed(status: int, code: str) -> None:
    body = f"<Error><Code>{code}</Code><Region>x.evil.com/#</Region></Error>".encode()
    marks = (("x-amz-bucket-region", "eu-west-1"), ("x-amz-request-id", "1"))
    answer = Answer(status=status, body=body, headers=marks)
    with answer_all(answer) as server, configured(TRUSTED_ENDPOINTS=[server.url]):
        report = make_at("s3", server.url).validate_configuration()

    assert report == (False, [f"s3:{server.url}/my-bucket/ is in another region. Set region_name."])
    assert len(server.seen) == 1


def test_the_issuer_of_tokens_is_not_followed(server: Proxy, network: Network) -> None:
    """It would get the signed assertion. A 307 keeps method and body"""
    redirect = Answer(status=307, headers=(("Location", f"{server.url}/"),))
    trusted = configured(TRUSTED_ENDPOINTS=["127.0.0.1", NAME], ALLOW_INSECURE_ENDPOINTS=True)
    with answering(lambda _: redirect) as issuer, trusted, pytest.raises(StorageError):
        make_at("gcs", issuer.url).stat("a")

    assert server.seen == []


def test_the_issuer_of_tokens_and_sessions_of_uploads_may_not_lead_inside(server: Proxy, network: Network) -> None:
    """The settings name one, a store the other"""
    session = Answer(status=200, headers=(("Location", f"{server.url}/session"),))
    with answer_all(session) as store, configured(TRUSTED_ENDPOINTS=[store.url], ALLOW_INSECURE_ENDPOINTS=True):
        backend = make_at("gcs", store.url)
        upload = begun(backend, upload_of(10**9, session=True))
        elsewhere = make("gcs", {"endpoint": store.url, "credentials": account_info(key(), f"{server.url}/token")})
        calls: list[Callable[[], object]] = [partial(backend.missing, upload), partial(elsewhere.stat, "a")]
        for ask in calls:
            with pytest.raises(StorageMisconfigured) as refusal:
                ask()
            assert refusal.value.message == not_public(NAME, server.url)

    assert server.seen == []


@pytest.mark.django_db
class TestSavedManagers:
    def save(self, **changes: Any) -> FileManager:
        settings = {"bucket_name": "my-bucket", "endpoint_url": f"https://{NAME}", **S3_KEYS, **changes}
        return FileManager.objects.create(name="Store", backend_type="s3", settings=settings)

    def test_a_name_that_leads_inside_is_refused_at_save(self, network: Network) -> None:
        with pytest.raises(ValidationError) as refusal:
            self.save()
        assert refusal.value.messages == [not_public("endpoint_url", f"https://{NAME}")]
        assert not FileManager.objects.exists()
        with configured(TRUSTED_ENDPOINTS=[NAME]):
            self.save()

    def test_the_provider_may_have_private_addresses(self, network: Network) -> None:
        """Private links of clouds give its names addresses in the customer's network"""
        host = "s3.eu-west-1.amazonaws.com"
        network.names = {host: ["10.0.0.1"]}
        assert self.save(endpoint_url=f"https://{host}").pk
        assert network.looked_up == []

    @pytest.mark.parametrize("host", [NAME, "10.0.0.5:9000"])
    def test_an_existing_manager_is_named_with_the_line_to_add(self, host: str, network: Network) -> None:
        origin = f"https://{host}"
        with configured(TRUSTED_ENDPOINTS=[origin]):
            self.save(endpoint_url=origin)
            assert warnings() == []
        assert warnings() == [f"The file manager Store does not work: {not_public('endpoint_url', origin)}"]


def warnings() -> list[str]:
    messages = run_checks(tags=["database"], databases=["default"])
    return [message.msg for message in messages if message.id == "fileman.W006"]


def test_origins_are_written_as_browsers_send_them() -> None:
    with configured(ALLOWED_ORIGINS=["https://App.example.com/", "null"], PUBLIC_URL="https://Example.com:443/"):
        assert get_origins() == ["https://app.example.com", "null", "https://example.com"]
