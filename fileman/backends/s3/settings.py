"""Settings of a file manager of type "s3", and the rules for its `backend_url`. Imports no SDK."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal
from urllib.parse import SplitResult

from fileman import conf
from fileman.backends.endpoints import parsed
from fileman.backends.settings import BackendSettings, BucketSettings

GIB = 1024**3
# The limit of one PutObject, POST or CopyObject (AWS: "Amazon S3 multipart upload limits", "CopyObject").
SINGLE_COPY_MAX_BYTES = 5 * GIB
# Algorithms that S3 computes over an object sent by one request, and compares if the request declares one.
SINGLE_CHECKSUMS = frozenset({"sha256", "crc32c"})
# Algorithms that S3 computes over all parts together (AWS: "Checking object integrity", full object checksums).
PARTS_CHECKSUMS = frozenset({"crc32c"})
_ENCRYPTION = "x-amz-server-side-encryption"
_ENCRYPTION_HEADERS = {"ServerSideEncryption": _ENCRYPTION, "SSEKMSKeyId": f"{_ENCRYPTION}-aws-kms-key-id"}
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*")
_BUCKET_PROBLEM = "bucket_name must be 3 to 63 lowercase letters, digits, dots and hyphens, by the naming rules of S3."
# Some compatible stores have the names of old buckets of AWS.
_LOOSE_BUCKET_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]|\.(?!\.)){1,253}[A-Za-z0-9]")
_LOOSE_BUCKET_PROBLEM = "bucket_name must be 3 to 255 letters, digits, dots, hyphens and underscores."
_TOO_LARGE = "SINGLE_REQUEST_MAX_BYTES in FILEMAN_SETTINGS must be at most 5 GiB, the most that S3 copies at once."
_IP_ADDRESS = re.compile(r"\d+(\.\d+){3}")
_REGION_NAME = re.compile("[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
# AWS: "Amazon S3 endpoints and quotas", in every partition. Other hosts below these domains are rented to anyone.
_REGION = r"[a-z]{2,4}(-[a-z]+)+-\d+"
_AWS_HOST = re.compile(
    rf"s3(-accelerate|-external-1|(-fips)?(\.dualstack)?[.-]{_REGION})?\."
    r"(amazonaws\.(com|com\.cn|eu)|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)"
)
_AWS_BUCKET_HOST = re.compile(rf"(?:(.+)\.)?{_AWS_HOST.pattern}")
# After the name of a bucket these are certainly the host of a store; "files.example.com" may well be one itself.
_STORE_HOST = re.compile(r"s3[.-].+|.+\.(digitaloceanspaces|linodeobjects|r2\.cloudflarestorage|vultrobjects)\.com")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", "--x-s3", "--table-s3", ".mrap")


@dataclass(frozen=True, kw_only=True)
class S3Settings(BucketSettings):
    provider_hosts: ClassVar[re.Pattern[str]] = _AWS_HOST
    endpoint_settings: ClassVar[Sequence[str]] = ("endpoint_url",)
    credential_settings: ClassVar[Sequence[str]] = ("access_key_id",)
    url_scheme: ClassVar[str] = "s3"
    provider: ClassVar[str] = "aws"

    bucket_name: str
    """On AWS 3 to 63 lowercase letters, digits, dots and hyphens (AWS: "General purpose bucket naming rules")."""
    region_name: str | None = None
    """Default: the SDK's configuration (AWS_DEFAULT_REGION, a profile), then us-east-1."""
    endpoint_url: str | None = None
    """URL of an S3-compatible store, without the bucket: "https://host", "https://host:port/path". Default: AWS."""
    access_key_id: str | None = field(default=None, repr=False)
    """Default, together with the secret: the SDK's credential chain (AWS_ACCESS_KEY_ID, profiles, roles)."""
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    """Only for temporary credentials."""
    server_side_encryption: Literal["AES256", "aws:kms"] | None = None
    """Requested for every object. Default: the bucket's own encryption."""
    kms_key_id: str | None = None
    """Only for "aws:kms". Default: KMS_KEY_ID of FILEMAN_SETTINGS, then the account's own key."""
    addressing_style: Literal["auto", "path", "virtual"] = field(default="auto", metadata={"label": "Bucket in URLs"})
    """In their path or in their host name (virtual). "auto": in the host name on AWS, in the path elsewhere."""
    upload_method: Literal["post", "put"] = "post"
    """How small files are sent. "put": for stores without POST policies, such as Cloudflare R2."""

    def trusts(self, url: SplitResult) -> bool:
        """Trust the bucket's own host too, below the host of the store."""
        hosts = (url.netloc, url.netloc.removeprefix(f"{self.bucket_name}."))
        return any(BackendSettings.trusts(self, url._replace(netloc=host)) for host in hosts)

    def problems(self) -> list[str]:
        key, secret, region = self.access_key_id, self.secret_access_key, self.region_name
        has_stray_kms_key = self.kms_key_id and self.server_side_encryption != "aws:kms"
        found = {
            "access_key_id is set without secret_access_key: set both or neither.": key and not secret,
            "secret_access_key is set without access_key_id: set both or neither.": secret and not key,
            "access_key_id must not have spaces. Copy it again.": key and len(key.split()) > 1,
            "session_token requires access_key_id and secret_access_key.": self.session_token and not key,
            'kms_key_id requires server_side_encryption to be "aws:kms".': has_stray_kms_key,
            _TOO_LARGE: conf.settings().SINGLE_REQUEST_MAX_BYTES > SINGLE_COPY_MAX_BYTES,
            "region_name must be letters, digits and hyphens.": region and not _REGION_NAME.fullmatch(region),
        }
        return [*super().problems(), *self._bucket_problems(), *(problem for problem in found if found[problem])]

    def object_arguments(self, path: str) -> dict[str, str]:
        """Return the SDK's arguments that name an object."""
        return {"Bucket": self.bucket_name, "Key": path}

    def new_object_arguments(self, path: str, content_type: str) -> dict[str, Any]:
        """Return the SDK's arguments for creating an object: its name, type and encryption."""
        return {**self.object_arguments(path), **self.encryption_arguments(), "ContentType": content_type}

    def encryption_arguments(self) -> dict[str, str]:
        """Return the SDK's arguments that request encryption."""
        if not self.server_side_encryption:
            return {}
        key = self.kms_key_id or conf.settings().KMS_KEY_ID if self.server_side_encryption == "aws:kms" else ""
        return {"ServerSideEncryption": self.server_side_encryption, **({"SSEKMSKeyId": key} if key else {})}

    def encryption_headers(self) -> dict[str, str]:
        """Return the same as headers of a signed PUT, which are also fields of a signed POST."""
        return {_ENCRYPTION_HEADERS[name]: value for name, value in self.encryption_arguments().items()}

    @property
    def single_checksums(self) -> frozenset[str]:
        """Algorithms that this storage is trusted to compute over an object sent by one request."""
        # Some compatible stores repeat the client's claim, so only their ETag counts. With a KMS key the ETag is not
        # an MD5 (AWS: "Object", ETag).
        computed = SINGLE_CHECKSUMS if self.is_aws else frozenset()
        return computed if self.server_side_encryption == "aws:kms" else computed | {"md5"}

    @property
    def parts_checksums(self) -> frozenset[str]:
        """Algorithms that this storage is trusted to compute over an object sent in parts."""
        return PARTS_CHECKSUMS if self.is_aws else frozenset()

    @property
    def is_aws(self) -> bool:
        """True for AWS itself, whose conditions of copies and dead upload ids are relied on."""
        return not self.endpoint_url

    def find_path(self, url: SplitResult) -> str | None:
        """Take a URL with the bucket in its host too, and on AWS those of any region."""
        host, bucket = url.netloc.lower(), self.bucket_name
        if self.is_aws:
            found = _AWS_BUCKET_HOST.fullmatch(host) if url.scheme == "https" else None
            return f"{found[1] or ''}{url.path}".removeprefix("/") if found else None
        bare = url._replace(netloc=host.removeprefix(f"{bucket}."), path=f"/{bucket}{url.path}")
        return super().find_path(url) or (super().find_path(bare) if bare.netloc != host else None)

    def _bucket_problems(self) -> list[str]:
        name, host = self.bucket_name, parsed(self.endpoint_url or "").netloc.lower()
        for key in ("endpoint_url", "public_endpoint_url"):
            if parsed(getattr(self, key) or "").path.rstrip("/").endswith(f"/{name}"):
                return [f"{key} ends with the bucket's name. Remove {'/' + name!r} from it."]
        is_bucket_host = host.startswith(f"{name}.") and _STORE_HOST.fullmatch(host.removeprefix(f"{name}."))
        if is_bucket_host and self.addressing_style != "path":
            problem = f"endpoint_url begins with the bucket's name. Remove {name + '.'!r} from it"
            return [f'{problem}, or set addressing_style to "path" if this is the host of the store.']
        if not self.is_aws and self.addressing_style != "virtual":
            return [] if _LOOSE_BUCKET_NAME.fullmatch(name) else [_LOOSE_BUCKET_PROBLEM]
        if not 3 <= len(name) <= 63 or not _BUCKET_NAME.fullmatch(name) or name.endswith("-") or "-." in name:
            return [_BUCKET_PROBLEM]
        if _IP_ADDRESS.fullmatch(name) or name.startswith("xn--") or name.endswith(_RESERVED_SUFFIXES):
            return ["bucket_name must not be an IP address or have a prefix or suffix that S3 reserves."]
        return []
