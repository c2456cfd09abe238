"""The enums of the API, with a description of each value."""

from enum import Enum
from typing import Any

import strawberry

from fileman.errors import ErrorCode
from fileman.graphql.names import prefixed
from fileman.models import File


def describe(enum: type[Enum], *, name: str, description: str, **values: str) -> None:
    """Make a GraphQL enum of a Python enum, with a description of each value."""
    strawberry.enum(enum, name=prefixed(name), description=description)
    definition: Any = enum.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = values[value.name]


class ContentDisposition(Enum):
    ATTACHMENT = "attachment"
    INLINE = "inline"


class UploadMethod(Enum):
    POST = "POST"
    PUT = "PUT"


class FileOrdering(Enum):
    ASC = ""
    DESC = "-"


describe(
    ContentDisposition,
    name="ContentDisposition",
    description="How a browser treats a download.",
    ATTACHMENT="Save the file under its original filename.",
    INLINE="Show the file in the browser. Applies to raster images only; other files are saved.",
)
describe(
    UploadMethod,
    name="UploadMethod",
    description="The HTTP method of an upload request.",
    POST="Send a POST request with the fields as multipart/form-data.",
    PUT="Send a PUT request with the slice of the file as the body.",
)
describe(
    FileOrdering, name="FileOrdering", description="A sort direction.", ASC="Smallest first.", DESC="Largest first."
)
describe(
    File.Status,
    name="UploadStatus",
    description="The state of an upload.",
    PENDING="Reserved. The client sends the bytes, then calls finalizeUpload.",
    VERIFYING="finalizeUpload is verifying and publishing the file.",
    COMPLETED="Verified and published. The file can be downloaded.",
    FAILED="Verification failed for good. Start a new upload.",
    EXPIRED="The deadline passed before the upload was completed.",
    ABORTED="The upload was aborted.",
)
describe(
    ErrorCode,
    name="UploadErrorCode",
    description="The stable code of an error. New codes may be added; none is ever renamed.",
    **{code.name: code.description for code in ErrorCode},
)
