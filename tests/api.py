"""A client of the GraphQL API for tests. It posts documents and sends bytes as the instructions say."""

from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

from django.test import Client

INSTRUCTIONS = """
    instructions {
      requests {
        partNumber offset length method url headers { name value } fields { name value } fileField successStatus
      }
      ordered maxConcurrency partSize totalParts hasMore expiresAt
    }
"""
FILE = """
    file {
      id filename originalFilename filePath fileSize contentType detectedContentType uploadStatus failureReason
      checksum checksumVerified metadata isPublic created modified completedAt expiresAt permalink downloadUrl
      uploadedBy { id username } group { id name } fileManager { id name backendType } viewerCanUpdate viewerCanDelete
    }
"""
ERRORS = "errors { code message field retryable retryAfterSeconds }"
INITIATE = f"""
  mutation ($input: InitiateUploadInput!) {{ initiateUpload(input: $input) {{
    success fileManager {{ id name backendType }} {ERRORS}
    files {{ index clientRef uploadToken replayed {FILE} {INSTRUCTIONS} {ERRORS} }}
  }} }}
"""
REFRESH = f"""
  mutation ($input: RefreshUploadInput!) {{ refreshUpload(input: $input) {{
    success uploadToken {FILE} {INSTRUCTIONS} {ERRORS}
  }} }}
"""
FINALIZE = f"""
  mutation ($input: FinalizeUploadInput!) {{ finalizeUpload(input: $input) {{
    success {FILE} {INSTRUCTIONS} {ERRORS}
  }} }}
"""
ABORT = f"mutation ($input: AbortUploadInput!) {{ abortUpload(input: $input) {{ success {FILE} {ERRORS} }} }}"
UPDATE = f"mutation ($input: UpdateFileInput!) {{ updateFile(input: $input) {{ success {FILE} {ERRORS} }} }}"
DELETE = f"mutation ($input: DeleteFileInput!) {{ deleteFile(input: $input) {{ success deletedFileId {ERRORS} }} }}"
GET_FILE = f"query ($id: ID!) {{ {FILE.replace('file {', 'file(id: $id) {')} }}"


def error(code: str, message: str, field: list[str] | None = None) -> dict[str, Any]:
    """Return an error as a payload shows it, one that is not retryable."""
    return {"code": code, "message": message, "field": field, "retryable": False, "retryAfterSeconds": None}


@dataclass
class Api:
    """Act as the user that the Django test client is signed in as."""

    client: Client
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with each GraphQL request, such as Origin."""

    def post(self, document: str, variables: dict[str, Any] | None = None) -> Any:
        """Return the HTTP response of one operation."""
        body = {"query": document, "variables": variables or {}}
        return self.client.post("/graphql", body, content_type="application/json", headers=self.headers)

    def call(self, document: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the data of one operation, which must have no top-level error."""
        body = self.post(document, variables).json()
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data

    def mutate(self, document: str, **fields: Any) -> dict[str, Any]:
        """Return the payload of one mutation."""
        (payload,) = self.call(document, {"input": fields}).values()
        assert isinstance(payload, dict)
        return payload

    def initiate(self, *files: dict[str, Any], **fields: Any) -> dict[str, Any]:
        return self.mutate(INITIATE, files=list(files), **fields)

    def start(self, data: bytes, filename: str = "notes.txt", **declared: Any) -> dict[str, Any]:
        """Return the ticket of one upload, which must be accepted."""
        fields = {key: declared.pop(key) for key in ("fileManagerId", "groupId", "slot") if key in declared}
        payload = self.initiate({"filename": filename, "size": len(data), **declared}, **fields)
        assert payload["success"], payload
        ticket: dict[str, Any] = payload["files"][0]
        return ticket

    def refresh(self, **fields: Any) -> dict[str, Any]:
        return self.mutate(REFRESH, **fields)

    def finalize(self, upload_token: str, **fields: Any) -> dict[str, Any]:
        return self.mutate(FINALIZE, uploadToken=upload_token, **fields)

    def abort(self, upload_token: str) -> dict[str, Any]:
        return self.mutate(ABORT, uploadToken=upload_token)

    def update(self, file_id: str, **fields: Any) -> dict[str, Any]:
        return self.mutate(UPDATE, id=file_id, **fields)

    def delete(self, file_id: str) -> dict[str, Any]:
        return self.mutate(DELETE, id=file_id)

    def file(self, file_id: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.call(GET_FILE, {"id": file_id})["file"]
        return found

    def put(self, url: str, data: bytes) -> int:
        """Send bytes to a URL of this server, without cookies. Return the status."""
        bare = Client()
        bare.cookies = SimpleCookie()
        path = "/" + url.split("/", 3)[3]
        status: int = bare.put(path, data, content_type="application/octet-stream").status_code
        return status

    def send(self, instructions: dict[str, Any], data: bytes) -> list[int]:
        """Send all requests of the instructions, as any client would. Return their statuses."""
        statuses = []
        for request in instructions["requests"]:
            part = data[request["offset"] : request["offset"] + request["length"]]
            statuses.append(self.put(request["url"], part))
        return statuses

    def upload(self, data: bytes, filename: str = "notes.txt", **declared: Any) -> dict[str, Any]:
        """Upload from start to end. Return the completed file."""
        ticket = self.start(data, filename, **declared)
        self.send(ticket["instructions"], data)
        payload = self.finalize(ticket["uploadToken"])
        assert payload["success"], payload
        completed: dict[str, Any] = payload["file"]
        return completed

    def download(self, url: str, **headers: str) -> Any:
        """Return the response to a GET request for a URL of this server, without cookies."""
        return Client().get("/" + url.split("/", 3)[3], headers=headers)
