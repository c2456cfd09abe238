"""Google's batch calls: many small requests in one multipart/mixed body, their answers in another."""

import email.parser
import email.policy
from collections.abc import Sequence
from email.message import EmailMessage, Message

from fileman.backends.gcs.client import GCSConnection
from fileman.backends.gcs.errors import Refused, refused, understood
from fileman.errors import StorageUnavailable

BATCH_PATH = "/batch/storage/v1"
BOUNDARY = "fileman-batch"
"""Cannot occur in the parts: what comes of users is percent-encoded there, and no line begins with it."""


def delete(connection: GCSConnection, targets: Sequence[str]) -> list[Refused | None]:
    """Send a DELETE for each target, a path with its query; at most 100. What was refused, at its place.

    Raises StorageError when the batch as a whole fails.
    """
    if not targets:
        return []
    answer = connection.send(
        "POST", BATCH_PATH, headers={"Content-Type": f"multipart/mixed; boundary={BOUNDARY}"}, data=_body(targets)
    )
    head = f"Content-Type: {answer.headers.get('Content-Type', '')}\r\n\r\n".encode()
    parts = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + answer.content)
    found = dict(_refusal(part) for part in parts.iter_parts() if isinstance(part, EmailMessage))
    if len(found) != len(targets):
        raise StorageUnavailable
    return [found[number] for number in range(len(targets))]


def _body(targets: Sequence[str]) -> bytes:
    parts = [
        f"--{BOUNDARY}\r\nContent-Type: application/http\r\nContent-ID: <{number}>\r\n\r\n"
        f"DELETE {target} HTTP/1.1\r\n\r\n"
        for number, target in enumerate(targets)
    ]
    return f"{''.join(parts)}--{BOUNDARY}--\r\n".encode()


@understood()
def _refusal(part: Message) -> tuple[int, Refused | None]:
    """The number of the call, and what it was refused with."""
    number = int(str(part["Content-ID"]).strip("<>").removeprefix("response-"))
    payload = part.get_payload(decode=True)
    head, _, content = (payload if isinstance(payload, bytes) else b"").partition(b"\r\n\r\n")
    status = int(head.split()[1])
    return number, None if status < 300 else refused(status, content.decode(errors="replace"))
