"""The published file: its metadata, encryption and checksums, and the deletion of its versions."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
import requests
from botocore.awsrequest import AWSPreparedRequest
from django.test import override_settings

from fileman.backends.s3.backend import S3Backend
from fileman.backends.s3.objects import computed_checksums
from fileman.errors import FileMissing
from tests.backends.s3.stores import (
    BODY,
    PART_BYTES,
    Store,
    checksum_of,
    copies_as_on_aws,
    on,
    send,
    upload_of,
    uploaded,
)

OTHER_BODY = BODY[::-1]


def served(backend: S3Backend, path: str) -> bytes:
    return b"".join(backend.read(path))


@on("radosgw")
def test_a_file_manager_without_keys_works_with_those_of_the_environment(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", store.server.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", store.server.secret_access_key)
    backend = store.backend(access_key_id=None, secret_access_key=None)

    upload = uploaded(backend)
    backend.publish(upload, backend.assemble(upload))

    assert requests.get(backend.get_url(upload.file_path), timeout=10).content == BODY


@on("radosgw", "ministack", "rclone")
def test_publishing_a_deleted_upload_finds_nothing(store: Store) -> None:
    backend = store.backend()
    upload = uploaded(backend)
    verified = backend.assemble(upload)
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
    assert (head.get("ContentDisposition"), head["Metadata"]) == (None, {"fileman-md5": verified.etag})


@on("moto", "ministack", "radosgw")
def test_aes256_is_requested_for_the_upload_and_for_the_copy(store: Store) -> None:
    backend = store.backend(server_side_encryption="AES256")
    upload = uploaded(backend)

    backend.publish(upload, backend.assemble(upload))

    file = store.head(upload.file_path) or {}
    assert file.get("ServerSideEncryption") == (None if store.server.name == "radosgw" else "AES256")
    if store.server.name == "ministack":  # moto forgets the field of a form
        assert (store.head(upload.upload_path) or {})["ServerSideEncryption"] == "AES256"


WITH_PROJECT_KEY = override_settings(FILEMAN_SETTINGS={"ALLOW_INSECURE_ENDPOINTS": True, "KMS_KEY_ID": "testkey-1"})


@on("radosgw")
@pytest.mark.parametrize("upload_method", ["post", "put"])
@WITH_PROJECT_KEY
def test_kms_encrypts_what_clients_send(store: Store, upload_method: str) -> None:
    """And an ETag under KMS is never taken for an MD5."""
    backend = store.backend(server_side_encryption="aws:kms", upload_method=upload_method)
    upload = uploaded(backend)
    in_parts = upload_of(len(BODY), part_size=PART_BYTES)
    in_parts = replace(in_parts, begun=backend.begin(in_parts, origin=None))
    send(backend.instructions(in_parts, list(in_parts.slices()))[0], BODY)

    stored = [backend.assemble(upload), backend.assemble(in_parts)]

    for found in stored:
        head = store.head(found.path) or {}
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "testkey-1")
        assert (found.checksums, served(backend, found.path)) == ({}, BODY)


@on("ministack", "moto")
@WITH_PROJECT_KEY
def test_kms_is_requested_for_the_copy_with_the_same_key(store: Store) -> None:
    backend = store.backend(server_side_encryption="aws:kms", upload_method="put")
    upload = uploaded(backend)

    published = backend.publish(upload, backend.assemble(upload))

    head = store.head(upload.file_path) or {}
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "testkey-1")
    assert published.checksums == {}


@on("ministack")
@WITH_PROJECT_KEY
def test_the_copy_on_aws_sends_every_condition_and_property(store: Store) -> None:
    """Source ETag, new metadata, encryption with its key, checksum algorithm."""
    backend = store.backend(server_side_encryption="aws:kms", upload_method="put")
    upload = uploaded(backend, checksum=checksum_of(BODY, "sha256"))
    verified = backend.assemble(upload)
    sent: list[dict[str, str]] = []

    def note(request: AWSPreparedRequest, **_: Any) -> None:
        texts = (
            (name, value.decode() if isinstance(value, bytes) else value) for name, value in request.headers.items()
        )
        sent.append({name.lower(): value for name, value in texts})

    backend._client.sdk_once.meta.events.register("before-send.s3.CopyObject", note)
    copies_as_on_aws(backend).publish(upload, verified)

    [headers] = sent
    of_http = {"user-agent", "authorization", "content-length", "amz-sdk-invocation-id", "amz-sdk-request"}
    assert {name: value for name, value in headers.items() if name not in of_http | {"x-amz-date"}} == {
        "x-amz-copy-source": f"{store.bucket}/{upload.upload_path}",
        "x-amz-copy-source-if-match": f'"{verified.etag}"',
        "x-amz-metadata-directive": "REPLACE",
        "content-type": "text/plain",
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "testkey-1",
        "x-amz-checksum-algorithm": "SHA256",
        "x-amz-content-sha256": hashlib.sha256(b"").hexdigest(),
    }


@on("radosgw")
@WITH_PROJECT_KEY
def test_a_store_that_copies_encrypted_objects_only_as_parts_works(store: Store) -> None:
    """Ceph 16 refuses CopyObject of objects that it encrypts with KMS."""
    backend = store.backend(server_side_encryption="aws:kms")
    upload = uploaded(backend)

    published = backend.publish(upload, backend.assemble(upload))

    head = store.head(upload.file_path) or {}
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"], head["Metadata"]) == ("aws:kms", "testkey-1", {})
    assert (published.checksums, served(backend, upload.file_path)) == ({}, BODY)
    assert store.backend(server_side_encryption="aws:kms", direct=False).validate_configuration() == (True, [])


@on("radosgw", "ministack", "moto")
def test_deletion_removes_every_version(store: Store) -> None:
    store.client.put_bucket_versioning(Bucket=store.bucket, VersioningConfiguration={"Status": "Enabled"})
    backend = store.backend()
    upload = uploaded(backend)
    send(backend.instructions(upload, [upload.slice(1)])[0], OTHER_BODY)
    kept = f"{upload.upload_path}-longer"
    store.client.put_object(Bucket=store.bucket, Key=kept, Body=BODY)
    assert backend.stat(upload.upload_path).version != ""

    failures = backend.delete([upload.upload_path, "tenant/absent"])

    listed = store.client.list_object_versions(Bucket=store.bucket)
    left = [entry["Key"] for entry in [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]]
    assert (failures, left) == ([], [kept])


@on("ministack")
def test_the_sha256_that_the_storage_computed_is_reported_and_kept_by_the_copy_on_aws(store: Store) -> None:
    backend = store.backend(upload_method="put")
    upload = uploaded(backend, checksum=checksum_of(BODY, "sha256"))

    verified = backend.assemble(upload)
    published = copies_as_on_aws(backend).publish(upload, verified)

    sha256 = checksum_of(BODY, "sha256").hexdigest
    assert (verified.checksums["sha256"], published.checksums["sha256"]) == (sha256, sha256)


def test_only_checksums_of_the_whole_object_by_the_storage_count() -> None:
    """No composite one, no ETag of parts, no ETag under KMS, none of unknown type."""
    sha256, crc32c = checksum_of(BODY, "sha256"), checksum_of(BODY, "crc32c")
    md5 = checksum_of(BODY, "md5").hexdigest
    head = {"ETag": f'"{md5}"', "ChecksumSHA256": sha256.base64, "ChecksumCRC32C": crc32c.base64}

    assert computed_checksums({**head, "ChecksumType": "FULL_OBJECT"}) == {
        "sha256": sha256.hexdigest,
        "crc32c": crc32c.hexdigest,
        "md5": md5,
    }
    assert computed_checksums({**head, "ChecksumType": "COMPOSITE"}) == {"md5": md5}
    assert computed_checksums(head) == {"md5": md5}
    assert computed_checksums({"ETag": f'"{md5}-2"'}) == {}
    assert computed_checksums({"ETag": f'"{md5}"', "ServerSideEncryption": "aws:kms"}) == {}
    assert computed_checksums({"ETag": f'"{md5}"', "ServerSideEncryption": "aws:kms:dsse"}) == {}
    assert computed_checksums({"ETag": f'"{md5}"', "SSECustomerAlgorithm": "AES256"}) == {}
    assert computed_checksums({"ETag": f'"{md5}"', "ServerSideEncryption": "AES256"}) == {"md5": md5}


def test_the_etag_of_an_object_in_one_part_proves_the_md5_that_its_metadata_names() -> None:
    """The claim of a client that sets this metadata for other bytes does not count."""
    md5, other = checksum_of(BODY, "md5").hexdigest, checksum_of(OTHER_BODY, "md5").hexdigest
    etag = f'"{hashlib.md5(bytes.fromhex(md5), usedforsecurity=False).hexdigest()}-1"'

    def proven(claim: str, etag: str = etag, **head: Any) -> dict[str, str]:
        return computed_checksums({"ETag": etag, "Metadata": {"fileman-md5": claim}, **head})

    assert proven(md5) == {"md5": md5}
    assert proven(other) == {}
    assert proven("no MD5") == {}
    assert proven(md5, etag=etag.replace("-1", "-2")) == {}
    assert proven(md5, ServerSideEncryption="aws:kms") == {}


def test_the_trusted_checksums_depend_on_the_configuration() -> None:
    """Only those of AWS, and an ETag except under KMS."""

    def single(**settings: Any) -> frozenset[str]:
        config = {"bucket_name": "my-bucket", **settings}
        return S3Backend.settings_class(**config).single_checksums

    assert single() == {"sha256", "crc32c", "md5"}
    assert single(server_side_encryption="aws:kms") == {"sha256", "crc32c"}
    assert single(endpoint_url="https://s3.example.com") == {"md5"}
    assert single(endpoint_url="https://s3.example.com", server_side_encryption="aws:kms") == frozenset()
