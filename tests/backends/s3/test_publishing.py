"""From the verified object to the file: conditions of the copy, comparison, encryption, versions."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
import requests
from botocore.awsrequest import AWSPreparedRequest
from django.test import override_settings

from fileman.backends.s3.backend import S3Backend
from fileman.backends.s3.objects import computed_checksums, same_bytes
from fileman.backends.values import StoredObject
from fileman.errors import ChecksumMismatch, FileMissing, ObjectChanged, SizeMismatch
from tests.backends.s3.stores import BODY, PART_BYTES, Store, budget, checksum_of, on, send, upload_of, uploaded

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
    backend.publish(upload, backend.assemble(upload, budget()), budget())

    assert requests.get(backend.get_url(upload.file_path), timeout=10).content == BODY


@on("radosgw", "ministack")
def test_a_copy_that_cannot_be_compared_counts_only_if_the_store_honours_pins(store: Store, server_name: str) -> None:
    """As with KMS, where each copy has a new ETag. Here the ETag of the source is not the MD5 of its bytes."""
    backend = store.backend()
    upload = upload_of(len(BODY))
    _put_in_parts(store, upload.upload_path)
    verified = backend.stat(upload.upload_path)
    assert verified.checksums == {}

    if server_name == "ministack":
        assert backend.publish(upload, verified, budget()).size == len(BODY)
        assert served(backend, upload.file_path) == BODY
    else:
        with pytest.raises(ObjectChanged):
            backend.publish(upload, replace(verified, etag="00000000000000000000000000000000-1"), budget())
        assert not store.has(upload.file_path)


def _put_in_parts(store: Store, key: str) -> None:
    """An object whose ETag is not the MD5 of its bytes."""
    named = {"Bucket": store.bucket, "Key": key}
    upload_id = store.client.create_multipart_upload(**named, ContentType="text/plain")["UploadId"]
    part = store.client.upload_part(**named, UploadId=upload_id, PartNumber=1, Body=BODY)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    store.client.complete_multipart_upload(**named, UploadId=upload_id, MultipartUpload=parts)


@on("radosgw", "ministack", "moto", "rclone")
@pytest.mark.parametrize(("existing", "error"), [(OTHER_BODY, ChecksumMismatch), (BODY * 2, SizeMismatch)])
def test_another_object_at_the_file_path_fails_the_file(store: Store, existing: bytes, error: type[Exception]) -> None:
    backend = store.backend()
    upload = uploaded(backend)
    store.client.put_object(Bucket=store.bucket, Key=upload.file_path, Body=existing)

    with pytest.raises(error, match="Another file is already stored"):
        backend.publish(upload, backend.assemble(upload, budget()), budget())

    assert served(backend, upload.file_path) == existing


@on("radosgw", "ministack", "moto")
def test_a_store_is_known_to_honour_pins_once_tried(store: Store, server_name: str) -> None:
    backend = store.backend()
    upload = uploaded(backend)

    assert backend._objects.honours_pins(upload.upload_path) is (server_name == "ministack")


@on("radosgw", "ministack", "moto", "rclone")
def test_publishing_a_deleted_upload_finds_nothing(store: Store) -> None:
    backend = store.backend()
    upload = uploaded(backend)
    verified = backend.assemble(upload, budget())
    backend.delete([upload.upload_path])

    with pytest.raises(FileMissing):
        backend.publish(upload, verified, budget())

    assert not store.has(upload.file_path)


@on("radosgw", "moto")
def test_unsigned_headers_of_a_client_are_not_published(store: Store) -> None:
    """Finalize refuses an encoding, and the copy drops it. ministack and rclone keep it."""
    backend = store.backend(upload_method="put")
    upload = upload_of(len(BODY))
    headers = {"Content-Encoding": "gzip", "Content-Disposition": "inline", "x-amz-meta-mine": "1"}
    send(backend.instructions(upload, [upload.slice(1)])[0], BODY, headers=headers)
    verified = backend.assemble(upload, budget())

    published = backend.publish(upload, verified, budget())

    head = store.head(upload.file_path) or {}
    assert verified.content_encoding == "gzip"
    assert (published.content_encoding, published.content_type) == ("", "text/plain")
    assert (head.get("ContentDisposition"), head["Metadata"]) == (None, {})


@on("moto", "ministack", "radosgw")
def test_aes256_is_requested_for_the_upload_and_for_the_copy(store: Store) -> None:
    backend = store.backend(server_side_encryption="AES256")
    upload = uploaded(backend)

    backend.publish(upload, backend.assemble(upload, budget()), budget())

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

    stored = [backend.assemble(upload, budget()), backend.assemble(in_parts, budget())]

    for found in stored:
        head = store.head(found.path) or {}
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "testkey-1")
        assert (found.checksums, served(backend, found.path)) == ({}, BODY)


@on("ministack", "moto")
@WITH_PROJECT_KEY
def test_kms_is_requested_for_the_copy_with_the_same_key(store: Store) -> None:
    backend = store.backend(server_side_encryption="aws:kms", upload_method="put")
    upload = uploaded(backend)

    published = backend.publish(upload, backend.assemble(upload, budget()), budget())

    head = store.head(upload.file_path) or {}
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "testkey-1")
    assert published.checksums == {}


@on("ministack")
@WITH_PROJECT_KEY
def test_the_copy_sends_every_condition_and_property(store: Store) -> None:
    """Source ETag, create-only, new metadata, encryption with its key, checksum algorithm."""
    backend = store.backend(server_side_encryption="aws:kms", upload_method="put")
    upload = uploaded(backend, checksum=checksum_of(BODY, "sha256"))
    verified = backend.assemble(upload, budget())
    sent: list[dict[str, str]] = []

    def note(request: AWSPreparedRequest, **_: Any) -> None:
        texts = (
            (name, value.decode() if isinstance(value, bytes) else value) for name, value in request.headers.items()
        )
        sent.append({name.lower(): value for name, value in texts})

    backend._client.sdk.meta.events.register("before-send.s3.CopyObject", note)
    backend.publish(upload, verified, budget())

    [headers] = sent
    of_http = {"user-agent", "authorization", "content-length", "amz-sdk-invocation-id", "amz-sdk-request"}
    assert {name: value for name, value in headers.items() if name not in of_http | {"x-amz-date"}} == {
        "x-amz-copy-source": f"{store.bucket}/{upload.upload_path}",
        "x-amz-copy-source-if-match": f'"{verified.etag}"',
        "if-none-match": "*",
        "x-amz-metadata-directive": "REPLACE",
        "content-type": "text/plain",
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "testkey-1",
        "x-amz-checksum-algorithm": "SHA256",
        "x-amz-content-sha256": hashlib.sha256(b"").hexdigest(),
    }


@on("radosgw")
@WITH_PROJECT_KEY
def test_a_store_that_cannot_copy_encrypted_objects_is_diagnosed(store: Store) -> None:
    """Ceph 16 cannot."""
    valid, problems = store.backend(server_side_encryption="aws:kms").validate_configuration()

    assert not valid
    assert "The storage returned 501 NotImplemented for s3:GetObject with s3:PutObject (copy)." in problems


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
def test_the_sha256_that_the_storage_computed_is_reported_and_kept_by_the_copy(store: Store) -> None:
    backend = store.backend(upload_method="put")
    upload = uploaded(backend, checksum=checksum_of(BODY, "sha256"))

    verified = backend.assemble(upload, budget())
    published = backend.publish(upload, verified, budget())

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


def test_two_objects_are_compared_by_their_common_checksums() -> None:
    one = StoredObject(path="a", size=3, etag="e", checksums={"md5": "m", "sha256": "s"})

    assert same_bytes(one, replace(one, size=4)) is False
    assert same_bytes(one, replace(one, etag="f", checksums={"md5": "m"})) is True
    assert same_bytes(one, replace(one, checksums={"md5": "m", "sha256": "t"})) is False
    assert same_bytes(one, replace(one, checksums={})) is True
    assert same_bytes(one, replace(one, etag="f", checksums={})) is None


def test_the_trusted_checksums_depend_on_the_configuration() -> None:
    """Only those of AWS, and an ETag except under KMS."""

    def single(**settings: Any) -> frozenset[str]:
        config = {"bucket_name": "my-bucket", **settings}
        return S3Backend.settings_class(**config).single_checksums

    assert single() == {"sha256", "crc32c", "md5"}
    assert single(server_side_encryption="aws:kms") == {"sha256", "crc32c"}
    assert single(endpoint_url="https://s3.example.com") == {"md5"}
    assert single(endpoint_url="https://s3.example.com", server_side_encryption="aws:kms") == frozenset()
