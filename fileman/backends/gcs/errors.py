"""Map the errors of Google's libraries and Google's error responses to fileman errors. No other module does."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import requests
import urllib3
from google.api_core import exceptions as api_core
from google.auth import exceptions as google

from fileman.errors import FileMissing, ObjectChanged, StorageError, StorageMisconfigured, StorageUnavailable

logger = logging.getLogger("fileman.backends.gcs")

BUSY_STATUS = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that a second attempt may not meet (Google: "Retry strategy")."""
_BUSY_REASONS = {"rateLimitExceeded", "userRateLimitExceeded"}
_NO_BUCKET = re.compile(r"bucket\b.*does not exist", re.IGNORECASE)
_UNREACHABLE: tuple[type[Exception], ...] = (
    requests.RequestException, urllib3.exceptions.HTTPError, google.TransportError, google.TimeoutError,
    google.ResponseError, api_core.GoogleAPIError,
)  # fmt: skip
NOT_UNDERSTOOD = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What Google's libraries and our own reading raise for a response that Google would not send, such as a web page."""


@dataclass(eq=False, repr=False)
class Refused(Exception):
    """An unsuccessful response of Google. Its text holds no URL: that of a session is a secret."""

    status: int
    reason: str = ""
    """Google's word for it, such as "conditionNotMet"; empty if the response holds none."""
    message: str = ""
    """Google's sentence. It names the bucket, the object and the account: not for clients."""
    is_googles: bool = True
    """False for a response that is not an error in Google's JSON, such as a web page."""
    names_object: bool = True
    """True if the request was about one object, so that a 404 tells that it is absent."""

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"

    @classmethod
    def from_response(cls, response: requests.Response, *, names_object: bool) -> Self:
        """Read a response, which may be a web page or another program's JSON."""
        try:
            error = json.loads(response.text)["error"]
            # Emulators send "errors": null. Of several the first counts.
            first = (error.get("errors") or [{"message": error["message"]}])[0]
            reason, message = str(first.get("reason", "")), str(first.get("message", ""))
        except NOT_UNDERSTOOD:
            message = response.text[:500]
            return cls(response.status_code, message=message, is_googles=False, names_object=names_object)
        return cls(response.status_code, reason=reason, message=message, names_object=names_object)

    @property
    def is_no_bucket(self) -> bool:
        """True if the bucket does not exist. Only the sentence tells this 404 from that of an object."""
        return self.status == 404 and bool(_NO_BUCKET.search(self.message))

    def to_storage_error(self) -> StorageError:
        if self.status in BUSY_STATUS or self.status > 500 or self.reason in _BUSY_REASONS:
            return StorageUnavailable()
        if self.status == 412:
            return ObjectChanged()
        is_absence = self.status == 404 and not self.is_no_bucket  # emulators send it without Google's words
        if is_absence and self.names_object:
            return FileMissing()
        # Google redirects no call of its API. A proxy or a captive portal does.
        if self.status < 400 or (is_absence and not self.is_googles):
            return StorageUnavailable()
        return StorageMisconfigured()


@contextmanager
def gcs_errors() -> Iterator[None]:
    """Raise StorageUnavailable, StorageMisconfigured, FileMissing or ObjectChanged for any error of Google's."""
    try:
        yield
    except Refused as error:  # GCSClient raises it before the library sees the status
        logger.info("Google Cloud Storage returned %s", error)
        raise error.to_storage_error() from error
    except _UNREACHABLE as error:
        logger.info("Google Cloud Storage could not be reached: %s", type(error).__name__)
        raise StorageUnavailable from error
    except google.GoogleAuthError as error:
        logger.info("Google issued no access token: %s", type(error).__name__)
        passes = getattr(error, "retryable", False) or isinstance(error.__cause__, _UNREACHABLE)
        raise (StorageUnavailable if passes else StorageMisconfigured)() from error
    except NOT_UNDERSTOOD as error:
        logger.info("A response was not one of Google Cloud Storage: %s", type(error).__name__)
        raise StorageUnavailable from error
