"""The published file: its metadata, encryption and checksums, and the deletion of its versions."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from fileman.backends.s3.backend import S3Backend
from fileman.backends.s3.objects import computed_checksums
from fileman.backends.s3.settings import S3Settings
from fileman.errors import FileMissing
from tests.backends.s3.stores import PART_BYTES, Store, as_on_aws, assembled, create_locked_bucket, on, uploaded
from tests.backends.uploads import BODY, checksum_of, read, send, upload_of
from tests.servers.proxy import Proxy

OTHER_BODY = BODY[::-1]


@on("radosgw", "ministack", "rclone")
def test_publishing_a_deleted_upload_finds_nothing(store: Store, backend: S3Backend) -> None:
    upload, verified = assembled(backend)
    backend.delete([upload.upload_path])

    with pytest.raises(FileMissing):
        backend.publish(upload, verified)

    assert not store.has(upload.file_path)


@on("radosgw", "moto")
def test_unsigned_headers_of_a_client_are_not_published(store: Store) -> None:
    """Finalize refuses an encoding, and the copy drops it. ministack and rclone keep it."""
    backend = store.backend(upload_method="put")
    upload = upload_of(len(BODY))
    headers = {"Content-Encoding": "gzip", "Content-Disposition": "inline", "x-amz-meta-mine": "1"}
    send(backend.instructions(upload, [upload.slice(1)])[0], BODY, headers=headers)
    verified = backend.assemble(upload)

    published = backend.publish(upload, verified)

    head = store.head(upload.file_path) or {}
    assert verified.content_encoding == "gzip"
    assert (published.content_encoding, published.content_type) == ("", "text/plain")
    assert head.get("ContentDisposition") == upload.content_disposition
    assert head["Metadata"] == {"fileman-md5": verified.etag}


WITH_PROJECT_KEY = override_settings(
    FILEMAN_SETTINGS={**settings.FILEMAN_SETTINGS, "ALLOW_INSECURE_ENDPOINTS": True, "KMS_KEY_ID": "testkey-1"}
)


@WITH_PROJECT_KEY
def test_the_key_of_the_settings_counts_before_the_one_of_the_project() -> None:
    for key, used in (("from-the-manager", "from-the-manager"), (None, "testkey-1")):
        by_kms = S3Settings(bucket_name="b", server_side_encryption="aws:kms", kms_key_id=key)
        assert by_kms.encryption_arguments()["SSEKMSKeyId"] == used


@on("radosgw")
@pytest.mark.parametrize("upload_method", ["post", "put"])
@WITH_PROJECT_KEY
def test_kms_encrypts_what_clients_send(store: Store, upload_method: str) -> None:
    """And the copy, which Ceph 16 makes only of parts then. An ETag under KMS is never taken for an MD5."""
    backend = store.backend(server_side_encryption="aws:kms", upload_method=upload_method)
    upload = uploaded(backend)
    in_parts = upload_of(len(BODY), part_size=PART_BYTES)
    in_parts = replace(in_parts, begun=backend.begin(in_parts, origin=None))
    send(backend.instructions(in_parts, list(in_parts.slices()))[0], BODY)

    verified = backend.assemble(upload)
    for found in (verified, backend.publish(upload, verified), backend.assemble(in_parts)):
        head = store.head(found.path) or {}
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "testkey-1")
        assert (found.checksums, read(backend, found.path)) == ({}, BODY)
    assert store.backend(server_side_encryption="aws:kms", direct=False).validate_configuration() == (True, [])


@on("ministack")
@WITH_PROJECT_KEY
def test_the_copy_on_aws_sends_every_condition_and_property(store: Store, proxy: Proxy) -> None:
    """Source ETag, new metadata, encryption with its key, checksum algorithm."""
    backend = store.backend(endpoint_url=proxy.url, server_side_encryption="aws:kms", upload_method="put")
    upload, verified = assembled(backend, checksum=checksum_of(BODY, "sha256"))
    proxy.seen.clear()

    published = as_on_aws(backend).publish(upload, verified)

    assert [seen.method for seen in proxy.seen] == ["PUT", "HEAD"]
    assert published.checksums["sha256"] == verified.checksums["sha256"] == checksum_of(BODY, "sha256").hexdigest
    headers = {name.lower(): value for name, value in proxy.seen[-2].headers}
    assert {name: value for name, value in headers.items() if name.startswith(("x-amz-", "content-type"))} == {
        "x-amz-copy-source": f"{store.bucket}/{upload.upload_path}",
        "x-amz-copy-source-if-match": f'"{verified.etag}"',
        "x-amz-metadata-directive": "REPLACE",
        "content-type": "text/plain",
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "testkey-1",
        "x-amz-checksum-algorithm": "SHA256",
        "x-amz-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-amz-date": headers["x-amz-date"],
    }


@on("radosgw", "ministack", "moto", quick=2)
def test_deletion_removes_every_version(store: Store, backend: S3Backend) -> None:
    store.client.put_bucket_versioning(Bucket=store.bucket, VersioningConfiguration={"Status": "Enabled"})
    upload = uploaded(backend)
    send(backend.instructions(upload, [upload.slice(1)])[0], OTHER_BODY)
    kept = f"{upload.upload_path}-longer"
    store.client.put_object(Bucket=store.bucket, Key=kept, Body=BODY)
    assert backend.stat(upload.upload_path).version != ""

    failures = backend.delete([upload.upload_path, "tenant/absent"])

    listed = store.client.list_object_versions(Bucket=store.bucket)
    left = [entry["Key"] for entry in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]]
    assert (failures, left) == ([], [kept])


@on("seaweedfs")
def test_a_deletion_is_not_confirmed_if_the_versions_are_not_listed(store: Store, backend: S3Backend) -> None:
    """SeaweedFS lists none in folders named .uploads, where the bytes of a deleted object stay."""
    store.client.put_bucket_versioning(Bucket=store.bucket, VersioningConfiguration={"Status": "Enabled"})
    upload, verified = assembled(backend)
    published = backend.publish(upload, verified)

    failures = backend.delete([upload.upload_path, published.path])

    assert [(failure.path, failure.reason) for failure in failures] == [(upload.upload_path, "VersionsNotListed")]
    kept = store.client.get_object(Bucket=store.bucket, Key=upload.upload_path, VersionId=verified.version)
    assert kept["Body"].read() == BODY
    assert "Versions" not in store.client.list_object_versions(Bucket=store.bucket)


@on("radosgw", "seaweedfs", "ministack", "moto", quick=3)
def test_an_object_that_is_locked_stays_deleted_behind_its_marker(store: Store) -> None:
    """Its version is refused, however often deletion is tried, and nobody can read it by its name."""
    bucket = create_locked_bucket(store)
    md5 = checksum_of(BODY, "md5").base64
    store.client.put_object(Bucket=bucket, Key="tenant/uploads/a", Body=BODY, ContentMD5=md5)
    backend = store.backend(bucket_name=bucket)

    for _ in range(2):
        assert [failure.path for failure in backend.delete(["tenant/uploads/a"])] == ["tenant/uploads/a"]

    assert backend.find("tenant/uploads/a") is None
    listed = store.client.list_object_versions(Bucket=bucket)
    assert (len(listed["Versions"]), len(listed["DeleteMarkers"])) == (1, 1)


MD5, OTHER_MD5 = checksum_of(BODY, "md5").hexdigest, checksum_of(OTHER_BODY, "md5").hexdigest
SHA256, CRC32C = checksum_of(BODY, "sha256"), checksum_of(BODY, "crc32c")
COMPUTED = {"ETag": f'"{MD5}"', "ChecksumSHA256": SHA256.base64, "ChecksumCRC32C": CRC32C.base64}
OF_ONE_PART = f'"{hashlib.md5(bytes.fromhex(MD5), usedforsecurity=False).hexdigest()}-1"'
COPIED = {"ETag": OF_ONE_PART, "Metadata": {"fileman-md5": MD5}}
WHOLE = {"sha256": SHA256.hexdigest, "crc32c": CRC32C.hexdigest, "md5": MD5}
HEADS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "over the whole object": ({**COMPUTED, "ChecksumType": "FULL_OBJECT"}, WHOLE),
    "of checksums of parts": ({**COMPUTED, "ChecksumType": "COMPOSITE"}, {"md5": MD5}),
    "of unknown type": (COMPUTED, {"md5": MD5}),
    "an ETag of parts": ({"ETag": f'"{MD5}-2"'}, {}),
    "an ETag under KMS": ({"ETag": f'"{MD5}"', "ServerSideEncryption": "aws:kms"}, {}),
    "an ETag under KMS twice": ({"ETag": f'"{MD5}"', "ServerSideEncryption": "aws:kms:dsse"}, {}),
    "an ETag under the client's key": ({"ETag": f'"{MD5}"', "SSECustomerAlgorithm": "AES256"}, {}),
    "an ETag under the storage's key": ({"ETag": f'"{MD5}"', "ServerSideEncryption": "AES256"}, {"md5": MD5}),
    "an MD5 that the ETag of one part proves": (COPIED, {"md5": MD5}),
    "a client's claim for other bytes": ({**COPIED, "Metadata": {"fileman-md5": OTHER_MD5}}, {}),
    "a client's claim of no MD5": ({**COPIED, "Metadata": {"fileman-md5": "no MD5"}}, {}),
    "an MD5 beside the ETag of two parts": ({**COPIED, "ETag": OF_ONE_PART.replace("-1", "-2")}, {}),
    "an MD5 under KMS": ({**COPIED, "ServerSideEncryption": "aws:kms"}, {}),
}


@pytest.mark.parametrize(("head", "expected"), HEADS.values(), ids=HEADS)
def test_only_checksums_of_the_whole_object_by_a_storage_count(head: dict[str, Any], expected: dict[str, str]) -> None:
    assert computed_checksums(head) == expected


def test_the_trusted_checksums_depend_on_the_configuration() -> None:
    """Only those of AWS, and an ETag except under KMS."""

    def single(**settings: Any) -> frozenset[str]:
        config = {"bucket_name": "my-bucket", **settings}
        return S3Backend.settings_class(**config).single_checksums

    assert single() == {"sha256", "crc32c", "md5"}
    assert single(server_side_encryption="aws:kms") == {"sha256", "crc32c"}
    assert single(endpoint_url="https://s3.example.com") == {"md5"}
    assert single(endpoint_url="https://s3.example.com", server_side_encryption="aws:kms") == frozenset()
