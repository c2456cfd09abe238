"""Signing for S3: our signer against boto3's own, in the same run. Prints microseconds and their ratio."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from fileman.backends import BackendConfig
from fileman.backends.s3.backend import S3Backend
from fileman.backends.values import PartPlan, Strategy, Upload

ROUNDS = 300


def _backend(upload_method: str) -> S3Backend:
    return S3Backend(
        BackendConfig(
            manager_id=uuid4(),
            backend_url="s3://my-bucket/",
            settings={
                "bucket_name": "my-bucket",
                "region_name": "eu-central-1",
                "access_key_id": "AKIAIOSFODNN7EXAMPLE",
                "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "upload_method": upload_method,
            },
            supports_direct_upload=True,
        )
    )


def _upload() -> Upload:
    file_id = uuid4()
    return Upload(
        file_id=file_id,
        upload_path=f".uploads/{file_id}",
        file_path=f"uploads/{file_id}/1/notes.txt",
        parts_path=f"uploads/{file_id}/0/notes.txt",
        folder=f"uploads/{file_id}/",
        filename="notes.txt",
        size=1000,
        content_type="text/plain",
        checksum=None,
        plan=PartPlan(strategy=Strategy.SINGLE, part_size=1000, total_parts=1),
        begun={},
        now=datetime.now(UTC),
        expires_in=3600,
    )


def _microseconds(call: Callable[[], Any]) -> float:
    """Of the fastest of five runs, so that a busy machine does not count."""
    call()
    runs = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(ROUNDS // 5):
            call()
        runs.append(time.perf_counter() - started)
    return min(runs) / (ROUNDS // 5) * 1e6


def ratios() -> dict[str, tuple[float, float]]:
    """What is signed -> microseconds of ours and of boto3."""
    upload, post, put = _upload(), _backend("post"), _backend("put")
    client, slices = put._client.sdk, list(upload.slices())
    params = {"Bucket": "my-bucket", "Key": upload.upload_path, "ContentType": "text/plain", "ContentLength": 1000}
    conditions = [
        {"Content-Type": "text/plain"},
        {"success_action_status": "201"},
        ["content-length-range", 1000, 1000],
    ]
    fields = {"Content-Type": "text/plain", "success_action_status": "201"}
    return {
        "POST form": (
            _microseconds(lambda: post.instructions(upload, slices)),
            _microseconds(lambda: client.generate_presigned_post("my-bucket", "k", fields, conditions)),
        ),
        "PUT": (
            _microseconds(lambda: put.instructions(upload, slices)),
            _microseconds(lambda: client.generate_presigned_url("put_object", Params=params)),
        ),
    }


def main() -> None:
    for name, (ours, theirs) in ratios().items():
        print(f"S3 {name}: {ours:.0f} us, boto3 {theirs:.0f} us, ratio {theirs / ours:.1f}")


if __name__ == "__main__":
    main()
