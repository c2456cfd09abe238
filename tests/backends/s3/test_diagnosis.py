"""validate_configuration: each wrong configuration, in a sentence for an operator."""

import json
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import override_settings

from tests.backends.s3.stores import Store, create_locked_bucket, new_store, on
from tests.backends.uploads import PREFIX
from tests.servers.process import free_port
from tests.servers.radosgw import RadosGateway, S3User

NO_POST = "No CORS rule of the bucket allows POST with the header Content-Type, so browsers cannot upload."
NO_PUT = "No CORS rule of the bucket allows PUT with the header Content-Type, so browsers cannot upload."
NO_PUT_WITH_CHECKSUMS = (
    "No CORS rule of the bucket allows PUT with the headers Content-Type, x-amz-checksum-crc32c, "
    "x-amz-checksum-sha256, so browsers cannot upload."
)
NO_PUT_ENCRYPTED = NO_PUT_WITH_CHECKSUMS.replace("x-amz", "x-amz-server-side-encryption, x-amz", 1)
PUT = {"upload_method": "put"}
PAGE = "https://app.example.com"


def allow_browsers(store: Store, *methods: str, headers: Sequence[str] = ("Content-Type",), origin: str = PAGE) -> None:
    rule = {"AllowedOrigins": [origin], "AllowedMethods": list(methods), "AllowedHeaders": list(headers)}
    store.client.put_bucket_cors(Bucket=store.bucket, CORSConfiguration={"CORSRules": [rule]})


def grant_all_but(store: Store, user: S3User, lacking: str) -> None:
    """Grant another user all permissions but one. The Deny also holds for objects that it owns."""
    arn = f"arn:aws:s3:::{store.bucket}"
    about = {"Principal": {"AWS": [user.arn]}, "Resource": [arn, f"{arn}/*"]}
    statements = [
        {"Effect": "Allow", "Action": sorted({*PERMISSIONS, *VERSION_PERMISSIONS} - {lacking}), **about},
        {"Effect": "Deny", "Action": [lacking], **about},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    store.client.put_bucket_policy(Bucket=store.bucket, Policy=policy)


def find_problems(store: Store, *, direct: bool = True, **settings: Any) -> list[str]:
    valid, problems = store.backend(direct=direct, **settings).validate_configuration()
    assert valid is (problems == [])
    return problems


@pytest.fixture
def open_store(radosgw_server: RadosGateway) -> Store:
    """A bucket of the strict server with the right CORS rule."""
    store = new_store(radosgw_server)
    allow_browsers(store, "POST", "PUT")
    return store


@pytest.fixture
def stranger(radosgw_server: RadosGateway) -> S3User:
    return radosgw_server.create_user(f"user-{uuid.uuid4().hex}")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"bucket_name": "no-such-bucket-anywhere"}, "The bucket does not exist. Create it, or correct bucket_name."),
        ({"secret_access_key": "wrong"}, "secret_access_key does not match access_key_id."),
        ({"access_key_id": "nobody"}, "The storage does not know this access_key_id."),
        (
            {"access_key_id": None, "secret_access_key": None},
            "No S3 credentials found: set access_key_id and secret_access_key, or provide them in the environment.",
        ),
    ],
)
def test_wrong_bucket_and_credentials_are_named(open_store: Store, settings: dict[str, Any], problem: str) -> None:
    assert find_problems(open_store, **settings) == [problem]


def test_half_a_pair_of_keys_in_the_environment_is_named(open_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", open_store.server.access_key_id)

    assert find_problems(open_store, access_key_id=None, secret_access_key=None) == [
        "The environment has only half of the access keys: AWS_SECRET_ACCESS_KEY is not set."
    ]


def test_an_unreachable_storage_is_named(open_store: Store) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    assert find_problems(open_store, endpoint_url=url) == [f"The storage ({url}) does not respond."]


@on("ministack", "moto", quick=1)
def test_another_region_is_named(store: Store) -> None:
    """moto serves the bucket anyway; the SDK does not follow the region that ministack returns"""
    allow_browsers(store, "POST", "PUT")
    sentences = {
        "moto": "The bucket is in the region us-east-1, not in eu-west-3. Set region_name.",
        "ministack": "The bucket is in another region. Set region_name.",
    }

    assert sentences[store.server.name] in find_problems(store, region_name="eu-west-3")


AES256 = {"server_side_encryption": "AES256"}
WITH_CHECKSUMS = ["content-type", "x-amz-checksum-*"]


@on("radosgw", "ministack", "moto", quick=1)
@pytest.mark.parametrize(
    ("methods", "headers", "settings", "problems"),
    [
        ("", [], {}, [NO_POST, NO_PUT]),
        ("", [], PUT, [NO_PUT_WITH_CHECKSUMS]),
        ("", [], {"direct": False}, []),
        ("PUT GET", ["Content-Type"], {}, [NO_POST]),
        ("POST PUT", ["x-other"], {}, [NO_POST, NO_PUT]),
        ("POST PUT", WITH_CHECKSUMS, AES256, []),
        ("POST PUT", WITH_CHECKSUMS, PUT, []),
        ("POST PUT", WITH_CHECKSUMS, {**PUT, **AES256}, [NO_PUT_ENCRYPTED]),
        ("PUT", ["*"], {**PUT, **AES256}, []),
    ],
)
def test_a_missing_cors_rule_is_named(
    store: Store, methods: str, headers: list[str], settings: dict[str, Any], problems: list[str]
) -> None:
    """With the headers that it must allow. Checksum and encryption are headers of a PUT, and fields of a form."""
    if methods:
        allow_browsers(store, *methods.split(), headers=headers)

    assert find_problems(store, **settings) == problems


@on("radosgw", "ministack", "moto", quick=1)
def test_an_origin_without_a_rule_is_named(store: Store) -> None:
    """If ALLOWED_ORIGINS is set."""
    others = ["https://admin.example.com", "https://app.example.com.evil.example"]

    def missing(*pages: str) -> list[str]:
        rule = "No CORS rule of the bucket allows {} from {} with the header Content-Type, so browsers cannot upload."
        return [rule.format(method, page) for method in ("POST", "PUT") for page in pages]

    known = {**django_settings.FILEMAN_SETTINGS, "ALLOWED_ORIGINS": [PAGE, *others]}
    with override_settings(FILEMAN_SETTINGS=known):
        allow_browsers(store, "POST", "PUT")
        assert find_problems(store) == missing(*others)

        allow_browsers(store, "POST", "PUT", origin="https://*.example.com")
        assert find_problems(store) == missing(others[1])

        allow_browsers(store, "POST", "PUT", origin="*")
        assert find_problems(store) == []


@on("rclone")
def test_a_store_without_post_is_named(store: Store) -> None:
    assert find_problems(store, upload_method="post") == [
        'The storage rejects POST uploads (status 400). Set upload_method to "put".'
    ]


def versioned(store: Store) -> Store:
    store.client.put_bucket_versioning(Bucket=store.bucket, VersioningConfiguration={"Status": "Enabled"})
    return store


PERMISSIONS = [
    "s3:ListBucket", "s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts", "s3:ListBucketMultipartUploads", "s3:GetBucketCORS",
]  # fmt: skip
VERSION_PERMISSIONS = ["s3:ListBucketVersions", "s3:DeleteObjectVersion"]


@pytest.mark.parametrize("lacking", [*PERMISSIONS, *VERSION_PERMISSIONS])
def test_a_missing_permission_is_named(open_store: Store, stranger: S3User, lacking: str) -> None:
    store = versioned(open_store) if lacking in VERSION_PERMISSIONS else open_store
    grant_all_but(store, stranger, lacking)
    keys: dict[str, Any] = {"access_key_id": stranger.access_key_id, "secret_access_key": stranger.secret_access_key}

    found = find_problems(store, **keys)

    assert f"The credentials lack the permission {lacking}." in found
    assert all(problem.startswith(("The credentials lack", "The storage rejects POST")) for problem in found)
    assert lacking in PERMISSIONS or len(found) == 1


@on("radosgw", "ministack", "moto", quick=1)
def test_a_bucket_that_keeps_versions_keeps_none_of_the_probes(store: Store) -> None:
    allow_browsers(versioned(store), "POST", "PUT")

    assert find_problems(store) == []

    listed = store.client.list_object_versions(Bucket=store.bucket)
    assert (listed.get("Versions", []), listed.get("DeleteMarkers", [])) == ([], [])
    assert store.unfinished_uploads() == []


def test_the_probes_stay_below_the_folder_of_uploads(open_store: Store) -> None:
    """So the lifecycle rule removes them if a deletion fails."""
    backend = open_store.backend()
    written: list[str] = []
    events = backend._client.sdk.meta.events
    for operation in ("PutObject", "CopyObject", "CreateMultipartUpload", "DeleteObject"):
        events.register(f"before-parameter-build.s3.{operation}", lambda params, **_: written.append(params["Key"]))

    backend.validate_configuration()

    assert len(written) == 5
    assert all(key.startswith(f"{PREFIX}.uploads/") and "probe-" in key for key in written)


@on("radosgw", "ministack", "moto", quick=2)
def test_a_bucket_with_a_default_retention_is_named_and_gets_no_probes(store: Store) -> None:
    bucket = create_locked_bucket(store)

    assert find_problems(store, direct=False, bucket_name=bucket) == [
        "The default retention (Object Lock) of the bucket keeps its objects, so deletions wait until it allows them. "
        "No test objects were written."
    ]
    listed = store.client.list_object_versions(Bucket=bucket)
    assert (listed.get("Versions", []), listed.get("DeleteMarkers", [])) == ([], [])
