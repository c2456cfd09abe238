"""Payloads of the mutations. The values that the domain returns resolve their fields, attribute by attribute."""

from datetime import datetime
from typing import Any, Self

import strawberry

from fileman import models, uploads
from fileman.graphql.enums import UploadMethod
from fileman.graphql.errors import UploadError
from fileman.graphql.fields import field, optional
from fileman.graphql.guard import mark_row
from fileman.graphql.scalars import BigInt
from fileman.graphql.types import File, FileManager


@strawberry.type(description="A name and a value.")
class UploadNameValue:
    name: str = field("The name.", resolver=lambda root: root[0])
    value: str = field("The value.", resolver=lambda root: root[1])


@strawberry.type(description="One signed HTTP request that carries a slice of the file.")
class UploadRequest:
    part_number: int = field(
        "Number of the slice within the file, from 1.", resolver=lambda root: root.slice.part_number
    )
    offset: BigInt = field("Start of the slice in the file, in bytes.", resolver=lambda root: root.slice.offset)
    length: BigInt = field("Length of the slice in bytes.", resolver=lambda root: root.slice.length)
    method: UploadMethod = field("HTTP method of the request.")
    url: str = field("Signed URL to send the request to.")
    headers: list[UploadNameValue] = field(
        "Headers to set, without those that browsers set themselves, such as Content-Length and Host."
    )
    fields: list[UploadNameValue] = field(
        "Form fields. With fields, send multipart/form-data: these fields in order, then the slice as "
        "fileField. Without fields, the slice is the body."
    )
    file_field: str | None = field("Name of the form field for the slice. Null without fields.")
    success_status: list[int] = field("HTTP status codes that mean success.")


@strawberry.type(
    description="How to send the bytes, in the same way for every storage: send the requests. After a status outside "
    "successStatus or a network error, wait, call refreshUpload and follow its instructions. If hasMore is true, call "
    "refreshUpload for the next requests. When all bytes are sent, call finalizeUpload."
)
class UploadInstructions:
    ordered: bool = field("True: send one request after another. False: send up to maxConcurrency at once.")
    max_concurrency: int = field("Maximum number of requests to send at once.")
    part_size: BigInt = field("Length of each slice but the last, in bytes.")
    total_parts: int = field("Number of slices of the whole file.")
    has_more: bool = field("True: more requests follow. Call refreshUpload for them once these are sent.")
    expires_at: datetime = field(
        "Time when the signatures of these requests expire. refreshUpload signs new ones until file.expiresAt."
    )
    requests: list[UploadRequest] = field("The requests to send.")


@strawberry.type(description="The result for one file of the batch: a file with instructions, or errors.")
class UploadTicket:
    index: int = field("Position of the file in the input, from 0.")
    client_ref: str | None = field("The clientRef of the input.")
    file: models.File | None = field("The reserved file. Null if it was refused.", graphql_type=File | None)
    upload_token: str | None = field(
        "Secret token for refreshUpload, finalizeUpload and abortUpload. refreshUpload returns it "
        "again if it gets the fileId."
    )
    instructions: UploadInstructions | None = field(
        "How to send the bytes. Null if the file was refused, or is no longer pending."
    )
    replayed: bool = field("True if the idempotency key matched an earlier upload.")
    errors: list[UploadError] = field(
        "Why the file was refused. Empty if it was accepted.",
        resolver=lambda root: [UploadError.from_error(error) for error in root.errors],
    )


@strawberry.type
class Payload:
    success: bool = field("True if there are no errors.")
    errors: list[UploadError] = field("Why the call did not succeed. Empty if it did.")


@strawberry.type(description="The result of initiateUpload.")
class InitiateUploadPayload(Payload):
    success: bool = field("True if every file was accepted.")
    errors: list[UploadError] = field("Why the whole batch was refused. Errors of single files are in their tickets.")
    files: list[uploads.Ticket] = field(
        "One ticket per file of the input, in the same order. Empty if the whole batch was refused.",
        graphql_type=list[UploadTicket],
        default_factory=list,
    )
    file_manager: models.FileManager | None = optional(
        "The file manager that was chosen. Null if the whole batch was refused.", graphql_type=FileManager | None
    )

    @classmethod
    def from_batch(cls, batch: uploads.Batch) -> Self:
        for row in filter(None, [batch.file_manager, *(ticket.file for ticket in batch.tickets)]):
            mark_row(row)
        return cls(success=batch.success, errors=[], files=list(batch.tickets), file_manager=batch.file_manager)


@strawberry.type
class FilePayload(Payload):
    file: models.File | None = optional(
        "The file as it is now. Null if the call was refused.", graphql_type=File | None
    )

    @classmethod
    def from_outcome(cls, outcome: uploads.Outcome, **more: Any) -> Self:
        """Return the file as it is now, the error that stopped the call, and more of the outcome."""
        errors = [UploadError.from_error(outcome.error)] if outcome.error else []
        return cls(success=not errors, file=mark_row(outcome.file), errors=errors, **more)


@strawberry.type
class InstructionsPayload(FilePayload):
    instructions: uploads.UploadInstructions | None = optional(
        "Requests for the missing slices. Null if there are none.", graphql_type=UploadInstructions | None
    )


@strawberry.type(
    description="The result of refreshUpload. Success without instructions: nothing is missing, call finalizeUpload."
)
class RefreshUploadPayload(InstructionsPayload):
    upload_token: str | None = optional("The token of the upload, if the call passed fileId.")


@strawberry.type(description="The result of finalizeUpload.")
class FinalizeUploadPayload(InstructionsPayload): ...


@strawberry.type(description="The result of abortUpload.")
class AbortUploadPayload(FilePayload): ...


@strawberry.type(description="The result of updateFile.")
class UpdateFilePayload(FilePayload): ...


@strawberry.type(description="The result of deleteFile.")
class DeleteFilePayload(Payload):
    deleted_file_id: strawberry.ID | None = optional("The id of the deleted file. Null if it was not deleted.")


@strawberry.type(description="The result of deleteFiles.")
class DeleteFilesPayload(Payload):
    success: bool = field("True if every file was deleted.")
    errors: list[UploadError] = field('Why files were not deleted, each with its place in the input: ["ids", "2"].')
    deleted_file_ids: list[strawberry.ID] = field("The ids of the deleted files.", default_factory=list)
