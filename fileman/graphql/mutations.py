"""The verbs. Each makes one domain call; errors of the domain are data in the payload."""

import strawberry
from django.utils import timezone

from fileman import files, uploads
from fileman.errors import FilemanError
from fileman.graphql.context import Info
from fileman.graphql.ids import opaque, uuid_of
from fileman.graphql.inputs import (
    AbortUploadInput,
    DeleteFileInput,
    FinalizeUploadInput,
    InitiateUploadInput,
    RefreshUploadInput,
    UpdateFileInput,
)
from fileman.graphql.payloads import (
    AbortUploadPayload,
    DeleteFilePayload,
    FinalizeUploadPayload,
    InitiateUploadPayload,
    RefreshUploadPayload,
    UpdateFilePayload,
)
from fileman.uploads import Outcome


@strawberry.type
class Mutation:
    @strawberry.mutation(
        description="Reserve one upload per file and hand out signed requests. "
        "Results keep the length and order of the input."
    )
    @staticmethod
    def initiate_upload(info: Info, input: InitiateUploadInput) -> InitiateUploadPayload:
        try:
            batch = uploads.initiate(caller=info.context.caller, request=input.request(), now=timezone.now())
        except FilemanError as error:
            return InitiateUploadPayload.refused(error)
        return InitiateUploadPayload.of(batch)

    @strawberry.mutation(
        description="What is still missing, freshly signed: expired URLs, the next window of parts, "
        "resume after a reload."
    )
    @staticmethod
    def refresh_upload(info: Info, input: RefreshUploadInput) -> RefreshUploadPayload:
        try:
            outcome = uploads.refresh(
                caller=info.context.caller,
                upload_token=input.upload_token,
                file_id=None if input.file_id is None else uuid_of("File", input.file_id),
                now=timezone.now(),
            )
        except FilemanError as error:
            return RefreshUploadPayload.refused(error)
        return RefreshUploadPayload.of(outcome)

    @strawberry.mutation(description="Verify what the storage holds and publish it. Safe to repeat.")
    @staticmethod
    def finalize_upload(info: Info, input: FinalizeUploadInput) -> FinalizeUploadPayload:
        try:
            outcome = uploads.finalize(
                caller=info.context.caller,
                upload_token=input.upload_token,
                file_size=input.file_size,
                checksum=input.checksum,
                metadata=input.metadata,
                now=timezone.now(),
            )
        except FilemanError as error:
            return FinalizeUploadPayload.refused(error)
        return FinalizeUploadPayload.of(outcome)

    @strawberry.mutation(description="Give an upload up and drop what it stored. Safe to repeat.")
    @staticmethod
    def abort_upload(info: Info, input: AbortUploadInput) -> AbortUploadPayload:
        try:
            outcome = uploads.abort(caller=info.context.caller, upload_token=input.upload_token, now=timezone.now())
        except FilemanError as error:
            return AbortUploadPayload.refused(error)
        return AbortUploadPayload.of(outcome)

    @strawberry.mutation(description="Change the name that users see, replace the metadata, publish or withdraw.")
    @staticmethod
    def update_file(info: Info, input: UpdateFileInput) -> UpdateFilePayload:
        try:
            file = files.update(
                caller=info.context.caller,
                file_id=uuid_of("File", input.id),
                original_filename=input.original_filename,
                metadata=files.UNCHANGED if input.metadata is strawberry.UNSET else input.metadata,
                is_public=input.is_public,
                now=timezone.now(),
            )
        except FilemanError as error:
            return UpdateFilePayload.refused(error)
        return UpdateFilePayload.of(Outcome(file=file))

    @strawberry.mutation(description="Delete a file and its stored bytes; an unfinished upload is aborted.")
    @staticmethod
    def delete_file(info: Info, input: DeleteFileInput) -> DeleteFilePayload:
        try:
            key = files.delete(caller=info.context.caller, file_id=uuid_of("File", input.id), now=timezone.now())
        except FilemanError as error:
            return DeleteFilePayload.refused(error)
        return DeleteFilePayload(success=True, deleted_file_id=opaque("File", key), errors=[])
