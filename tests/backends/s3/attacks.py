"""Misuses of granted requests. Each changes one thing of a request that succeeds unchanged."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

import requests
from botocore.exceptions import ClientError

from fileman.backends.s3.backend import S3Backend
from fileman.backends.values import Upload, UploadRequest
from fileman.errors import FilemanError
from tests.backends.s3.stores import PART_BYTES, Store, status_of
from tests.backends.uploads import BODY, checksum_of, part_of, send, upload_of
from tests.servers.buckets import client_of

OTHER_BODY = BODY[::-1]
PARTS_BODY = bytes(PART_BYTES) + BODY
Outcome = tuple[int, bool]
"""Status of the server's response; True if something was stored or read that was not granted."""
Attack = Callable[[Store], Outcome]


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One upload, and the request that its client got."""

    store: Store
    upload: Upload
    request: UploadRequest

    @property
    def fields(self) -> dict[str, str]:
        return dict(self.request.fields)

    def sent(self, body: bytes = BODY, *, key: str | None = None, **changes: Any) -> Outcome:
        """Send it with these changes; `key` is the object that the attack aims at."""
        status = send(self.request, body, **changes).status_code
        return status, self.store.has(key or self.upload.upload_path)


def new_grant(
    store: Store, *, upload_method: str, is_expired: bool = False, with_checksum: bool = False, **settings: Any
) -> Grant:
    checksum = checksum_of(BODY, "sha256") if with_checksum else None
    upload = upload_of(len(BODY), checksum=checksum, now=_signed_at(is_expired=is_expired))
    [request] = _backend(store, upload_method=upload_method, **settings).instructions(upload, [upload.slice(1)])
    return Grant(store=store, upload=upload, request=request)


@cache
def _backend(store: Store, **settings: Any) -> S3Backend:
    return store.backend(**settings)


def _signed_at(*, is_expired: bool) -> datetime:
    return datetime.now(UTC) - timedelta(hours=1 if is_expired else 0)


Misuse = Callable[[Grant], Outcome]


def _attack(
    upload_method: str, misuse: Misuse | None = None, *, granted: Mapping[str, Any] | None = None, **changes: Any
) -> Attack:
    """Misuse a request in a way of its own, or send it with these changes."""

    def attack(store: Store) -> Outcome:
        grant = new_grant(store, upload_method=upload_method, **(granted or {}))
        return misuse(grant) if misuse else grant.sent(**changes)

    return attack


_post, _put = partial(_attack, "post"), partial(_attack, "put")
EXPIRED, WITH_CHECKSUM = {"is_expired": True}, {"with_checksum": True}
ENCRYPTED, ENCRYPTION = {"server_side_encryption": "AES256"}, "x-amz-server-side-encryption"


def _flipped(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def _post_other_bucket(grant: Grant) -> Outcome:
    store = grant.store
    other = replace(store, bucket=f"{store.bucket[:-1]}z")
    store.client.create_bucket(Bucket=other.bucket)
    status = send(grant.request, BODY, url=grant.request.url.replace(store.bucket, other.bucket)).status_code
    return status, other.has(grant.upload.upload_path)


def _post_other_policy(grant: Grant) -> Outcome:
    policy = json.loads(base64.b64decode(grant.fields["policy"]))
    policy["conditions"].remove(["content-length-range", len(BODY), len(BODY)])
    return grant.sent(BODY * 2, fields={"policy": base64.b64encode(json.dumps(policy).encode()).decode()})


def _post_unsigned(grant: Grant) -> Outcome:
    signed = {name: None for name in grant.fields if name == "policy" or name.startswith("x-amz-")}
    return grant.sent(fields=signed)


def _post_file_first(grant: Grant) -> Outcome:
    parts = [("file", ("file", BODY)), *((name, (None, value)) for name, value in grant.request.fields)]
    status = requests.post(grant.request.url, files=parts, timeout=60).status_code  # type: ignore[arg-type]
    return status, grant.store.has(grant.upload.upload_path)


def _put_to(method: str) -> Attack:
    """Send a PUT, then use its URL to read or delete what it has stored."""

    def misuse(grant: Grant) -> Outcome:
        grant.sent()
        response = requests.request(method, grant.request.url, timeout=60)
        return response.status_code, response.content == BODY or not grant.store.has(grant.upload.upload_path)

    return _put(misuse)


def _begun_part(store: Store, *, is_expired: bool = False) -> tuple[Upload, UploadRequest]:
    upload = upload_of(len(PARTS_BODY), part_size=PART_BYTES, now=_signed_at(is_expired=is_expired))
    backend = _backend(store)
    upload = replace(upload, begun=backend.begin(upload, origin=None))
    return upload, backend.instructions(upload, [upload.slice(2)])[0]


def _part(to_url: Callable[[str], str] = str, *, more: bytes = b"", expired: bool = False, number: int = 2) -> Attack:
    """Send the second part with a changed URL or more bytes; `number` is the part that the attack aims at."""

    def attack(store: Store) -> Outcome:
        upload, request = _begun_part(store, is_expired=expired)
        status = send(request, part_of(PARTS_BODY, request) + more, url=to_url(request.url)).status_code
        try:
            arrived = number not in [part.part_number for part in _backend(store).missing(upload)]
        except FilemanError:
            arrived = False
        return status, arrived or store.has(upload.parts_path)

    return attack


def _part_after_completion(store: Store) -> Outcome:
    upload, request = _begun_part(store)
    backend = _backend(store)
    for each in backend.instructions(upload, list(upload.slices())):
        send(each, part_of(PARTS_BODY, each))
    whole = backend.assemble(upload)
    status = send(request, OTHER_BODY).status_code
    return status, backend.stat(upload.parts_path).etag != whole.etag


def _download(change: Callable[[S3Backend, str], str]) -> Attack:
    """Read an object by the URL that `change` makes for its path."""

    def attack(store: Store) -> Outcome:
        grant = new_grant(store, upload_method="put")
        grant.sent()
        response = requests.get(change(_backend(store), grant.upload.upload_path), timeout=60)
        return response.status_code, response.content == BODY

    return attack


def _download_used_to_write(store: Store) -> Outcome:
    key = "tenant/uploads/new"
    status = requests.put(_backend(store).get_url(key), data=BODY, timeout=60).status_code
    return status, store.has(key)


def _other_secret(store: Store) -> Outcome:
    client = client_of(replace(store.server, secret_access_key="wrong"))
    key, status = "tenant/uploads/forged", 200
    try:
        client.put_object(Bucket=store.bucket, Key=key, Body=BODY)
    except ClientError as error:
        status = status_of(error)
    return status, store.has(key)


ATTACKS: dict[str, Attack] = {
    "POST: one byte more": _post(body=BODY + b"!"),
    "POST: one byte less": _post(body=BODY[:-1]),
    "POST: another key": _post(
        lambda grant: grant.sent(key=grant.upload.file_path, fields={"key": grant.upload.file_path})
    ),
    "POST: another bucket": _post(_post_other_bucket),
    "POST: another type": _post(fields={"Content-Type": "text/html"}),
    "POST: no type": _post(fields={"Content-Type": None}),
    "POST: an additional field (acl)": _post(fields={"acl": "public-read"}),
    "POST: a policy with another size": _post(_post_other_policy),
    "POST: another signature": _post(
        lambda grant: grant.sent(fields={"x-amz-signature": _flipped(grant.fields["x-amz-signature"])})
    ),
    "POST: expired": _post(granted=EXPIRED),
    "POST: unsigned": _post(_post_unsigned),
    "POST: the file before the fields": _post(_post_file_first),
    "POST: without the field for encryption": _post(granted=ENCRYPTED, fields={ENCRYPTION: None}),
    "POST: bytes that do not match the SHA-256": _post(granted=WITH_CHECKSUM, body=OTHER_BODY),
    "PUT: one byte more": _put(body=BODY + b"!"),
    "PUT: one byte less": _put(body=BODY[:-1]),
    "PUT: another key": _put(
        lambda grant: grant.sent(
            url=grant.request.url.replace(grant.upload.upload_path, grant.upload.file_path), key=grant.upload.file_path
        )
    ),
    "PUT: another type": _put(headers={"Content-Type": "text/html"}),
    "PUT: no type": _put(headers={"Content-Type": None}),
    "PUT: another signature": _put(lambda grant: grant.sent(url=_flipped(grant.request.url))),
    "PUT: a longer lifetime": _put(
        lambda grant: grant.sent(url=grant.request.url.replace("Expires=60", "Expires=86400")), granted=EXPIRED
    ),
    "PUT: expired": _put(granted=EXPIRED),
    "PUT: unsigned": _put(lambda grant: grant.sent(url=grant.request.url.partition("?")[0])),
    "PUT: without the header for encryption": _put(granted=ENCRYPTED, headers={ENCRYPTION: None}),
    "PUT: an additional header (x-amz-acl)": _put(headers={"x-amz-acl": "public-read"}),
    "PUT: an additional header (Content-Encoding)": _put(headers={"Content-Encoding": "gzip"}),
    "PUT: bytes that do not match the SHA-256": _put(granted=WITH_CHECKSUM, body=OTHER_BODY),
    "PUT: used to read": _put_to("GET"),
    "PUT: used to delete": _put_to("DELETE"),
    "Part: one byte more": _part(more=b"!"),
    "Part: another number": _part(lambda url: url.replace("partNumber=2", "partNumber=1"), number=1),
    "Part: expired": _part(expired=True),
    "Part: as a whole object at the file path": _part(lambda url: re.sub("(partNumber|uploadId)=[^&]*&", "", url)),
    "Part: after completion": _part_after_completion,
    "Download: another key": _download(
        lambda backend, path: backend.get_url("tenant/uploads/other").replace("tenant/uploads/other", path)
    ),
    "Download: another type": _download(
        lambda backend, path: backend.get_url(path).replace("application%2Foctet-stream", "text%2Fhtml")
    ),
    "Download: expired": _download(lambda backend, path: backend.get_url(path, 60, now=_signed_at(is_expired=True))),
    "Download: used to write": _download_used_to_write,
    "Authorization header: another secret": _other_secret,
}
