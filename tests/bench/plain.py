"""Views written by hand with Django and boto3 alone, which do what the API does, and the URLs of the project.

They sign with boto3, write one row for each file, and check the session, CSRF and the size, no more.
"""

import json
import secrets
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import boto3
from botocore.config import Config
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from fileman.conf import MIB
from fileman.encryption import Ciphertext
from fileman.models import File, FileManager
from fileman.tokens import digest
from project.urls import urlpatterns as project_urls

STORE = {
    "bucket_name": "bench-bucket",
    "region_name": "eu-central-1",
    "access_key_id": "AKIAIOSFODNN7EXAMPLE",
    "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
"""Settings of the file manager that both sides sign for."""
MOST_BYTES = 5 * 1024**3
PAGE = 50
LISTED = ("id", "original_filename", "file_size", "content_type", "created", "file_path")


@cache
def get_manager() -> FileManager:
    return FileManager.objects.get(is_default=True)


@cache
def get_client() -> Any:
    return boto3.client(
        "s3",
        endpoint_url=get_manager().settings.get("endpoint_url"),
        aws_access_key_id=STORE["access_key_id"],
        aws_secret_access_key=STORE["secret_access_key"],
        region_name=STORE["region_name"],
        config=Config(signature_version="s3v4"),
    )


def initiate(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return JsonResponse({}, status=401)
    declared = json.loads(request.body)["files"]
    if not all(0 < one["size"] <= MOST_BYTES for one in declared):
        return JsonResponse({}, status=400)
    return JsonResponse({"files": [_grant(request.user, **one) for one in declared]})


def _grant(user: Any, filename: str, size: int, contentType: str) -> dict[str, Any]:  # noqa: N803 - as clients name it
    token, now, number = secrets.token_urlsafe(), timezone.now(), uuid4()
    File.objects.create(
        id=number,
        file_manager_id=get_manager().pk,
        uploaded_by=user,
        original_filename=filename,
        filename=f"{secrets.token_hex(8)}_{filename}",
        content_type=contentType,
        file_size=size,
        upload_token=digest(token),
        upload_state=Ciphertext("{}"),
        look_at=now + timedelta(hours=1),
        expires_at=now + timedelta(days=1),
    )
    fields = {"Content-Type": contentType, "success_action_status": "201"}
    conditions = [*({name: value} for name, value in fields.items()), ["content-length-range", size, size]]
    form = get_client().generate_presigned_post(STORE["bucket_name"], f".uploads/{number}", fields, conditions, 3600)
    return {"id": str(number), "token": token, "expiresAt": now + timedelta(seconds=3600), "size": size, **form}


def page(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return JsonResponse({}, status=401)
    files = File.objects.filter(uploaded_by=request.user).only(*LISTED).order_by("-created", "-id")[: PAGE + 1]
    shown = list(files)
    return JsonResponse({"files": [_show(file) for file in shown[:PAGE]], "hasNextPage": len(shown) > PAGE})


def _show(file: File) -> dict[str, Any]:
    params = {
        "Bucket": STORE["bucket_name"],
        "Key": file.file_path,
        "ResponseContentType": file.content_type,
        "ResponseContentDisposition": f'attachment; filename="{file.original_filename}"',
    }
    url = get_client().generate_presigned_url("get_object", params, 300)
    return {**{name: getattr(file, name) for name in LISTED[:-1]}, "downloadUrl": url}


def finalize(request: HttpRequest, number: UUID) -> HttpResponse:
    """Compare the size, copy, and complete the row."""
    file = File.objects.get(pk=number, uploaded_by=request.user.pk, upload_status=File.PENDING)
    source = {"Bucket": STORE["bucket_name"], "Key": f".uploads/{number}"}
    head = get_client().head_object(**source)
    if head["ContentLength"] != file.file_size:
        return JsonResponse({}, status=400)
    path = f"uploads/{number}/{file.filename}"
    copy = get_client().copy_object(
        Bucket=STORE["bucket_name"], Key=path, CopySource=source, CopySourceIfMatch=head["ETag"]
    )
    values = {"file_path": path, "etag": copy["CopyObjectResult"]["ETag"].strip('"'), "completed_at": timezone.now()}
    File.objects.filter(pk=number).update(upload_status=File.COMPLETED, **values)
    return JsonResponse({"id": str(number), "status": "COMPLETED"})


@csrf_exempt
def drop(request: HttpRequest) -> HttpResponse:
    """Read a body and forget it, which is the least that an upload through a server costs."""
    while request.read(MIB):
        pass
    return HttpResponse()


def zeros(request: HttpRequest, mebibytes: int) -> StreamingHttpResponse:
    """Return bytes from nowhere, which is the least that a download through a server costs."""
    pieces = (bytes(MIB) for _ in range(mebibytes))
    return StreamingHttpResponse(pieces, headers={"Content-Length": str(mebibytes * MIB)})


urlpatterns = [
    path("plain/drop", drop),
    path("plain/zeros/<int:mebibytes>", zeros),
    path("plain/initiate", initiate),
    path("plain/files", page),
    path("plain/finalize/<uuid:number>", finalize),
    *project_urls,
]
