"""Signing for S3: our signer against boto3's own, in the same run. Prints microseconds and their ratio."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from fileman.backends import BackendConfig
from fileman.backends.s3.backend import S3Backend
from tests.bench.parts import build_upload, fastest

ROUNDS = 60


def _backend(upload_method: str) -> S3Backend:
    settings = {
        "bucket_name": "my-bucket",
        "region_name": "eu-central-1",
        "access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "upload_method": upload_method,
    }
    return S3Backend(
        BackendConfig(manager_id=uuid4(), backend_url="s3://my-bucket/", settings=settings, supports_direct_upload=True)
    )


def _microseconds(call: Callable[[], Any]) -> float:
    call()
    return fastest(lambda: [call() for _ in range(ROUNDS)], runs=5) / ROUNDS * 1e6


def main() -> None:
    upload, post, put = build_upload(1000), _backend("post"), _backend("put")
    sdk, slices = put._client.sdk, list(upload.slices())
    params = {"Bucket": "my-bucket", "Key": upload.upload_path, "ContentType": "text/plain", "ContentLength": 1000}
    fields = {"Content-Type": "text/plain", "success_action_status": "201"}
    conditions = [*({name: value} for name, value in fields.items()), ["content-length-range", 1000, 1000]]
    compared: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "POST form": (
            lambda: post.instructions(upload, slices),
            lambda: sdk.generate_presigned_post("my-bucket", "k", fields, conditions),
        ),
        "PUT": (
            lambda: put.instructions(upload, slices),
            lambda: sdk.generate_presigned_url("put_object", Params=params),
        ),
    }
    for name, calls in compared.items():
        ours, theirs = map(_microseconds, calls)
        print(f"S3 {name}: {ours:.0f} us, boto3 {theirs:.0f} us, ratio {theirs / ours:.1f}")
