"""What each S3 server refuses and what it lets pass, by exact status.

The other tests rely on these refusals, so a server that becomes lax in an upgrade must be noticed here. Where a server
accepts what AWS refuses, that is asserted too: a test that is green on it proves nothing about the rule.
"""

import base64
import hashlib
import json
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.servers.endpoints import S3Server
from tests.servers.radosgw import RadosGateway

BODY = b"0123456789"
ORIGIN = "http://page.example"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A fresh bucket of one server, and a client of it."""

    server: S3Server
    client: Any
    name: str

    def put_url(self, **parameters: Any) -> str:
        url: str = self.client.generate_presigned_url(
            "put_object", Params={"Bucket": self.name, "Key": "file", **parameters}, ExpiresIn=60
        )
        return url

    def post(self, *, lasting_seconds: int = 60, fields: dict[str, str] | None = None, body: bytes = BODY) -> int:
        """The status of a presigned POST that allows up to 10 bytes of text/plain, with some of its fields changed."""
        form = self.client.generate_presigned_post(
            self.name,
            "file",
            Fields={"Content-Type": "text/plain"},
            Conditions=[{"Content-Type": "text/plain"}, ["content-length-range", 5, 10]],
            ExpiresIn=lasting_seconds,
        )
        data = {**form["fields"], **(fields or {})}
        return requests.post(form["url"], data=data, files={"file": ("file", body)}, timeout=10).status_code

    def has(self, key: str) -> bool:
        return "Contents" in self.client.list_objects_v2(Bucket=self.name, Prefix=key)


def client_of(server: S3Server) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        region_name=server.region_name,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def status_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@pytest.fixture
def bucket(request: pytest.FixtureRequest, server_name: str) -> Bucket:
    server: S3Server = request.getfixturevalue(f"{server_name}_server")
    name = f"b{uuid.uuid4().hex}"
    client = client_of(server)
    client.create_bucket(Bucket=name)
    return Bucket(server=server, client=client, name=name)


def on(**statuses: int) -> pytest.MarkDecorator:
    """Run the test once for each server, with the status that this one gives."""
    return pytest.mark.parametrize(("server_name", "status"), statuses.items(), ids=statuses)


def on_radosgw() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("server_name", ["radosgw"])


@pytest.mark.parametrize("server_name", ["moto", "radosgw", "ministack", "rclone"])
def test_what_is_put_can_be_got(bucket: Bucket) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key="a/b", Body=BODY)

    assert bucket.client.get_object(Bucket=bucket.name, Key="a/b")["Body"].read() == BODY


@pytest.mark.parametrize("server_name", ["moto", "radosgw", "ministack", "rclone"])
def test_a_presigned_put_as_signed_is_accepted(bucket: Bucket) -> None:
    url = bucket.put_url(ContentType="text/plain", ContentLength=10)

    answer = requests.put(url, data=BODY, headers={"Content-Type": "text/plain"}, timeout=10)

    assert answer.status_code == 200
    assert bucket.has("file")


@on(moto=200, radosgw=403, ministack=403, rclone=403)
def test_a_presigned_put_with_a_tampered_signature(bucket: Bucket, status: int) -> None:
    url = bucket.put_url()
    tampered = url[:-1] + ("0" if url[-1] != "0" else "1")

    assert requests.put(tampered, data=BODY, timeout=10).status_code == status
    assert bucket.has("file") is (status == 200)


@on(moto=200, radosgw=403, ministack=403, rclone=403)
def test_a_presigned_put_to_another_key(bucket: Bucket, status: int) -> None:
    other = bucket.put_url().replace("/file?", "/other?")

    assert requests.put(other, data=BODY, timeout=10).status_code == status
    assert bucket.has("other") is (status == 200)


@on(moto=200, radosgw=403, ministack=403, rclone=400)
def test_an_expired_presigned_put(bucket: Bucket, status: int) -> None:
    with patch("botocore.auth.get_current_datetime", return_value=datetime.now(UTC) - timedelta(hours=1)):
        url = bucket.put_url()

    assert requests.put(url, data=BODY, timeout=10).status_code == status
    assert bucket.has("file") is (status == 200)


@on(moto=200, radosgw=403, ministack=403, rclone=403)
def test_a_presigned_put_longer_than_signed(bucket: Bucket, status: int) -> None:
    url = bucket.put_url(ContentLength=10)

    assert requests.put(url, data=BODY * 2, timeout=10).status_code == status
    assert bucket.has("file") is (status == 200)


@on(moto=200, radosgw=403, ministack=403, rclone=403)
def test_a_presigned_put_of_another_type(bucket: Bucket, status: int) -> None:
    url = bucket.put_url(ContentType="text/plain")

    answer = requests.put(url, data=BODY, headers={"Content-Type": "text/html"}, timeout=10)

    assert answer.status_code == status
    assert bucket.has("file") is (status == 200)


@on(moto=200, radosgw=403, ministack=200, rclone=403)
def test_a_header_signature_with_the_wrong_secret(bucket: Bucket, status: int) -> None:
    stranger = client_of(replace(bucket.server, secret_access_key="wrong"))

    if status == 200:
        stranger.put_object(Bucket=bucket.name, Key="file", Body=BODY)
    else:
        with pytest.raises(ClientError) as error:
            stranger.put_object(Bucket=bucket.name, Key="file", Body=BODY)
        assert status_of(error) == (status, "SignatureDoesNotMatch")

    assert bucket.has("file") is (status == 200)


@on(moto=200, radosgw=403, ministack=200, rclone=400)
def test_an_anonymous_put(bucket: Bucket, status: int) -> None:
    url = f"{bucket.server.endpoint_url}/{bucket.name}/file"

    assert requests.put(url, data=BODY, timeout=10).status_code == status
    assert bucket.has("file") is (status == 200)


@on(moto=204, radosgw=204, ministack=204)
def test_a_presigned_post_as_signed_is_accepted(bucket: Bucket, status: int) -> None:
    assert bucket.post() == status
    assert bucket.has("file")


def test_rclone_has_no_presigned_post(rclone_server: S3Server) -> None:
    form = client_of(rclone_server).generate_presigned_post("anything", "file")

    answer = requests.post(form["url"], data=form["fields"], files={"file": BODY}, timeout=10)

    assert answer.status_code == 400


@on(moto=204, radosgw=403, ministack=204)
def test_a_presigned_post_with_a_tampered_signature(bucket: Bucket, status: int) -> None:
    assert bucket.post(fields={"x-amz-signature": "0" * 64}) == status
    assert bucket.has("file") is (status == 204)


@on(moto=204, radosgw=403, ministack=204)
def test_a_presigned_post_with_a_policy_changed_after_signing(bucket: Bucket, status: int) -> None:
    form = bucket.client.generate_presigned_post(bucket.name, "file")
    policy = json.loads(base64.b64decode(form["fields"]["policy"]))
    policy["expiration"] = "2099-01-01T00:00:00Z"
    fields = {**form["fields"], "policy": base64.b64encode(json.dumps(policy).encode()).decode()}

    assert requests.post(form["url"], data=fields, files={"file": BODY}, timeout=10).status_code == status
    assert bucket.has("file") is (status == 204)


@on(moto=204, radosgw=403, ministack=403)
def test_an_expired_presigned_post(bucket: Bucket, status: int) -> None:
    assert bucket.post(lasting_seconds=-60) == status
    assert bucket.has("file") is (status == 204)


@on(moto=204, radosgw=400, ministack=400)
def test_a_presigned_post_that_is_too_large(bucket: Bucket, status: int) -> None:
    assert bucket.post(body=BODY + b"!") == status
    assert bucket.has("file") is (status == 204)


@on(moto=204, radosgw=400, ministack=400)
def test_a_presigned_post_that_is_too_small(bucket: Bucket, status: int) -> None:
    assert bucket.post(body=b"1234") == status
    assert bucket.has("file") is (status == 204)


@on(moto=204, radosgw=403, ministack=403)
def test_a_presigned_post_of_another_type(bucket: Bucket, status: int) -> None:
    assert bucket.post(fields={"Content-Type": "text/html"}) == status
    assert bucket.has("file") is (status == 204)


@on(moto=204, radosgw=403, ministack=403)
def test_a_presigned_post_to_another_key(bucket: Bucket, status: int) -> None:
    assert bucket.post(fields={"key": "other"}) == status
    assert bucket.has("other") is (status == 204)


@on(moto=204, radosgw=403, ministack=403)
def test_a_presigned_post_with_a_field_outside_the_policy(bucket: Bucket, status: int) -> None:
    assert bucket.post(fields={"acl": "public-read"}) == status
    assert bucket.has("file") is (status == 204)


@on(moto=200, radosgw=200, ministack=400, rclone=200)
def test_a_body_that_differs_from_its_signed_sha256(bucket: Bucket, status: int) -> None:
    checksum = base64.b64encode(hashlib.sha256(b"something else").digest()).decode()
    url = bucket.put_url(ChecksumSHA256=checksum)

    answer = requests.put(url, data=BODY, headers={"x-amz-checksum-sha256": checksum}, timeout=10)

    assert answer.status_code == status
    assert bucket.server.verifies_checksums is (status == 400)
    assert bucket.has("file") is (status == 200)


@on(moto=200, radosgw=200, ministack=412)
def test_a_copy_of_an_object_with_another_etag(bucket: Bucket, status: int) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key="source", Body=BODY)
    copy = {"Bucket": bucket.name, "Key": "copy", "CopySource": f"{bucket.name}/source", "CopySourceIfMatch": '"wrong"'}

    if status == 200:
        bucket.client.copy_object(**copy)
    else:
        with pytest.raises(ClientError) as error:
            bucket.client.copy_object(**copy)
        assert status_of(error) == (412, "PreconditionFailed")

    assert bucket.server.honours_copy_conditions is (status == 412)
    assert bucket.has("copy") is (status == 200)


@pytest.mark.parametrize("server_name", ["moto", "radosgw", "ministack"])
def test_aes256_encryption_is_shown_by_head_only_where_it_is_stored(bucket: Bucket) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key="file", Body=BODY, ServerSideEncryption="AES256")

    head = bucket.client.head_object(Bucket=bucket.name, Key="file")

    assert ("ServerSideEncryption" in head) is bucket.server.stores_sse


@on_radosgw()
def test_kms_encryption_works_with_the_key_of_the_server(bucket: Bucket) -> None:
    key_id = bucket.server.kms_key_id
    bucket.client.put_object(
        Bucket=bucket.name, Key="file", Body=BODY, ServerSideEncryption="aws:kms", SSEKMSKeyId=key_id
    )

    got = bucket.client.get_object(Bucket=bucket.name, Key="file")

    assert (got["ServerSideEncryption"], got["SSEKMSKeyId"], got["Body"].read()) == ("aws:kms", "testkey-1", BODY)


@on_radosgw()
def test_the_bucket_decides_which_origin_may_write(bucket: Bucket) -> None:
    def preflight(origin: str, method: str = "PUT") -> int:
        headers = {"Origin": origin, "Access-Control-Request-Method": method}
        return requests.options(bucket.put_url(), headers=headers, timeout=10).status_code

    before = preflight(ORIGIN)
    rule = {"AllowedOrigins": [ORIGIN], "AllowedMethods": ["PUT"], "AllowedHeaders": ["*"]}
    bucket.client.put_bucket_cors(Bucket=bucket.name, CORSConfiguration={"CORSRules": [rule]})

    assert (before, preflight(ORIGIN), preflight("http://other.example"), preflight(ORIGIN, "DELETE")) == (
        403, 200, 403, 403,
    )  # fmt: skip


@pytest.mark.parametrize("server_name", ["moto"])
def test_a_page_of_any_origin_can_post_to_moto_and_read_its_headers(bucket: Bucket) -> None:
    form = bucket.client.generate_presigned_post(bucket.name, "file")

    asked = requests.options(
        form["url"], headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}, timeout=10
    )
    answer = requests.post(
        form["url"], data=form["fields"], files={"file": BODY}, headers={"Origin": ORIGIN}, timeout=10
    )

    assert (asked.status_code, answer.status_code) == (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] in {"*", ORIGIN}
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]


@on_radosgw()
def test_another_user_may_do_what_the_bucket_policy_says_and_nothing_else(bucket: Bucket) -> None:
    gateway = bucket.server
    assert isinstance(gateway, RadosGateway)
    user = gateway.create_user(f"user-{uuid.uuid4().hex}")
    stranger = client_of(replace(gateway, access_key_id=user.access_key_id, secret_access_key=user.secret_access_key))
    bucket.client.put_object(Bucket=bucket.name, Key="owned", Body=BODY)
    with pytest.raises(ClientError) as before:
        stranger.put_object(Bucket=bucket.name, Key="file", Body=BODY)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": [user.arn]},
        "Action": ["s3:PutObject"],
        "Resource": [f"arn:aws:s3:::{bucket.name}/*"],
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    bucket.client.put_bucket_policy(Bucket=bucket.name, Policy=policy)

    stranger.put_object(Bucket=bucket.name, Key="file", Body=BODY)
    with pytest.raises(ClientError) as reading:
        stranger.get_object(Bucket=bucket.name, Key="owned")

    assert (status_of(before), status_of(reading)) == ((403, "AccessDenied"), (403, "AccessDenied"))
    assert bucket.has("file")
