"""validate_configuration: each wrong configuration, by its id and in a sentence for an operator."""

import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.backends.s3.stores import Store, create_locked_bucket, on
from tests.backends.uploads import LOCKED, NO_DOWNLOADS, ORIGIN, Found, find_problems, no_uploads
from tests.servers.process import free_port
from tests.servers.proxy import Answer, Exchange, Proxy, alter, answer_with, reset
from tests.servers.radosgw import RadosGateway
from tests.uploads.driver import configured

PUT: dict[str, Any] = {"upload_method": "put"}
CHECKSUMS = "x-amz-checksum-crc32c, x-amz-checksum-sha256"
PERMISSIONS = [
    "s3:ListBucket", "s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts", "s3:ListBucketMultipartUploads",
]  # fmt: skip
VERSION_PERMISSIONS = ["s3:ListBucketVersions", "s3:DeleteObjectVersion"]


def grant_all_but(store: Store, user: RadosGateway, lacking: str) -> None:
    """Grant another user all permissions but one. The Deny also holds for objects that it owns."""
    arn = f"arn:aws:s3:::{store.bucket}"
    about = {"Principal": {"AWS": [user.arn]}, "Resource": [arn, f"{arn}/*"]}
    statements = [
        {"Effect": "Allow", "Action": sorted({*PERMISSIONS, *VERSION_PERMISSIONS} - {lacking}), **about},
        {"Effect": "Deny", "Action": [lacking], **about},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    store.client.put_bucket_policy(Bucket=store.bucket, Policy=policy)


def remains(store: Store) -> list[Any]:
    listed = store.client.list_object_versions(Bucket=store.bucket)
    return [*listed.get("Versions", []), *listed.get("DeleteMarkers", []), *store.unfinished_uploads()]


@pytest.fixture
def stranger(radosgw_server: RadosGateway) -> RadosGateway:
    return radosgw_server.create_user(f"user-{uuid.uuid4().hex}")


DEAD = f"http://127.0.0.1:{free_port()}"
NO_KEYS = {"access_key_id": None, "secret_access_key": None}
WRONG_RANGE = "The storage answers Range wrongly ({}), so downloads cannot continue or seek."
# What is planted: settings and environment, and what is found.
# fmt: off
PLANTED: dict[str, tuple[dict[str, Any], dict[str, str], Found]] = {
    "no bucket": ({"bucket_name": "nowhere-1"}, {}, [
        ("bucket.missing", "There is no bucket at {place}. Create it, or correct bucket_name.")]),
    "wrong secret": ({"secret_access_key": "wrong"}, {}, [
        ("credentials", "secret_access_key does not match access_key_id at {place}.")]),
    "unknown key": ({"access_key_id": "nobody"}, {}, [("credentials", "{place} does not know this access_key_id.")]),
    "no keys": (NO_KEYS, {"AWS_ENDPOINT_URL": DEAD}, [
        ("storage.failed", "No S3 credentials found: set access_key_id and secret_access_key, or provide them in the "
         "environment."),
        ("environment.ignored", "AWS_ENDPOINT_URL is set in the environment and ignored: only the settings name an "
         "endpoint.")]),
    "half the keys": (NO_KEYS, {"AWS_ACCESS_KEY_ID": "half"}, [
        ("credentials", "The environment has only half of the access keys: AWS_SECRET_ACCESS_KEY is not set.")]),
    "no profile": (NO_KEYS, {"AWS_PROFILE": "payroll"}, [
        ("credentials", "AWS_PROFILE names 'payroll', a profile that is missing.")]),
    "nobody there": ({"endpoint_url": DEAD}, {}, [
        ("storage.unreachable", "{place} does not respond (EndpointConnectionError).")]),
    "a public endpoint that this server cannot reach": ({"public_endpoint_url": DEAD}, {}, [
        ("client.unreachable", f"This server cannot test {DEAD}, where clients send their requests: "
         "NewConnectionError")]),
    "wrong KMS key": ({"server_side_encryption": "aws:kms", "kms_key_id": "nokey"}, {}, [
        ("kms", "{place} rejects the KMS key (403 InvalidAccessKeyId). Correct kms_key_id or its policy.")]),
    "no CORS rule": ({}, {}, [no_uploads("POST"), no_uploads("PUT"), NO_DOWNLOADS]),
    "no CORS rule for headers": ({**PUT, "server_side_encryption": "AES256"}, {}, [
        no_uploads("PUT", f"content-type, {CHECKSUMS}, x-amz-server-side-encryption"), NO_DOWNLOADS]),
}
# fmt: on


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_wrong_is_named(open_store: Store, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, environment, expected = PLANTED[name]
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)

    with configured(ALLOWED_ORIGINS=[ORIGIN] if "CORS" in name else []):
        assert find_problems(open_store.backend(**settings)) == expected

    assert remains(open_store) == []


@pytest.mark.parametrize("method", ["post", "put"])
@pytest.mark.parametrize("encryption", [None, "AES256"])
def test_the_rule_that_is_advised_is_enough(open_store: Store, method: str, encryption: str | None) -> None:
    """Also for pages of the site itself. And no longer than it must be."""
    backend = open_store.backend(upload_method=method, server_side_encryption=encryption)
    with configured(ALLOWED_ORIGINS=[ORIGIN], PUBLIC_URL="https://shop.example.com/"):
        problems: list[Any] = backend.validate_configuration()[1]
        assert {json.dumps(problem.fix) for problem in problems} == {json.dumps(problems[0].fix)}
        assert problems[0].fix[0]["AllowedOrigins"] == [ORIGIN, "https://shop.example.com"]
        open_store.client.put_bucket_cors(Bucket=open_store.bucket, CORSConfiguration={"CORSRules": problems[0].fix})

        assert backend.validate_configuration() == (True, [])


@on("seaweedfs")
def test_responses_to_uploads_that_pages_cannot_read_are_named(store: Store) -> None:
    rule = {"AllowedOrigins": [ORIGIN], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"]}
    store.client.put_bucket_cors(Bucket=store.bucket, CORSConfiguration={"CORSRules": [rule]})
    with configured(ALLOWED_ORIGINS=[ORIGIN]):
        assert find_problems(store.backend()) == PLANTED["no CORS rule"][2][:1]


@on("radosgw")
def test_a_public_endpoint_of_another_store_is_named(store: Store, proxy: Proxy) -> None:
    proxy.disturb(refuse(403, "InvalidAccessKeyId"), times=None)
    sentence = f"{proxy.url} rejects signed URLs (403 InvalidAccessKeyId): does a proxy change their host or region?"
    assert find_problems(store.backend(public_endpoint_url=proxy.url)) == [("signature", sentence)]


@on("rclone")
def test_a_store_without_post_is_named(store: Store) -> None:
    """rclone also sends the right bytes of a range with the status of a whole file."""
    assert find_problems(store.backend(upload_method="post")) == [
        ("upload.post", '{place} rejects POST uploads (status 400). Set upload_method to "put".'),
        ("download.range", WRONG_RANGE.format(200)),
    ]


@pytest.mark.parametrize("lacking", [*PERMISSIONS, *VERSION_PERMISSIONS])
def test_a_missing_permission_is_named_with_the_policy(open_store: Store, stranger: RadosGateway, lacking: str) -> None:
    if lacking in VERSION_PERMISSIONS:
        keep_versions(open_store)
    grant_all_but(open_store, stranger, lacking)
    backend = open_store.backend(access_key_id=stranger.access_key_id, secret_access_key=stranger.secret_access_key)

    found: list[Any] = backend.validate_configuration()[1]

    assert f"The credentials lack the permission {lacking}." in found
    assert {problem.id for problem in found} == {"permission"}
    objects, bucket = found[0].fix["Statement"]
    assert lacking in objects["Action"] + bucket["Action"]
    assert objects["Resource"] == f"arn:aws:s3:::{open_store.bucket}/tenant/*"


def keep_versions(store: Store) -> Store:
    store.client.put_bucket_versioning(Bucket=store.bucket, VersioningConfiguration={"Status": "Enabled"})
    return store


@on("radosgw", "ministack", "moto", quick=1)
@pytest.mark.parametrize("settings", [{}, PUT, {"direct": False}], ids=["post", "put", "through us"])
def test_a_good_bucket_works_and_keeps_nothing_of_the_probes(store: Store, settings: dict[str, Any]) -> None:
    """Not even a version."""
    for given in (store, keep_versions(store)):
        assert find_problems(given.backend(**settings)) == []
        assert remains(given) == []


@on("moto")
@pytest.mark.parametrize("method", ["post", "put"])
def test_no_log_holds_a_temporary_token(store: Store, method: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is in every signed URL."""
    caplog.set_level(logging.DEBUG)

    assert find_problems(store.backend(session_token="CANARY/+==", upload_method=method)) == []

    assert "security-token" in caplog.text.lower()
    assert "CANARY" not in caplog.text


@on("radosgw")
def test_the_probes_take_the_way_of_a_file(store: Store, proxy: Proxy) -> None:
    """A policy that allows one of the two folders only does not pass."""
    assert find_problems(store.backend(endpoint_url=proxy.url, **PUT)) == []

    written = [seen.target for seen in proxy.seen if seen.method in {"PUT", "POST"} and "?delete" not in seen.target]
    folders = {target.partition("/probe-")[0].partition("/tenant/")[2].partition("/")[0] for target in written}
    assert folders == {".uploads", "uploads"}


def in_capitals(exchange: Exchange) -> None:
    answer = exchange.forward()
    exchange.respond(replace(answer, body=answer.body.upper()))


def as_whole(exchange: Exchange) -> None:
    exchange.seen.headers = tuple(header for header in exchange.seen.headers if header[0].lower() != "range")
    exchange.respond(exchange.forward())


def refuse(status: int, code: str) -> Callable[[Exchange], None]:
    return answer_with(Answer(status=status, body=f"<Error><Code>{code}</Code></Error>".encode()))


SIGNED = "X-Amz-Signature"
# What a store does to which requests, and what is found.
# fmt: off
STORES: dict[str, tuple[Any, dict[str, Any], Found]] = {
    "ignores the headers in signed URLs": (
        alter(hidden=["Content-Disposition"]), {"method": "GET", "target": SIGNED}, [
            ("download.headers", "The storage ignores the Content-Disposition that signed URLs ask for.")]),
    "describes every object as empty": (alter({"Content-Length": "0"}), {"method": "HEAD", "target": "probe-"}, [
        ("upload.size", f"The storage reports 0 bytes for an object of {size}, so all uploads fail.")
        for size in (13, 26)]),
    "has a region that only signatures must name": (
        refuse(400, "AuthorizationQueryParametersError"), {"target": SIGNED}, [
            ("bucket.region", "{place} is in another region. Set region_name.")]),
    "is behind a proxy that changes the host": (
        refuse(403, "SignatureDoesNotMatch"), {"method": "PUT", "target": SIGNED}, [
            ("signature", "{place} rejects signed URLs (403 SignatureDoesNotMatch): does a proxy change their host or "
             "region?")]),
    "ignores ranges": (as_whole, {"target": SIGNED, "header": "Range"}, [("download.range", WRONG_RANGE.format(200))]),
    "rewrites bytes": (
        in_capitals, {"method": "GET", "target": SIGNED}, [
            ("download.range", WRONG_RANGE.format(206)),
            ("download.bytes", "The storage returns other bytes than were uploaded.")]),
    "drops connections": (reset, {"target": "probe-"}, [
        ("storage.unreachable", "{place} does not respond (ConnectionClosedError).")]),
    "is full": (answer_with(500), {"method": "PUT", "target": SIGNED}, [
        ("storage.refused", "{place} returned 500 when asked to accept a signed upload.")]),
}
# fmt: on


@on("radosgw")
@pytest.mark.parametrize("name", STORES)
def test_a_store_that_fails_clients_only_is_named(store: Store, proxy: Proxy, name: str) -> None:
    """Nothing of it is advice to change the method, which would not help."""
    fault, which, expected = STORES[name]
    proxy.disturb(fault, **which, times=None)

    assert find_problems(store.backend(endpoint_url=proxy.url, **PUT)) == expected
    assert remains(store) == []


@on("radosgw")
def test_a_server_error_is_no_reason_for_another_method(store: Store, proxy: Proxy) -> None:
    proxy.disturb(answer_with(500), method="POST", target=f"/{store.bucket}/?$", times=None)

    assert find_problems(store.backend(endpoint_url=proxy.url)) == STORES["is full"][2]


@on("radosgw", "ministack", "moto", quick=2)
def test_a_bucket_with_a_default_retention_is_named_and_gets_no_probes(store: Store) -> None:
    bucket = create_locked_bucket(store)

    sentence = f"The default retention (Object Lock) of the bucket {LOCKED}"
    assert find_problems(store.backend(direct=False, bucket_name=bucket)) == [("bucket.locked", sentence)]
    assert remains(replace(store, bucket=bucket)) == []
