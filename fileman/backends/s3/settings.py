"""What a file manager of type "s3" is configured with, and what `backend_url` says of it."""

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult

from fileman import conf
from fileman.backends.endpoints import endpoint_problems, folder, get_origin, parsed, prefix_problems
from fileman.backends.settings import BackendSettings

GIB = 1024**3
SINGLE_COPY_MAX_BYTES = 5 * GIB
"""What one PutObject, POST or CopyObject takes (AWS: "Amazon S3 multipart upload limits", "CopyObject")."""
SINGLE_CHECKSUMS = frozenset({"sha256", "crc32c"})
"""What S3 computes over an object sent at once, and compares, when the request declares it."""
PARTS_CHECKSUMS = frozenset({"crc32c"})
"""What S3 computes over all parts together (AWS: "Checking object integrity", full object checksums)."""
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*")
_UNUSABLE_ENDS = ("-s3alias", "--ol-s3", "--x-s3", "--table-s3", ".mrap")


@dataclass(frozen=True, kw_only=True)
class S3Settings(BackendSettings):
    bucket_name: str
    """By the rules of S3: 3 to 63 lower-case letters, digits, dots and hyphens."""
    region_name: str | None = None
    """Absent: the SDK's own configuration (AWS_DEFAULT_REGION, a profile), then us-east-1."""
    endpoint_url: str | None = None
    """Of an S3-compatible store: "https://host" or "https://host:port". Absent: AWS."""
    access_key_id: str | None = field(default=None, repr=False)
    """Absent together with the secret: the SDK's own chain (AWS_ACCESS_KEY_ID, profiles, roles)."""
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    """Of temporary credentials."""
    server_side_encryption: Literal["AES256", "aws:kms"] | None = None
    """Asked of every object. Absent: what the bucket does by itself."""
    kms_key_id: str | None = None
    """For "aws:kms". Absent: KMS_KEY_ID of FILEMAN_SETTINGS, then the account's own key."""
    addressing_style: Literal["auto", "path", "virtual"] = "auto"
    """Where the bucket stands in addresses. "auto": in the host name on AWS, in the path elsewhere."""
    upload_method: Literal["post", "put"] = "post"
    """"put" is for stores without POST policies, such as Cloudflare R2."""

    def problems(self) -> list[str]:
        return [
            *super().problems(),
            *_bucket_problems(self.bucket_name),
            *self._credential_problems(),
            *endpoint_problems(self.endpoint_url, setting="endpoint_url"),
            *self._encryption_problems(),
            *_single_request_problems(),
        ]

    def _credential_problems(self) -> list[str]:
        problems = []
        if self.access_key_id and not self.secret_access_key:
            problems.append("access_key_id is set without secret_access_key: set both or none.")
        if self.secret_access_key and not self.access_key_id:
            problems.append("secret_access_key is set without access_key_id: set both or none.")
        if self.session_token and not self.access_key_id:
            problems.append("session_token needs access_key_id and secret_access_key.")
        return problems

    def _encryption_problems(self) -> list[str]:
        if self.kms_key_id and self.server_side_encryption != "aws:kms":
            return ['kms_key_id needs server_side_encryption to be "aws:kms".']
        return []

    def encryption_arguments(self) -> dict[str, str]:
        """What the SDK's calls that write an object take."""
        arguments: dict[str, str] = {}
        if self.server_side_encryption:
            arguments["ServerSideEncryption"] = self.server_side_encryption
        if self._kms_key:
            arguments["SSEKMSKeyId"] = self._kms_key
        return arguments

    def encryption_headers(self) -> dict[str, str]:
        """The same as headers of a signed PUT and fields of a signed POST."""
        headers: dict[str, str] = {}
        if self.server_side_encryption:
            headers["x-amz-server-side-encryption"] = self.server_side_encryption
        if self._kms_key:
            headers["x-amz-server-side-encryption-aws-kms-key-id"] = self._kms_key
        return headers

    @property
    def _kms_key(self) -> str:
        if self.server_side_encryption != "aws:kms":
            return ""
        return self.kms_key_id or conf.settings().KMS_KEY_ID

    @property
    def single_checksums(self) -> frozenset[str]:
        """What this storage is relied on to compute. Of compatible ones, some echo what the client said: the ETag only.

        With a KMS key the ETag is no MD5 (AWS: "Object", ETag).
        """
        computed = frozenset() if self.endpoint_url else SINGLE_CHECKSUMS
        return computed if self.server_side_encryption == "aws:kms" else computed | {"md5"}

    @property
    def parts_checksums(self) -> frozenset[str]:
        """The same for an object in parts."""
        return frozenset() if self.endpoint_url else PARTS_CHECKSUMS

    @property
    def place(self) -> str:
        """The store, for people and for `location()`: "aws" or "https://host"."""
        return "aws" if not self.endpoint_url else get_origin(parsed(self.endpoint_url))


def location_problems(backend_url: str, settings: S3Settings) -> list[str]:
    """Where `backend_url` is malformed or disagrees with the settings."""
    if not backend_url:
        return []
    url = parsed(backend_url)
    if url.scheme not in {"s3", "https", "http"} or not url.netloc or url.query or url.fragment:
        return ["backend_url must look like s3://bucket/prefix/ or https://host/bucket/prefix/."]
    bucket, _ = _bucket_and_prefix(url)
    problems = []
    if bucket != settings.bucket_name:
        problems.append(f"backend_url names the bucket {bucket!r}, bucket_name is {settings.bucket_name!r}.")
    if url.scheme != "s3" and get_origin(url) != settings.place:
        problems.append(f"backend_url is at {get_origin(url)}, endpoint_url is {settings.endpoint_url or 'not set'}.")
    return problems + prefix_problems(get_prefix(backend_url))


def get_prefix(backend_url: str) -> str:
    """ "" or "some/folder/"."""
    return folder(_bucket_and_prefix(parsed(backend_url))[1]) if backend_url else ""


def _bucket_and_prefix(url: SplitResult) -> tuple[str, str]:
    if url.scheme == "s3":
        return url.netloc, url.path.removeprefix("/")
    bucket, _, prefix = url.path.removeprefix("/").partition("/")
    return bucket, prefix


def _bucket_problems(name: str) -> list[str]:
    if not 3 <= len(name) <= 63 or not _BUCKET_NAME.fullmatch(name) or name.endswith("-") or "-." in name:
        return ["bucket_name must have 3 to 63 lower-case letters, digits, dots and hyphens, as S3 wants it."]
    if _is_address(name) or name.startswith("xn--") or name.endswith(_UNUSABLE_ENDS):
        return ["bucket_name must not look like an IP address, an alias or a bucket of a special kind."]
    return []


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def _single_request_problems() -> list[str]:
    if conf.settings().SINGLE_REQUEST_MAX_BYTES > SINGLE_COPY_MAX_BYTES:
        return ["SINGLE_REQUEST_MAX_BYTES in FILEMAN_SETTINGS is over the 5 GiB that S3 takes and copies at once."]
    return []
