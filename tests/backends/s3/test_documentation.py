"""The JSON documents of docs/backends/s3.md, as an operator would paste them, on the strict server."""

import json
import re
import uuid
from dataclasses import replace
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from tests.backends.documents import ORIGIN, fixes_of, page_of, preflight
from tests.backends.s3.stores import PART_BYTES, Store, on, status_of, uploaded
from tests.backends.uploads import BODY, upload_of
from tests.servers.buckets import client_of
from tests.servers.radosgw import RadosGateway
from tests.uploads.driver import configured


def document(name: str, bucket: str = "my-bucket") -> Any:
    """A JSON block of the page, for this bucket."""
    found = re.search(rf"<!-- {name} -->\n```json\n(.*?)```", page_of("s3"), re.DOTALL)
    assert found is not None
    return json.loads(found[1].replace("my-bucket", bucket))


@pytest.fixture
def limited(radosgw_server: RadosGateway, open_store: Store) -> Store:
    """The bucket for a user with the documented permissions and no other."""
    user = radosgw_server.create_user(f"user-{uuid.uuid4().hex}")
    policy = document("iam", open_store.bucket)
    for statement in policy["Statement"]:
        statement["Principal"] = {"AWS": [user.arn]}
    open_store.client.put_bucket_policy(Bucket=open_store.bucket, Policy=json.dumps(policy))
    open_store.client.put_bucket_cors(Bucket=open_store.bucket, CORSConfiguration={"CORSRules": document("cors")})
    return replace(open_store, server=user, client=client_of(user))


def test_the_documented_permissions_suffice_for_the_whole_life_of_a_file(limited: Store) -> None:
    """Upload, verification, publishing, download, parts, abort and cleanup."""
    backend = limited.backend()
    assert backend.validate_configuration() == (True, [])
    single, in_parts, aborted = (uploaded(backend, part_size=size) for size in (0, PART_BYTES, PART_BYTES))

    for upload in (single, in_parts):
        backend.publish(upload, backend.assemble(upload))
    backend.abort(aborted)

    assert requests.get(backend.get_url(single.file_path), timeout=60).content == BODY
    assert limited.unfinished_uploads() == []
    assert backend.delete([stored.path for stored in backend.list_objects(backend.prefix)]) == []
    assert list(backend.list_objects("")) == []


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("delete_bucket", {}),
        ("put_bucket_policy", {"Policy": "{}"}),
        ("get_bucket_policy", {}),
        ("delete_bucket_cors", {}),
        ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
        ("list_object_versions", {}),
        ("put_object_acl", {"Key": "theirs", "ACL": "public-read"}),
        ("put_object_tagging", {"Key": "theirs", "Tagging": {"TagSet": []}}),
        ("list_objects_v2", {"Bucket": "bucket-of-others"}),
    ],
)
def test_the_documented_permissions_allow_nothing_else(
    open_store: Store, limited: Store, operation: str, arguments: dict[str, Any]
) -> None:
    open_store.client.put_object(Bucket=open_store.bucket, Key="theirs", Body=BODY)
    open_store.client.create_bucket(Bucket="bucket-of-others")

    with pytest.raises(ClientError) as refused:
        getattr(limited.client, operation)(**{"Bucket": open_store.bucket, **arguments})

    assert status_of(refused.value) == 403


def test_the_documented_rules_allow_the_page_and_no_other_request(open_store: Store) -> None:
    """Its scripts can read the ETag."""
    upload = upload_of(len(BODY))
    put_url = open_store.backend(upload_method="put").instructions(upload, [upload.slice(1)])[0].url
    assert preflight(put_url) == 403
    cors = {"CORSRules": document("cors")}
    open_store.client.put_bucket_cors(Bucket=open_store.bucket, CORSConfiguration=cors)

    allowed = [preflight(put_url, method=method) for method in ("GET", "POST", "PUT")]
    forbidden = [{"origin": "https://evil.example"}, {"method": "DELETE"}, {"headers": "x-amz-acl"}]
    refused = [preflight(put_url, **asked) for asked in forbidden]
    response = requests.put(put_url, data=BODY, headers={"Content-Type": "text/plain", "Origin": ORIGIN}, timeout=60)

    assert (allowed, response.status_code, refused) == ([200, 200, 200], 200, [403, 403, 403])
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Access-Control-Expose-Headers"] == "ETag"


@on("radosgw")
def test_the_page_shows_what_the_doctor_advises(store: Store) -> None:
    fixes = fixes_of("s3", bucket="my-bucket", prefix="")
    assert (document("iam"), document("lifecycle")) == (fixes["permission"], fixes["lifecycle"])

    backend = store.backend(upload_method="put", server_side_encryption="aws:kms", kms_key_id="testkey-1")
    with configured(ALLOWED_ORIGINS=[ORIGIN]):
        problems: Any = backend.validate_configuration()[1]
    assert document("cors") == [{**problems[0].fix[0], "AllowedMethods": ["GET", "POST", "PUT"]}]


def test_the_lifecycle_rules_are_accepted_and_remove_unfinished_uploads(open_store: Store) -> None:
    """Parts are aborted and `.uploads/` is emptied after the deadline of 7 days, and nothing else is touched."""
    client, bucket = open_store.client, open_store.bucket
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=document("lifecycle"))

    aborting, expiring = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]

    if "Expiration" in aborting:
        aborting, expiring = expiring, aborting
    assert aborting["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 8}
    assert (expiring["Expiration"], expiring["Filter"]) == ({"Days": 8}, {"Prefix": ".uploads/"})
    assert "Expiration" not in aborting
