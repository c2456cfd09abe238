"""Misuses of what clients are given. Each changes one thing of a request that is shown to succeed as it stands."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import requests

from fileman.backends.s3.backend import S3Backend
from fileman.backends.values import Upload, UploadRequest
from fileman.errors import FilemanError
from tests.backends.s3.stores import BODY, PART_BYTES, Store, budget, checksum_of, part_of, send, upload_of

OTHER_BODY = BODY[::-1]
PARTS_BODY = bytes(PART_BYTES) + BODY


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one misuse."""

    status: int
    """The server's answer."""
    took_effect: bool
    """Whether something is stored, or was read, that was not granted."""


Attack = Callable[[Store], Outcome]
ATTACKS: dict[str, Attack] = {}


def attack(name: str) -> Callable[[Attack], Attack]:
    def register(function: Attack) -> Attack:
        ATTACKS[name] = function
        return function

    return register


def possible_on(store: Store) -> Iterator[str]:
    """Names of the attacks that make sense on a server."""
    return (name for name in ATTACKS if store.server.takes_post or not name.startswith("POST"))


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One upload, and the request that its client got."""

    store: Store
    upload: Upload
    request: UploadRequest

    def sent(self, body: bytes = BODY, *, key: str | None = None, **changes: object) -> Outcome:
        """The outcome of sending it with these changes; `key` is where an object would come to lie."""
        status = send(self.request, body, **changes)  # type: ignore[arg-type]  # url, fields, headers of send()
        return Outcome(status=status, took_effect=self.store.has(key or self.upload.upload_path))


def post_grant(store: Store, *, expired: bool = False, **settings: Any) -> Grant:
    return _grant(store, upload_of(len(BODY), now=_signed_at(expired=expired)), upload_method="post", **settings)


def put_grant(store: Store, *, expired: bool = False, **settings: Any) -> Grant:
    return _grant(store, upload_of(len(BODY), now=_signed_at(expired=expired)), upload_method="put", **settings)


def _grant(store: Store, upload: Upload, **settings: Any) -> Grant:
    [request] = _backend(store, **settings).instructions(upload, [upload.slice(1)])
    return Grant(store=store, upload=upload, request=request)


@cache
def _backend(store: Store, **settings: Any) -> S3Backend:
    return store.backend(**settings)


def _signed_at(*, expired: bool) -> datetime:
    return datetime.now(UTC) - timedelta(hours=1 if expired else 0)


def _flipped(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


@attack("POST: one byte more")
def _post_larger(store: Store) -> Outcome:
    return post_grant(store).sent(BODY + b"!")


@attack("POST: one byte less")
def _post_smaller(store: Store) -> Outcome:
    return post_grant(store).sent(BODY[:-1])


@attack("POST: another key")
def _post_other_key(store: Store) -> Outcome:
    grant = post_grant(store)
    return grant.sent(key=grant.upload.file_path, fields={"key": grant.upload.file_path})


@attack("POST: another bucket")
def _post_other_bucket(store: Store) -> Outcome:
    other = replace(store, bucket=f"{store.bucket[:-1]}z")
    store.client.create_bucket(Bucket=other.bucket)
    grant = post_grant(store)
    status = send(grant.request, BODY, url=grant.request.url.replace(store.bucket, other.bucket))
    return Outcome(status=status, took_effect=other.has(grant.upload.upload_path))


@attack("POST: another type")
def _post_other_type(store: Store) -> Outcome:
    return post_grant(store).sent(fields={"Content-Type": "text/html"})


@attack("POST: no type")
def _post_no_type(store: Store) -> Outcome:
    return post_grant(store).sent(fields={"Content-Type": None})


@attack("POST: a field more (acl)")
def _post_more_fields(store: Store) -> Outcome:
    return post_grant(store).sent(fields={"acl": "public-read"})


@attack("POST: a policy with another size")
def _post_tampered_policy(store: Store) -> Outcome:
    grant = post_grant(store)
    policy = json.loads(base64.b64decode(dict(grant.request.fields)["policy"]))
    policy["conditions"].remove(["content-length-range", len(BODY), len(BODY)])
    return grant.sent(BODY * 2, fields={"policy": base64.b64encode(json.dumps(policy).encode()).decode()})


@attack("POST: another signature")
def _post_tampered_signature(store: Store) -> Outcome:
    grant = post_grant(store)
    return grant.sent(fields={"x-amz-signature": _flipped(dict(grant.request.fields)["x-amz-signature"])})


@attack("POST: expired")
def _post_expired(store: Store) -> Outcome:
    return post_grant(store, expired=True).sent()


@attack("POST: unsigned")
def _post_unsigned(store: Store) -> Outcome:
    grant = post_grant(store)
    signed = {name: None for name, _ in grant.request.fields if name == "policy" or name.startswith("x-amz-")}
    return grant.sent(fields=signed)


@attack("POST: the file before the fields")
def _post_file_first(store: Store) -> Outcome:
    grant = post_grant(store)
    parts = [("file", ("file", BODY)), *((name, (None, value)) for name, value in grant.request.fields)]
    status = requests.post(grant.request.url, files=parts, timeout=10).status_code  # type: ignore[arg-type]
    return Outcome(status=status, took_effect=store.has(grant.upload.upload_path))


@attack("POST: without the field for encryption")
def _post_unencrypted(store: Store) -> Outcome:
    return post_grant(store, server_side_encryption="AES256").sent(fields={"x-amz-server-side-encryption": None})


@attack("POST: other bytes than the SHA-256 says")
def _post_other_bytes(store: Store) -> Outcome:
    upload = upload_of(len(BODY), checksum=checksum_of(BODY, "sha256"))
    return _grant(store, upload, upload_method="post").sent(OTHER_BODY)


@attack("PUT: one byte more")
def _put_larger(store: Store) -> Outcome:
    return put_grant(store).sent(BODY + b"!")


@attack("PUT: one byte less")
def _put_smaller(store: Store) -> Outcome:
    return put_grant(store).sent(BODY[:-1])


@attack("PUT: another key")
def _put_other_key(store: Store) -> Outcome:
    grant = put_grant(store)
    url = grant.request.url.replace(grant.upload.upload_path, grant.upload.file_path)
    return grant.sent(key=grant.upload.file_path, url=url)


@attack("PUT: another type")
def _put_other_type(store: Store) -> Outcome:
    return put_grant(store).sent(headers={"Content-Type": "text/html"})


@attack("PUT: no type")
def _put_no_type(store: Store) -> Outcome:
    return put_grant(store).sent(headers={"Content-Type": None})


@attack("PUT: another signature")
def _put_tampered_signature(store: Store) -> Outcome:
    grant = put_grant(store)
    return grant.sent(url=_flipped(grant.request.url))


@attack("PUT: a longer life")
def _put_longer_life(store: Store) -> Outcome:
    grant = put_grant(store, expired=True)
    return grant.sent(url=grant.request.url.replace("X-Amz-Expires=60", "X-Amz-Expires=86400"))


@attack("PUT: expired")
def _put_expired(store: Store) -> Outcome:
    return put_grant(store, expired=True).sent()


@attack("PUT: unsigned")
def _put_unsigned(store: Store) -> Outcome:
    grant = put_grant(store)
    return grant.sent(url=grant.request.url.partition("?")[0])


@attack("PUT: without the header for encryption")
def _put_unencrypted(store: Store) -> Outcome:
    return put_grant(store, server_side_encryption="AES256").sent(headers={"x-amz-server-side-encryption": None})


@attack("PUT: a header more (x-amz-acl)")
def _put_more_headers(store: Store) -> Outcome:
    return put_grant(store).sent(headers={"x-amz-acl": "public-read"})


@attack("PUT: a header more (Content-Encoding)")
def _put_encoded(store: Store) -> Outcome:
    return put_grant(store).sent(headers={"Content-Encoding": "gzip"})


@attack("PUT: other bytes than the SHA-256 says")
def _put_other_bytes(store: Store) -> Outcome:
    upload = upload_of(len(BODY), checksum=checksum_of(BODY, "sha256"))
    return _grant(store, upload, upload_method="put").sent(OTHER_BODY)


@attack("PUT: used to read")
def _put_used_to_read(store: Store) -> Outcome:
    grant = put_grant(store)
    grant.sent()
    answer = requests.get(grant.request.url, timeout=10)
    return Outcome(status=answer.status_code, took_effect=answer.content == BODY)


@attack("PUT: used to delete")
def _put_used_to_delete(store: Store) -> Outcome:
    grant = put_grant(store)
    grant.sent()
    status = requests.delete(grant.request.url, timeout=10).status_code
    return Outcome(status=status, took_effect=not store.has(grant.upload.upload_path))


def _part(store: Store, *, expired: bool = False) -> tuple[Upload, UploadRequest]:
    upload = upload_of(len(PARTS_BODY), part_size=PART_BYTES, now=_signed_at(expired=expired))
    backend = _backend(store)
    upload = replace(upload, begun=backend.begin(upload, origin=None))
    return upload, backend.instructions(upload, [upload.slice(2)])[0]


def _part_sent(store: Store, upload: Upload, status: int, number: int = 2) -> Outcome:
    try:
        arrived = number not in [part.part_number for part in _backend(store).missing(upload)]
    except FilemanError:
        arrived = False
    return Outcome(status=status, took_effect=arrived)


@attack("Part: one byte more")
def _part_larger(store: Store) -> Outcome:
    upload, request = _part(store)
    return _part_sent(store, upload, send(request, part_of(PARTS_BODY, request) + b"!"))


@attack("Part: another number")
def _part_other_number(store: Store) -> Outcome:
    upload, request = _part(store)
    url = request.url.replace("partNumber=2", "partNumber=1")
    return _part_sent(store, upload, send(request, part_of(PARTS_BODY, request), url=url), 1)


@attack("Part: expired")
def _part_expired(store: Store) -> Outcome:
    upload, request = _part(store, expired=True)
    return _part_sent(store, upload, send(request, part_of(PARTS_BODY, request)))


@attack("Part: as a whole object at the file path")
def _part_as_object(store: Store) -> Outcome:
    upload, request = _part(store)
    kept = [pair for pair in request.url.split("?")[1].split("&") if not pair.startswith(("partNumber", "uploadId"))]
    url = f"{request.url.partition('?')[0]}?{'&'.join(kept)}"
    status = send(request, part_of(PARTS_BODY, request), url=url)
    return Outcome(status=status, took_effect=store.has(upload.file_path))


@attack("Part: after completion")
def _part_after_completion(store: Store) -> Outcome:
    upload, request = _part(store)
    backend = _backend(store)
    for each in backend.instructions(upload, list(upload.slices())):
        send(each, part_of(PARTS_BODY, each))
    whole = backend.assemble(upload, budget())
    status = send(request, OTHER_BODY)
    return Outcome(status=status, took_effect=backend.stat(upload.file_path).etag != whole.etag)


@attack("Download: another key")
def _download_other_key(store: Store) -> Outcome:
    grant = put_grant(store)
    grant.sent()
    url = _backend(store).get_url("tenant/uploads/other").replace("tenant/uploads/other", grant.upload.upload_path)
    answer = requests.get(url, timeout=10)
    return Outcome(status=answer.status_code, took_effect=answer.content == BODY)


@attack("Download: another type")
def _download_other_type(store: Store) -> Outcome:
    grant = put_grant(store)
    grant.sent()
    url = _backend(store).get_url(grant.upload.upload_path).replace("application%2Foctet-stream", "text%2Fhtml")
    answer = requests.get(url, timeout=10)
    return Outcome(status=answer.status_code, took_effect=answer.content == BODY)


@attack("Download: expired")
def _download_expired(store: Store) -> Outcome:
    grant = put_grant(store)
    grant.sent()
    url = _backend(store).get_url(grant.upload.upload_path, 60, now=_signed_at(expired=True))
    answer = requests.get(url, timeout=10)
    return Outcome(status=answer.status_code, took_effect=answer.content == BODY)


@attack("Download: used to write")
def _download_used_to_write(store: Store) -> Outcome:
    key = "tenant/uploads/new"
    status = requests.put(_backend(store).get_url(key), data=BODY, timeout=10).status_code
    return Outcome(status=status, took_effect=store.has(key))
