"""Arguments of the mutations. Names and nullability are the contract; which values are allowed the domain decides."""

import strawberry
from strawberry.scalars import JSON

from fileman.graphql.ids import group_key_of, uuid_of
from fileman.graphql.scalars import BigInt
from fileman.uploads import DeclaredFile, InitiateRequest


@strawberry.input
class UploadFileInput:
    filename: str
    content_type: str = strawberry.field(
        default="", description="Empty when the browser does not know it: then taken from the file name"
    )
    size: BigInt
    checksum: str | None = strawberry.field(
        default=None, description="'<algorithm>:<hex>', one of fileManager.checksumAlgorithms"
    )
    metadata: JSON | None = None
    is_public: bool | None = strawberry.field(default=None, description="Absent: the manager's default")
    client_ref: str | None = strawberry.field(default=None, description="Echoed back, to pair results with local files")

    def declared(self) -> DeclaredFile:
        return DeclaredFile(
            filename=self.filename,
            size=self.size,
            content_type=self.content_type,
            checksum=self.checksum,
            metadata=self.metadata,
            is_public=self.is_public,
            client_ref=self.client_ref,
        )


@strawberry.input
class InitiateUploadInput:
    files: list[UploadFileInput] = strawberry.field(description="1 to fileManager.maxFilesPerBatch")
    file_manager_id: strawberry.ID | None = None
    group_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The group that will own the files; also chooses its default manager when fileManagerId is absent",
    )
    metadata: JSON | None = strawberry.field(default=None, description="Merged under each file's own metadata")
    atomic: bool = strawberry.field(default=False, description="True: one refused file refuses all")
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="1-128 characters. The same key and input replay the same uploads: a new token, the earlier one "
        "stops working; a file no longer pending comes back without token or instructions",
    )

    def request(self) -> InitiateRequest:
        return InitiateRequest(
            files=[file.declared() for file in self.files],
            file_manager_id=None if self.file_manager_id is None else uuid_of("FileManager", self.file_manager_id),
            group_id=None if self.group_id is None else group_key_of(self.group_id),
            metadata=self.metadata,
            atomic=self.atomic,
            idempotency_key=self.idempotency_key,
        )


@strawberry.input(
    description="Exactly one of the two. fileId is for the owner, and issues a new token "
    "(resume on another page or device)."
)
class RefreshUploadInput:
    upload_token: str | None = None
    file_id: strawberry.ID | None = None


@strawberry.input
class FinalizeUploadInput:
    upload_token: str
    file_size: BigInt | None = strawberry.field(
        default=None, description="What the client believes it sent; must agree with what the storage holds"
    )
    checksum: str | None = None
    metadata: JSON | None = strawberry.field(default=None, description="Merged over the metadata given at initiate")


@strawberry.input
class AbortUploadInput:
    upload_token: str


@strawberry.input
class UpdateFileInput:
    id: strawberry.ID
    original_filename: str | None = None
    metadata: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="Replaces all of it. Absent: unchanged; null: emptied"
    )
    is_public: bool | None = None


@strawberry.input
class DeleteFileInput:
    id: strawberry.ID
