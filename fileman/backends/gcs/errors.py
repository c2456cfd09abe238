"""Map the errors of Google's libraries and Google's error responses to fileman errors. No other module does."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

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
_TRANSIENT: tuple[type[Exception], ...] = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    requests.exceptions.RetryError,
    urllib3.exceptions.HTTPError,
    google.TransportError,
    google.TimeoutError,
    google.ResponseError,
    api_core.RetryError,
)
_PERMANENT: tuple[type[Exception], ...] = (
    google.GoogleAuthError,
    api_core.GoogleAPIError,
    requests.RequestException,
    # Google's library and our own reading raise these for a response that Google would not send, such as a web page.
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)


class Refused(Exception):
    """An unsuccessful response of Google. Its text holds no URL: that of a session is a secret."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        self.status = status
        self.reason = reason
        """Google's word for it, such as "conditionNotMet"; empty if the response holds none."""
        self.message = message
        """Google's sentence. It names the bucket, the object and the account: not for clients."""
        super().__init__(f"{status} {reason}")

    @classmethod
    def from_response(cls, response: requests.Response) -> Self:
        """Read a response, which may be a web page or another program's JSON."""
        try:
            return cls.from_details(response.status_code, json.loads(response.text)["error"]["errors"])
        except (ValueError, LookupError, TypeError):
            return cls(response.status_code, "", response.text[:500])

    @classmethod
    def from_details(cls, status: int, details: Any) -> Self:
        """Read the list of errors in Google's JSON, of which the first counts."""
        first = details[0] if details and isinstance(details[0], dict) else {}
        return cls(status, str(first.get("reason", "")), str(first.get("message", "")))

    @property
    def is_no_bucket(self) -> bool:
        """True if the bucket does not exist. Only the sentence tells this 404 from that of an object."""
        return self.status == 404 and bool(_NO_BUCKET.search(self.message))

    def to_storage_error(self) -> StorageError:
        if self.status in BUSY_STATUS or self.status > 500 or self.reason in _BUSY_REASONS:
            return StorageUnavailable()
        if self.status == 412:
            return ObjectChanged()
        if self.status == 404 and self.reason == "notFound" and not self.is_no_bucket:
            return FileMissing()
        return StorageMisconfigured()


@contextmanager
def gcs_errors() -> Iterator[None]:
    """Raise StorageUnavailable, StorageMisconfigured, FileMissing or ObjectChanged for any error of Google's."""
    try:
        yield
    except (Refused, api_core.GoogleAPICallError) as error:
        # GCSClient raises Refused before the library sees the status: its own errors would name URL and object.
        refused = error if isinstance(error, Refused) else Refused.from_details(int(error.code or 0), error.errors)
        logger.info("Google Cloud Storage returned %s %s", refused.status, refused.reason)
        raise refused.to_storage_error() from refused
    except _TRANSIENT as error:
        logger.info("Google Cloud Storage could not be reached: %s", type(error).__name__)
        raise StorageUnavailable from error
    except google.RefreshError as error:
        logger.info("Google issued no access token: %s", type(error).__name__)
        transient = error.retryable or isinstance(error.__cause__, _TRANSIENT)
        raise (StorageUnavailable if transient else StorageMisconfigured)() from error
    except _PERMANENT as error:
        logger.warning("Google Cloud Storage could not be asked or understood: %s", type(error).__name__)
        raise StorageMisconfigured from error
