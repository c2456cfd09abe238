"""The enums of the API, with a description of each value."""

from enum import Enum
from typing import Any

import strawberry

from fileman.errors import ErrorCode
from fileman.graphql.names import prefixed
from fileman.models import File

_enum_value: Any = strawberry.enum_value  # of any type: strawberry puts the plain value in its place


def describe(enum: type[Enum], *, name: str, description: str, **values: str) -> None:
    """Make a GraphQL enum of a Python enum, with a description of each value."""
    strawberry.enum(enum, name=prefixed(name), description=description)
    definition: Any = enum.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = values[value.name]


@strawberry.enum(name=prefixed("ContentDisposition"), description="How a browser treats a download.")
class ContentDisposition(Enum):
    ATTACHMENT = _enum_value("attachment", description="Save the file under its original filename.")
    INLINE = _enum_value(
        "inline", description="Show the file in the browser. Applies to raster images only; other files are saved."
    )


@strawberry.enum(name=prefixed("UploadMethod"), description="The HTTP method of an upload request.")
class UploadMethod(Enum):
    POST = _enum_value("POST", description="Send a POST request with the fields as multipart/form-data.")
    PUT = _enum_value("PUT", description="Send a PUT request with the slice of the file as the body.")


@strawberry.enum(name=prefixed("FileOrdering"), description="A sort direction.")
class FileOrdering(Enum):
    ASC = _enum_value("", description="Smallest first.")
    DESC = _enum_value("-", description="Largest first.")


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
_STABLE = "The stable code of an error. New codes may be added; none is ever renamed."
_CODES = {code.name: code.description for code in ErrorCode}
describe(ErrorCode, name="UploadErrorCode", description=_STABLE, **_CODES)
