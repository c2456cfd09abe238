"""The mutations, each a field to pick into a Mutation type. Each makes one call into the domain."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import strawberry
from django.db import connection
from django.utils import timezone
from strawberry_django.resolvers import django_resolver

from fileman import files, uploads
from fileman.errors import FilemanError, StorageMisconfigured
from fileman.graphql import inputs, payloads
from fileman.graphql.context import Info, get_caller, get_request
from fileman.graphql.errors import UploadError
from fileman.graphql.ids import to_global_id, to_uuid
from fileman.graphql.payloads import Payload
from fileman.uploads import Outcome


def _mutation(description: str) -> Callable[[Callable[..., Payload]], Any]:
    """Return a decorator that makes a mutation of a resolver. Domain errors become its payload."""

    def decorate(resolver: Callable[..., Payload]) -> Any:
        payload: type[Payload] = resolver.__annotations__["return"]

        @wraps(resolver)
        def resolve(info: Info, input: Any) -> Payload:
            try:
                _require_no_transaction(info)
                return resolver(info, input)
            except FilemanError as error:
                return payload(success=False, errors=[UploadError.from_error(error)])

        field = strawberry.mutation(django_resolver(resolve), description=description)
        (argument,) = field.arguments
        input_type: Any = argument.type
        argument.description = input_type.__strawberry_definition__.description
        return field

    return decorate


def _require_no_transaction(info: Info) -> None:
    """Raise StorageMisconfigured under ATOMIC_REQUESTS: what a storage did cannot be rolled back."""
    match = get_request(info).resolver_match
    exempt = getattr(match and match.func, "_non_atomic_requests", ())
    if match is not None and connection.settings_dict["ATOMIC_REQUESTS"] and connection.alias not in exempt:
        raise StorageMisconfigured(
            "The server runs this request in a transaction, which file storage does not allow. Ask an administrator to "
            "wrap the GraphQL view in django.db.transaction.non_atomic_requests."
        )


@_mutation(
    "Reserve one upload per file and return signed requests. The tickets have the length and order of the input."
)
def initiate_upload(info: Info, input: inputs.InitiateUploadInput) -> payloads.InitiateUploadPayload:
    batch = uploads.initiate(caller=get_caller(info), request=input.to_request(), now=timezone.now())
    return payloads.InitiateUploadPayload.from_batch(batch)


@_mutation(
    "Return freshly signed requests for the missing slices: after errors, for the next requests, or to resume after a "
    "page reload."
)
def refresh_upload(info: Info, input: inputs.RefreshUploadInput) -> payloads.RefreshUploadPayload:
    key = None if input.file_id is None else to_uuid("File", input.file_id)
    outcome = uploads.refresh(caller=get_caller(info), upload_token=input.upload_token, file_id=key, now=timezone.now())
    more = {"instructions": outcome.instructions, "upload_token": outcome.upload_token}
    return payloads.RefreshUploadPayload.from_outcome(outcome, **more)


@_mutation("Verify the stored bytes and publish the file. Safe to repeat.")
def finalize_upload(info: Info, input: inputs.FinalizeUploadInput) -> payloads.FinalizeUploadPayload:
    outcome = uploads.finalize(caller=get_caller(info), now=timezone.now(), **vars(input))
    return payloads.FinalizeUploadPayload.from_outcome(outcome, instructions=outcome.instructions)


@_mutation("Abort an upload and delete its stored bytes. Safe to repeat.")
def abort_upload(info: Info, input: inputs.AbortUploadInput) -> payloads.AbortUploadPayload:
    outcome = uploads.abort(caller=get_caller(info), upload_token=input.upload_token, now=timezone.now())
    return payloads.AbortUploadPayload.from_outcome(outcome)


@_mutation("Rename a file, replace its metadata, publish or withdraw it.")
def update_file(info: Info, input: inputs.UpdateFileInput) -> payloads.UpdateFilePayload:
    metadata: Any = files.UNCHANGED if input.metadata is strawberry.UNSET else input.metadata
    changes = {"original_filename": input.original_filename, "metadata": metadata, "is_public": input.is_public}
    file = files.update(caller=get_caller(info), file_id=to_uuid("File", input.id), now=timezone.now(), **changes)
    return payloads.UpdateFilePayload.from_outcome(Outcome(file=file))


@_mutation("Delete a file and its stored bytes. An unfinished upload is aborted. Safe to repeat.")
def delete_file(info: Info, input: inputs.DeleteFileInput) -> payloads.DeleteFilePayload:
    key = files.delete(caller=get_caller(info), file_id=to_uuid("File", input.id), now=timezone.now())
    return payloads.DeleteFilePayload(success=True, deleted_file_id=to_global_id("File", key), errors=[])


@_mutation("Delete a selection of files, each as deleteFile does. One that fails does not stop the others.")
def delete_files(info: Info, input: inputs.DeleteFilesInput) -> payloads.DeleteFilesPayload:
    keys = [to_uuid("File", one) for one in input.ids]
    deleted, failed = files.delete_all(caller=get_caller(info), ids=keys, now=timezone.now())
    errors = [UploadError.from_error(error) for error in failed]
    ids = [to_global_id("File", key) for key in deleted]
    return payloads.DeleteFilesPayload(success=not errors, errors=errors, deleted_file_ids=ids)
