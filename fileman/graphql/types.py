"""What clients may see of files, managers, users and groups. What is absent here does not leave the server."""

from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry
import strawberry_django
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group as GroupModel
from django.utils import timezone
from strawberry import Parent, relay
from strawberry.scalars import JSON

from fileman import access, conf, files, models
from fileman.graphql.context import Info
from fileman.graphql.ids import opaque
from fileman.graphql.scalars import BigInt
from fileman.validation import acceptance

UserModel = get_user_model()
strawberry.enum(models.File.Status, name="UploadStatus")


@strawberry.enum
class ContentDisposition(Enum):
    ATTACHMENT = "attachment"
    INLINE = "inline"


@strawberry_django.type(UserModel, description="Opaque id; not a Node")
class User:
    @strawberry_django.field(only=[UserModel.USERNAME_FIELD])
    @staticmethod
    def id(root: Parent[AbstractBaseUser]) -> strawberry.ID:
        return opaque("User", root.pk)

    @strawberry_django.field(only=[UserModel.USERNAME_FIELD])
    @staticmethod
    def username(root: Parent[AbstractBaseUser]) -> str:
        return str(root.get_username())


@strawberry_django.type(GroupModel, description="Opaque id, the one that groupId takes; not a Node")
class Group:
    name: str

    @strawberry_django.field(only=["id"])
    @staticmethod
    def id(root: Parent[GroupModel]) -> strawberry.ID:
        return opaque("Group", root.pk)


@strawberry_django.type(models.FileManager, description="Where files go and what is allowed")
class FileManager(relay.Node):
    id: relay.NodeID[UUID]
    name: str
    backend_type: str = strawberry_django.field(description="file, s3, azure, gcs, or the key of a registered backend")
    is_active: bool
    is_default: bool
    supports_direct_upload: bool
    allowed_extensions: list[str]
    allowed_mime_types: list[str]
    group: Group | None

    @strawberry_django.field(only=["max_file_size", *files.MANAGER_COLUMNS])
    @staticmethod
    def max_file_size(root: Parent[models.FileManager]) -> BigInt:
        return BigInt(root.max_file_bytes)

    @strawberry_django.field
    @staticmethod
    def max_files_per_batch() -> int:
        return conf.settings().MAX_BATCH_FILES

    @strawberry_django.field(
        only=files.MANAGER_COLUMNS, description="Which checksums can be verified for a file of that size"
    )
    @staticmethod
    def checksum_algorithms(root: Parent[models.FileManager], for_size: BigInt | None = None) -> list[str]:
        return acceptance.checksum_algorithms(root, for_size)


@strawberry_django.type(models.File, only=files.DOWNLOAD_COLUMNS, select_related=("file_manager",))
class File(relay.Node):
    """One upload and, once completed, one file."""

    id: relay.NodeID[UUID]
    filename: str = strawberry_django.field(description="Name in the storage: document_20231201_<random>.pdf")
    original_filename: str = strawberry_django.field(description="Name that the uploader gave")
    file_size: BigInt = strawberry_django.field(description="Declared until completed, then what the storage reported")
    content_type: str
    upload_status: models.File.Status
    checksum_verified: bool = strawberry_django.field(
        description="True only when the server or the storage computed it over the stored bytes"
    )
    is_public: bool
    created: datetime
    modified: datetime
    completed_at: datetime | None

    @strawberry_django.field(description="Only for those who may update the file")
    @staticmethod
    def file_path(root: Parent[models.File], info: Info) -> str | None:
        return root.file_path if access.may_update(info.context.caller, root) else None

    @strawberry_django.field(only=["detected_content_type"], description="What the first bytes say, when completed")
    @staticmethod
    def detected_content_type(root: Parent[models.File]) -> str | None:
        return root.detected_content_type or None

    @strawberry_django.field(only=["failure_reason"])
    @staticmethod
    def failure_reason(root: Parent[models.File]) -> str | None:
        return root.failure_reason or None

    @strawberry_django.field(only=["checksum"])
    @staticmethod
    def checksum(root: Parent[models.File]) -> str | None:
        return root.checksum or None

    @strawberry_django.field(
        only=["metadata"], description="Null for anonymous viewers of public files, as uploadedBy and group are"
    )
    @staticmethod
    def metadata(root: Parent[models.File], info: Info) -> JSON | None:
        return JSON(root.metadata) if info.context.caller.is_signed_in else None

    @strawberry_django.field(only=["expires_at"], description="Deadline of an unfinished upload")
    @staticmethod
    def expires_at(root: Parent[models.File]) -> datetime | None:
        return root.expires_at if root.upload_status in models.File.UNFINISHED else None

    @strawberry_django.field(select_related=["uploaded_by"], graphql_type=User | None)
    @staticmethod
    def uploaded_by(root: Parent[models.File], info: Info) -> object:
        return root.uploaded_by if info.context.caller.is_signed_in else None

    @strawberry_django.field(select_related=["group"], graphql_type=Group | None)
    @staticmethod
    def group(root: Parent[models.File], info: Info) -> GroupModel | None:
        return root.group if info.context.caller.is_signed_in else None

    @strawberry_django.field(
        select_related=["file_manager"],
        graphql_type=FileManager | None,
        description="Null when the viewer may not use it",
    )
    @staticmethod
    def file_manager(root: Parent[models.File], info: Info) -> models.FileManager | None:
        return root.file_manager if access.may_use_manager(info.context.caller, root.file_manager) else None

    @strawberry_django.field(
        description="Stable link to share among those who may see the file: checks access, then redirects"
    )
    @staticmethod
    def permalink(root: Parent[models.File], info: Info) -> str | None:
        return files.permalink(caller=info.context.caller, file=root)

    @strawberry_django.field(
        description="Signed by the storage backend; null unless completed and the viewer may download it. "
        "expiresIn is in seconds and clamped"
    )
    @staticmethod
    def download_url(
        root: Parent[models.File],
        info: Info,
        expires_in: int | None = None,
        disposition: ContentDisposition = ContentDisposition.ATTACHMENT,
    ) -> str | None:
        return files.download_url(
            caller=info.context.caller,
            file=root,
            expires_in=expires_in,
            disposition=disposition.value,
            now=timezone.now(),
        )

    @strawberry_django.field
    @staticmethod
    def viewer_can_update(root: Parent[models.File], info: Info) -> bool:
        return access.may_update(info.context.caller, root)

    @strawberry_django.field
    @staticmethod
    def viewer_can_delete(root: Parent[models.File], info: Info) -> bool:
        return access.may_delete(info.context.caller, root)
