"""Files and file managers as clients see them. A field that is absent here never leaves the server."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry
import strawberry_django
from django.contrib.auth.models import Group as GroupModel
from django.utils import timezone
from strawberry import Parent, argument, relay
from strawberry.scalars import JSON

from fileman import access, conf, files, models
from fileman.graphql.context import Info, get_caller
from fileman.graphql.enums import ContentDisposition
from fileman.graphql.fields import field as plain_field
from fileman.graphql.fields import model_field as field
from fileman.graphql.guard import Guarded
from fileman.graphql.scalars import BigInt
from fileman.graphql.users import GroupType, UserType
from fileman.validation import acceptance

_DISPOSITION = "Whether browsers save or show the file."
_LIFETIME = "Lifetime of the URL in seconds; at most, and by default, the storage's."


@strawberry_django.type(models.FileManager, description="A place where files are stored, and what it accepts.")
class FileManager(Guarded, relay.Node):
    find_visible = staticmethod(lambda caller: access.policy().open_managers(caller))
    may_see = staticmethod(lambda caller, row: access.policy().may_use_manager(caller, row))

    id: relay.NodeID[UUID]
    name: str = field("Name of the file manager.")
    backend_type: str = field("The kind of storage: file, s3, azure, gcs, or the key of a registered backend.")
    is_active: bool = field("True if the file manager accepts uploads.")
    is_default: bool = field("True if uploads go here when they name no file manager, within its group or site-wide.")
    supports_direct_upload: bool = field(
        "True if clients send the bytes to the storage, false if they send them to this server."
    )
    allowed_extensions: list[str] = field("Accepted file extensions. Empty: all.")
    allowed_mime_types: list[str] = field("Accepted content types, such as image/png or image/*. Empty: all.")
    group: GroupModel | None = field(
        "The group that may use the file manager. Null: all signed-in users.", graphql_type=GroupType | None
    )

    @field("Maximum size of a file in bytes.", only=["max_file_size", *files.MANAGER_COLUMNS])
    @staticmethod
    def max_file_size(root: Parent[models.FileManager]) -> BigInt:
        return BigInt(root.max_file_bytes)

    @field("Maximum number of files in one initiateUpload.")
    @staticmethod
    def max_files_per_batch() -> int:
        return conf.settings().MAX_BATCH_FILES

    @field(
        "Algorithms of checksums that can be verified for files of some size, such as sha256.",
        only=files.MANAGER_COLUMNS,
    )
    @staticmethod
    def checksum_algorithms(
        root: Parent[models.FileManager],
        for_size: Annotated[
            BigInt | None, argument(description="Return only algorithms for a file of this size in bytes.")
        ] = None,
    ) -> list[str]:
        return acceptance.checksum_algorithms(root, for_size)


def _may_see_details(info: Info, file: models.File) -> bool:
    return access.policy().may_see_details(get_caller(info), file)


@strawberry_django.type(
    models.File,
    only=files.DOWNLOAD_COLUMNS,
    select_related=("file_manager",),
    description="An upload and, once completed, a stored file.",
)
class File(Guarded, relay.Node):
    find_visible = staticmethod(lambda caller: access.policy().visible_files(caller))
    may_see = staticmethod(lambda caller, row: access.policy().may_see(caller, row))

    id: relay.NodeID[UUID]
    filename: str = field("Name in the storage, with a date and a random part: report_20231201_<random>.pdf.")
    original_filename: str = field("Name that the uploader chose.")
    file_size: BigInt = field("Size in bytes: declared until completed, then as the storage reported it.")
    content_type: str = field("Content type: declared, or the true one if the bytes have shown it.")
    upload_status: models.File.Status = field("State of the upload.")
    checksum_verified: bool = field(
        "True only if the server or the storage computed the checksum over the stored bytes."
    )
    is_public: bool = field("True if users who are not signed in may download the file once it is completed.")
    created: datetime = field("Time of initiateUpload.")
    modified: datetime = field("Time of the last change.")
    completed_at: datetime | None = field("Time when the upload was completed. Null until then.")

    @field("Path in the storage. Null until completed, and unless the viewer may update the file.")
    @staticmethod
    def file_path(root: Parent[models.File], info: Info) -> str | None:
        is_completed = root.upload_status == models.File.COMPLETED
        return root.file_path if is_completed and access.policy().may_update(get_caller(info), root) else None

    @field(
        "Content type detected from the first bytes. Null until completed, or if unknown.",
        only=["detected_content_type"],
    )
    @staticmethod
    def detected_content_type(root: Parent[models.File]) -> str | None:
        return root.detected_content_type or None

    @field("Why the upload failed. Null unless it did.", only=["failure_reason"])
    @staticmethod
    def failure_reason(root: Parent[models.File]) -> str | None:
        return root.failure_reason or None

    @field("Checksum as '<algorithm>:<hex>'. Null if none was declared or computed.", only=["checksum"])
    @staticmethod
    def checksum(root: Parent[models.File]) -> str | None:
        return root.checksum or None

    @field("JSON object set by the uploader. Null if the viewer only sees a public file.", only=["metadata"])
    @staticmethod
    def metadata(root: Parent[models.File], info: Info) -> JSON | None:
        return JSON(root.metadata) if _may_see_details(info, root) else None

    @field("Deadline of the upload. Null unless it is unfinished.", only=["expires_at"])
    @staticmethod
    def expires_at(root: Parent[models.File]) -> datetime | None:
        return root.expires_at if root.upload_status in models.File.UNFINISHED else None

    @field(
        "The uploader. Null if the user was deleted, or the viewer only sees a public file.",
        select_related=["uploaded_by"],
        graphql_type=UserType | None,
    )
    @staticmethod
    def uploaded_by(root: Parent[models.File], info: Info) -> object:
        return root.uploaded_by if _may_see_details(info, root) else None

    @field(
        "The group that owns the file. Null for personal files, or if the viewer only sees a public file.",
        select_related=["group"],
        graphql_type=GroupType | None,
    )
    @staticmethod
    def group(root: Parent[models.File], info: Info) -> GroupModel | None:
        return root.group if _may_see_details(info, root) else None

    # Not called file_manager: the optimizer would fetch the managers apart, because their type has a get_queryset.
    @field(
        "The file manager that stores the file. Null if the viewer may not use it.",
        name="fileManager",
        only=[f"file_manager__{column.name}" for column in models.FileManager._meta.concrete_fields],  # noqa: SLF001
        select_related=["file_manager__group"],
        graphql_type=FileManager | None,
    )
    @staticmethod
    def shown_manager(root: Parent[models.File], info: Info) -> models.FileManager | None:
        return root.file_manager if access.policy().may_use_manager(get_caller(info), root.file_manager) else None

    @field(
        "Stable link that checks access, then redirects to a download URL. Share it with users who may see "
        "the file. Null unless completed."
    )
    @staticmethod
    def permalink(root: Parent[models.File], info: Info) -> str | None:
        return files.permalink(caller=get_caller(info), file=root)

    @field("Signed URL to download the file. Null unless completed and visible to the viewer.")
    @staticmethod
    def download_url(
        root: Parent[models.File],
        info: Info,
        expires_in: Annotated[int | None, argument(description=_LIFETIME)] = None,
        disposition: Annotated[ContentDisposition, argument(description=_DISPOSITION)] = ContentDisposition.ATTACHMENT,
    ) -> str | None:
        return files.download_url(
            caller=get_caller(info), file=root, expires_in=expires_in, disposition=disposition.value, now=timezone.now()
        )

    @field("True if browsers show the file at its INLINE downloadUrl. False: they save it.")
    @staticmethod
    def displays_inline(root: Parent[models.File]) -> bool:
        return files.displays_inline(root)

    @field("Claims the file for its slot. Null unless the viewer may do so.", only=["slot", "attached_to"])
    @staticmethod
    def handle(root: Parent[models.File], info: Info) -> str | None:
        return root.handle if access.policy().is_uploader(get_caller(info), root) else None

    @field("True if the viewer may call updateFile on this file.")
    @staticmethod
    def viewer_can_update(root: Parent[models.File], info: Info) -> bool:
        return access.policy().may_update(get_caller(info), root)

    @field("True if the viewer may call deleteFile on this file.")
    @staticmethod
    def viewer_can_delete(root: Parent[models.File], info: Info) -> bool:
        return access.policy().may_delete(get_caller(info), root)


@strawberry.type(description="What a user's files and unfinished uploads hold.")
class FileUsage:
    used_bytes: BigInt = plain_field("Bytes of the user's files, unfinished uploads included.")
    quota_bytes: BigInt | None = plain_field("The most bytes that they may have. Null: no quota.")
    unfinished_bytes: BigInt = plain_field("Bytes that unfinished uploads have declared.")
    unfinished_uploads: int = plain_field("Number of unfinished uploads.")
    max_unfinished_uploads: int = plain_field("The most unfinished uploads at once.")
    groups: list[GroupModel] = plain_field("The user's groups, whose ids groupId takes.", graphql_type=list[GroupType])
