"""Inputs of the mutations. The domain, not these types, decides which values are allowed."""

from typing import Any

import strawberry
from strawberry.scalars import JSON

from fileman.graphql.fields import field, optional
from fileman.graphql.ids import to_group_key, to_uuid
from fileman.graphql.scalars import BigInt
from fileman.uploads import DeclaredFile, InitiateRequest

_CHECKSUM = "Checksum of the whole file as '<algorithm>:<hex>'. The algorithm is one of fileManager.checksumAlgorithms."


@strawberry.input(description="A file to upload, as the client declares it.")
class UploadFileInput:
    filename: str = field("Name of the file on the client, without a path.")
    content_type: str = optional("Content type, such as image/png. Empty: derived from the filename.", default="")
    size: BigInt = field("Exact size in bytes.")
    checksum: str | None = optional(_CHECKSUM)
    metadata: JSON | None = optional("JSON object to keep with the file. Its keys win over the metadata of the batch.")
    is_public: bool | None = optional(
        "True: users who are not signed in may download the file. Absent: the default of the file manager."
    )
    client_ref: str | None = optional("Any string. The ticket returns it, to match results with local files.")


def _build_upload_file(cls: type[UploadFileInput], value: dict[str, Any], context: Any) -> UploadFileInput:
    """Build the input. Its fields are scalars, which need none of strawberry's conversions."""
    return cls(**{one.python_name: value[context.config.name_converter.from_field(one)] for one in _DEFINITION.fields})


_DEFINITION: Any = UploadFileInput.__strawberry_definition__  # type: ignore[attr-defined]
_DEFINITION.from_input = _build_upload_file  # older releases of strawberry have no such hook, and convert each field


@strawberry.input(description="A batch of files to upload.")
class InitiateUploadInput:
    files: list[UploadFileInput] = field("The files: 1 to fileManager.maxFilesPerBatch.")
    file_manager_id: strawberry.ID | None = optional(
        "The file manager to upload to. Absent: the default of the group, or the site's."
    )
    group_id: strawberry.ID | None = optional("The group that will own the files. The viewer must be a member.")
    slot: str | None = optional("The field of a form or another API that the files are for.")
    metadata: JSON | None = optional("JSON object to keep with each file.")
    atomic: bool = optional("True: if one file is refused, all are refused.", default=False)
    idempotency_key: str | None = optional(
        "1 to 128 characters. A call with the same key and input returns the same uploads with the same "
        "tokens. A file that is no longer pending is returned without token and instructions."
    )

    def to_request(self) -> InitiateRequest:
        files = [DeclaredFile(**vars(file)) for file in self.files]
        manager = None if self.file_manager_id is None else to_uuid("FileManager", self.file_manager_id)
        group = None if self.group_id is None else to_group_key(self.group_id)
        return InitiateRequest(**vars(self) | {"files": files, "file_manager_id": manager, "group_id": group})


@strawberry.input(description="An unfinished upload of the viewer. Pass exactly one of the two fields.")
class RefreshUploadInput:
    upload_token: str | None = optional("The token that initiateUpload returned.")
    file_id: strawberry.ID | None = optional(
        "The id of the file, to resume on another page or device. The payload then has the upload's token."
    )


@strawberry.input(description="An upload whose bytes were sent.")
class FinalizeUploadInput:
    upload_token: str = field("The token that initiateUpload or refreshUpload returned.")
    file_size: BigInt | None = optional("Number of bytes sent. The upload fails if the storage has another number.")
    checksum: str | None = optional(_CHECKSUM)
    metadata: JSON | None = optional("JSON object that is merged over the metadata of initiateUpload.")


@strawberry.input(description="An unfinished upload to abort.")
class AbortUploadInput:
    upload_token: str = field("The token that initiateUpload or refreshUpload returned.")


@strawberry.input(description="Changes to a file. Absent fields stay as they are.")
class UpdateFileInput:
    id: strawberry.ID = field("The id of the file.")
    original_filename: str | None = optional(
        "New name to show and to download under. Its extension must be allowed too."
    )
    metadata: JSON | None = optional(
        "JSON object that replaces the metadata. Null: remove all metadata.", default=strawberry.UNSET
    )
    is_public: bool | None = optional(
        "True: publish the file, which may need the publish_file permission. False: withdraw it."
    )


@strawberry.input(description="A file to delete.")
class DeleteFileInput:
    id: strawberry.ID = field("The id of the file.")


@strawberry.input(description="A selection of files to delete.")
class DeleteFilesInput:
    ids: list[strawberry.ID] = field("The ids of the files, at most maxFilesPerBatch.")
