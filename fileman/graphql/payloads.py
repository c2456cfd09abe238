"""Answers of the mutations: what the domain returned, in the shape of the contract."""

from datetime import datetime
from enum import Enum
from typing import Self

import strawberry

from fileman import models, uploads
from fileman.errors import FilemanError
from fileman.graphql.errors import UploadError
from fileman.graphql.scalars import BigInt
from fileman.graphql.types import File, FileManager


@strawberry.enum
class HttpMethod(Enum):
    POST = "POST"
    PUT = "PUT"


@strawberry.type
class NameValue:
    name: str
    value: str

    @classmethod
    def all_of(cls, pairs: tuple[tuple[str, str], ...]) -> list[Self]:
        return [cls(name=name, value=value) for name, value in pairs]


@strawberry.type
class UploadRequest:
    part_number: int
    offset: BigInt = strawberry.field(description="The slice of the file to send")
    length: BigInt
    method: HttpMethod
    url: str
    headers: list[NameValue] = strawberry.field(
        description="Headers to set; never one that browsers forbid (Content-Length, Host)"
    )
    fields: list[NameValue] = strawberry.field(
        description="Not empty: send multipart/form-data, these fields in order, then the slice under fileField"
    )
    file_field: str | None
    success_status: list[int]

    @classmethod
    def of(cls, request: uploads.UploadRequest) -> Self:
        return cls(
            part_number=request.slice.part_number,
            offset=BigInt(request.slice.offset),
            length=BigInt(request.slice.length),
            method=HttpMethod(request.method),
            url=request.url,
            headers=NameValue.all_of(request.headers),
            fields=NameValue.all_of(request.fields),
            file_field=request.file_field,
            success_status=list(request.success_status),
        )


@strawberry.type(
    description="How to send the bytes, the same for every storage: send the requests; on any status outside "
    "successStatus or a\nnetwork error back off, call refreshUpload and obey it; when hasMore, refreshUpload; at the "
    "end finalizeUpload."
)
class UploadInstructions:
    requests: list[UploadRequest]
    ordered: bool = strawberry.field(
        description="True: one after another (a resumable session). False: up to maxConcurrency at once"
    )
    max_concurrency: int
    part_size: BigInt
    total_parts: int
    has_more: bool = strawberry.field(description="True: call refreshUpload for the next window once these are sent")
    expires_at: datetime = strawberry.field(
        description="When these requests lapse; refreshUpload signs new ones until file.expiresAt"
    )

    @classmethod
    def of(cls, instructions: uploads.UploadInstructions | None) -> Self | None:
        if instructions is None:
            return None
        return cls(
            requests=[UploadRequest.of(request) for request in instructions.requests],
            ordered=instructions.ordered,
            max_concurrency=instructions.max_concurrency,
            part_size=BigInt(instructions.part_size),
            total_parts=instructions.total_parts,
            has_more=instructions.has_more,
            expires_at=instructions.expires_at,
        )


@strawberry.type(description="One file's place in the batch: either a file with instructions, or errors.")
class UploadTicket:
    index: int
    client_ref: str | None
    file: models.File | None = strawberry.field(graphql_type=File | None)
    upload_token: str | None = strawberry.field(
        description="Secret; shown only here. Finalize, refresh and abort take it."
    )
    instructions: UploadInstructions | None
    replayed: bool = strawberry.field(description="True when an idempotency key matched an earlier upload")
    errors: list[UploadError]

    @classmethod
    def of(cls, ticket: uploads.Ticket) -> Self:
        return cls(
            index=ticket.index,
            client_ref=ticket.client_ref,
            file=ticket.file,
            upload_token=ticket.upload_token,
            instructions=UploadInstructions.of(ticket.instructions),
            replayed=ticket.replayed,
            errors=[UploadError.of(error) for error in ticket.errors],
        )


@strawberry.type
class Payload:
    success: bool
    errors: list[UploadError]

    @classmethod
    def refused(cls, error: FilemanError) -> Self:
        """The answer to a request that the domain raised an error for."""
        return cls(success=False, errors=[UploadError.of(error)])


@strawberry.type
class InitiateUploadPayload(Payload):
    success: bool = strawberry.field(description="True when every file was accepted")
    files: list[UploadTicket] = strawberry.field(default_factory=list)
    file_manager: models.FileManager | None = strawberry.field(graphql_type=FileManager | None, default=None)

    @classmethod
    def of(cls, batch: uploads.Batch) -> Self:
        return cls(
            success=batch.success,
            files=[UploadTicket.of(ticket) for ticket in batch.tickets],
            file_manager=batch.file_manager,
            errors=[],
        )


@strawberry.type
class FilePayload(Payload):
    file: models.File | None = strawberry.field(graphql_type=File | None, default=None)

    @classmethod
    def of(cls, outcome: uploads.Outcome) -> Self:
        """The file as it is now, and why the call did not reach its end."""
        errors = [UploadError.of(outcome.error)] if outcome.error else []
        return cls(success=not errors, file=outcome.file, errors=errors)


@strawberry.type(description="With success and no instructions nothing is missing: finalize.")
class RefreshUploadPayload(FilePayload):
    upload_token: str | None = None
    instructions: UploadInstructions | None = None

    @classmethod
    def of(cls, outcome: uploads.Outcome) -> Self:
        payload = super().of(outcome)
        payload.upload_token = outcome.upload_token
        payload.instructions = UploadInstructions.of(outcome.instructions)
        return payload


@strawberry.type
class FinalizeUploadPayload(FilePayload):
    instructions: UploadInstructions | None = strawberry.field(
        default=None, description="Only what the storage still lacks; null when nothing does"
    )

    @classmethod
    def of(cls, outcome: uploads.Outcome) -> Self:
        payload = super().of(outcome)
        payload.instructions = UploadInstructions.of(outcome.instructions)
        return payload


@strawberry.type
class AbortUploadPayload(FilePayload):
    pass


@strawberry.type
class UpdateFilePayload(FilePayload):
    pass


@strawberry.type
class DeleteFilePayload(Payload):
    deleted_file_id: strawberry.ID | None = None
