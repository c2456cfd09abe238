"""The tables of the settings tests: settings or backend_url, and the reported problem or the named place."""

from collections.abc import Mapping, Sequence
from typing import Any

ABSENT = object()
AZURE_KEY = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnk="
AZURE_HOST = "https://acmefiles.blob.core.windows.net"
CONNECTION_STRING = f"DefaultEndpointsProtocol=https;AccountName=acmefiles;AccountKey={AZURE_KEY};EndpointSuffix="
CONNECTION_STRING += "core.windows.net"
BY_STRING = {"connection_string": CONNECTION_STRING, "account_name": ABSENT, "account_key": ABSENT}
S3_KEYS = {"access_key_id": "AKcanary", "secret_access_key": "SKcanary", "session_token": "TOcanary"}
GOOD: Mapping[str, Mapping[str, Any]] = {
    "file": {"base_path": "/srv/files"},
    "memory": {},
    "s3": {"bucket_name": "my-bucket"},
    "azure": {"account_name": "acmefiles", "account_key": AZURE_KEY, "container_name": "documents"},
    "gcs": {"bucket_name": "my-bucket"},
}
ENDPOINT = {"s3": "endpoint_url", "azure": "endpoint", "gcs": "endpoint"}
ENDPOINT_SHAPE = 'must look like "https://host" or "https://host:port".'
Rules = Mapping[str, Sequence[tuple[Mapping[str, Any], str]]]
UrlRules = Mapping[str, Sequence[tuple[str, str]]]

S3_BUCKET = "bucket_name must be 3 to 63 lowercase letters, digits, dots and hyphens, by the naming rules of S3."
S3_LOOSE = "bucket_name must be 3 to 255 letters, digits, dots, hyphens and underscores."
BUCKET_IN_HOST = "endpoint_url begins with the bucket's name. Remove 'my-bucket.' from it, or set addressing_style to "
BUCKET_IN_HOST += '"path" if this is the host of the store.'
IN_PATH = "endpoint_url ends with the bucket's name. Remove '/my-bucket' from it."
BAD_BUCKETS = "ab", "My-Bucket", "my_bucket", "-bucket", "bucket-", "my..bucket", "my-.bucket", "a/b"
STORE_HOSTS = "s3.eu-west-1.amazonaws.com", "s3.a.com", "nyc3.digitaloceanspaces.com", "0a.r2.cloudflarestorage.com"
ANY_STORE = {"endpoint_url": "https://store.example.com", **S3_KEYS}
S3_RESERVED = "bucket_name must not be an IP address or have a prefix or suffix that S3 reserves."
GCS_BUCKET = "bucket_name must be 3 to 63 lowercase letters, digits, hyphens, underscores and dots."
GCS_ADDRESS = "bucket_name must not look like an IP address or have two dots in a row."
GCS_GOOGLE = 'bucket_name must not begin with "goog" or contain "google".'
BASE_PATH = "base_path must be the absolute path of a folder, without '..'."
CONTAINER = "container_name must be 3 to 63 lowercase letters, digits and single hyphens."
AZURE_SAS = (
    "The shared access signature in {} cannot sign URLs for others. Set account_key or a connection_string with "
    "AccountKey, or account_name alone to sign in with tokens."
)
AZURE_PLACE = f"BlobEndpoint={AZURE_HOST};AccountName=acmefiles;"
OTHER_NAME = "account_name is 'other', but connection_string names 'acmefiles'."
OTHER_KEY = "account_key and connection_string hold different keys. Set only one of them."
OTHER_ENDPOINT = "endpoint and the BlobEndpoint of connection_string differ. Set only one of them."
OTHER_OWNER = "endpoint belongs to the account 'other', but account_name is 'acmefiles'."
DATA_LAKE = "{} names the Data Lake endpoint (dfs). Use the blob endpoint, https://<account>.blob.<suffix>."
AT_MOST, THE_OWNERS = "it must be at most 0o777 and include", "the rights of the owner."
SETTINGS: Rules = {
    "file": [
        *[({"base_path": path}, BASE_PATH) for path in ("", "relative/folder", "/", "/srv/../etc", "/srv/na\0me")],
        ({"base_url": "media/uploads"}, "base_url must be a path such as '/fileman/content/', or begin with https://."),
        ({"directory_permissions": 0o600}, f"directory_permissions is 0o600; {AT_MOST} 0o700, {THE_OWNERS}"),
        *[({"permissions": mode}, "permissions must be an octal mode such as '0o600'.") for mode in ("rw-r--r--", "")],
        *[
            ({"permissions": mode}, f"permissions is {shown}; {AT_MOST} 0o600, {THE_OWNERS}")
            for mode, shown in [(644, "0o1204"), (755, "0o1363"), ("1777", "0o1777"), (-1, "0o-1"), ("0o400", "0o400")]
        ],
    ],
    "s3": [
        *[({"bucket_name": name}, S3_BUCKET) for name in ("a" * 64, *BAD_BUCKETS)],
        *[({"bucket_name": n, **ANY_STORE}, S3_LOOSE) for n in ("ab", "a" * 256, "_a", "a..b", "a/b", "a b", "ä")],
        ({"bucket_name": "my_bucket", **ANY_STORE, "addressing_style": "virtual"}, S3_BUCKET),
        *[({**ANY_STORE, "endpoint_url": f"https://my-bucket.{host}"}, BUCKET_IN_HOST) for host in STORE_HOSTS],
        ({**ANY_STORE, "endpoint_url": "https://a.com/my-bucket/"}, IN_PATH),
        *[({"bucket_name": name}, S3_RESERVED) for name in ("192.168.0.1", "xn--bucket", "bucket--x-s3")],
        ({"access_key_id": "AK"}, "access_key_id is set without secret_access_key: set both or neither."),
        ({"secret_access_key": "SK"}, "secret_access_key is set without access_key_id: set both or neither."),
        ({**S3_KEYS, "access_key_id": " A K "}, "access_key_id must not have spaces. Copy it again."),
        ({"session_token": "T"}, "session_token requires access_key_id and secret_access_key."),
        ({"kms_key_id": "k"}, 'kms_key_id requires server_side_encryption to be "aws:kms".'),
        ({"server_side_encryption": "rot13"}, "Setting 'server_side_encryption' must be 'AES256', 'aws:kms' or null."),
        ({"upload_method": "patch"}, "Setting 'upload_method' must be 'post' or 'put'."),
        ({"addressing_style": "dns"}, "Setting 'addressing_style' must be 'auto', 'path' or 'virtual'."),
    ],
    "azure": [
        *[({"container_name": name}, CONTAINER) for name in ("ab", "a" * 64, "Documents", "a--b", "-a-", "$root")],
        ({"account_name": None}, "account_name is missing. Set it, or set connection_string."),
        ({"account_name": "acme-files"}, "account_name must be 3 to 24 lowercase letters and digits."),
        ({"account_key": "canary!"}, "The key in account_key is not base64. Copy it again from the portal."),
        ({"connection_string": f"{CONNECTION_STRING};BlobEndpoint=https://["}, f"endpoint {ENDPOINT_SHAPE}"),
        ({"connection_string": "canary"}, "connection_string has no AccountName. connection_string has no AccountKey."),
        ({"connection_string": "SharedAccessSignature=sig=canary"}, AZURE_SAS.format("connection_string")),
        ({"connection_string": f"{AZURE_PLACE}SharedAccessSignature=sig="}, AZURE_SAS.format("connection_string")),
        ({"account_key": "?sv=2026-01-01&sig=canary"}, AZURE_SAS.format("account_key")),
        ({"endpoint": f"{AZURE_HOST}/documents"}, "endpoint must have no path. Remove the container's name from it."),
        ({"endpoint": "https://acmefiles.dfs.core.windows.net"}, DATA_LAKE.format("endpoint")),
        ({"connection_string": CONNECTION_STRING, "account_name": "other"}, OTHER_NAME),
        ({"connection_string": CONNECTION_STRING, "account_key": "b3RoZXItY2FuYXJ5"}, OTHER_KEY),
        ({"connection_string": f"{CONNECTION_STRING};{AZURE_PLACE}", "endpoint": "https://a.example"}, OTHER_ENDPOINT),
        ({"endpoint": "https://other.blob.core.windows.net"}, OTHER_OWNER),
    ],
    "gcs": [
        *[
            ({"bucket_name": name}, GCS_BUCKET)
            for name in ("ab", "a" * 64, "Upper", "-edge", "edge_", "has space", f"{'a' * 64}.example.com")
        ],
        *[({"bucket_name": name}, GCS_ADDRESS) for name in ("192.168.0.1", "two..dots")],
        *[({"bucket_name": name}, GCS_GOOGLE) for name in ("goog-bucket", "my-google-bucket")],
        ({"endpoint": "https://127.0.0.1/a"}, "endpoint must have no path."),
        ({"public_endpoint_url": "https://127.0.0.1/a"}, "public_endpoint_url must have no path."),
        ({"credentials": 5}, "Setting 'credentials' must be an object, a string or null."),
    ],
}
FILE_URL = "backend_url must be empty or look like file:///absolute/path/."
OTHER_FOLDER = "backend_url and base_path name different folders."
S3_URL = "backend_url must look like s3://bucket/prefix/ or https://host/bucket/prefix/."
GCS_URL = "backend_url must look like gs://bucket/prefix/ or https://host/bucket/prefix/."
AZURE_URL = "backend_url must look like azure://container/prefix/ or https://host/container/prefix/."
OTHER_CONTAINER = "backend_url names the container 'pictures', but container_name is 'documents'."
ELSEWHERE = "backend_url is not at {}, where the settings are. Correct one of them."
OTHER_BUCKET = "backend_url names the bucket 'other', but bucket_name is 'my-bucket'."
OTHER_ACCOUNT = ELSEWHERE.format(AZURE_HOST)
URLS: UrlRules = {
    "file": [
        *[(f"file:///srv/{path}", OTHER_FOLDER) for path in ("other", "filesx", "", "files/../x")],
        *[(url, FILE_URL) for url in ("s3://bucket/", "file://host/srv/files", "file://[", "/srv/files")],
        ("file:///srv/files?a=b", FILE_URL),
    ],
    "s3": [
        ("s3://other/", OTHER_BUCKET),
        ("https://a.example/my-bucket/", ELSEWHERE.format("aws")),
        ("http://s3.eu-central-1.amazonaws.com/my-bucket/", ELSEWHERE.format("aws")),
        ("https://other.s3.amazonaws.com/my-bucket/", OTHER_BUCKET),
        ("https://s3.dualstack.eu-central-1.amazonaws.com/other/", OTHER_BUCKET),
        *[(url, S3_URL) for url in ("gs://my-bucket/", "https://[", "s3:my-bucket", "s3://my-bucket/?a=b")],
    ],
    "memory": [("s3://bucket/", "This type of file manager takes no backend_url. Leave it empty.")],
    "azure": [
        *[(url, AZURE_URL) for url in ("s3://documents/", "https://[", "azure:///documents")],
        (f"{AZURE_HOST}/documents/?sig=canary", AZURE_URL),
        ("azure://pictures/", OTHER_CONTAINER),
        (f"{AZURE_HOST}/pictures/", OTHER_CONTAINER),
        ("https://other.blob.core.windows.net/documents/", OTHER_ACCOUNT),
        ("http://acmefiles.blob.core.windows.net/documents/", OTHER_ACCOUNT),
        ("abfss://documents@acmefiles.dfs.core.windows.net/a/", DATA_LAKE.format("backend_url")),
        ("https://acmefiles.dfs.core.windows.net/documents/", DATA_LAKE.format("backend_url")),
    ],
    "gcs": [
        ("gs://other-bucket/", "backend_url names the bucket 'other-bucket', but bucket_name is 'my-bucket'."),
        ("https://storage.example.com/my-bucket/", ELSEWHERE.format("google")),
        *[(url, GCS_URL) for url in ("s3://my-bucket/", "gs://[", "gs:///a/", "gs://my-bucket/a?b")],
    ],
}
OWN_FOLDER = {"base_path": "/app/media/uploads", "base_url": "/media/uploads/", "create_directories": True}
OWN_FOLDER |= {"permissions": 0o644, "directory_permissions": 0o755}
DIGITAL_OCEAN, ANY_S3 = "https://nyc3.digitaloceanspaces.com", "https://s3.a.example"
SUPABASE = "https://abc.supabase.co/storage/v1/s3"
AZURITE = "https://azurite.internal:10000/acmefiles"
A_S3, S3_EU = "https://a-a.s3.example.com", "https://s3.eu-central-1.amazonaws.com"
STORE_PLACE = "s3:https://store.example.com"
PLACES = {"s3": "s3:aws/my-bucket/", "azure": f"azure:{AZURE_HOST}/documents/", "gcs": "gcs:google/my-bucket/"}
DEVELOPMENT = {**BY_STRING, "connection_string": "UseDevelopmentStorage=true;"}
# Type, settings beside the good ones, backend_url, location.
LOCATIONS: Sequence[tuple[str, Mapping[str, Any], str, str]] = [
    ("file", {"base_path": "/srv/files/"}, "file:///srv/files", "file:/srv/files"),
    ("file", {}, "file:///srv/files/", "file:/srv/files"),
    ("file", {}, "file://localhost/srv/files", "file:/srv/files"),
    ("file", {"base_path": "/srv/my files"}, "file:///srv/my%20files", "file:/srv/my files"),
    ("file", OWN_FOLDER, "file:///app/media/uploads/", "file:/app/media/uploads"),
    ("s3", {"region_name": "us-east-1", "server_side_encryption": "AES256"}, "s3://my-bucket/", "s3:aws/my-bucket/"),
    ("s3", {"endpoint_url": DIGITAL_OCEAN, **S3_KEYS}, f"{DIGITAL_OCEAN}/my-bucket/", f"s3:{DIGITAL_OCEAN}/my-bucket/"),
    ("s3", {"endpoint_url": "https://S3.a.example", **S3_KEYS}, f"{ANY_S3}/my-bucket/a/", f"s3:{ANY_S3}/my-bucket/a/"),
    *[
        ("s3", {}, f"https://{host}/docs/", "s3:aws/my-bucket/docs/")
        for name in ("s3.eu-central-1", "s3.dualstack.eu-central-1", "s3-eu-west-1", "S3")
        for host in (f"my-bucket.{name}.amazonaws.com", f"{name}.amazonaws.com/my-bucket")
    ],
    ("s3", {}, "https://s3.cn-north-1.amazonaws.com.cn/my-bucket", "s3:aws/my-bucket/"),
    ("s3", {"bucket_name": "a.b"}, "https://a.b.s3.amazonaws.com", "s3:aws/a.b/"),
    ("s3", {**ANY_STORE, "bucket_name": "My_Bucket.1"}, "s3://My_Bucket.1/a/", f"{STORE_PLACE}/My_Bucket.1/a/"),
    ("s3", ANY_STORE, "https://my-bucket.store.example.com/a/", f"{STORE_PLACE}/my-bucket/a/"),
    ("s3", {**S3_KEYS, "bucket_name": "a-a", "endpoint_url": A_S3, "addressing_style": "path"}, "", f"s3:{A_S3}/a-a/"),
    ("s3", {**ANY_STORE, "bucket_name": "store"}, "https://store.example.com/store/a", f"{STORE_PLACE}/store/a/"),
    ("s3", {**ANY_STORE, "endpoint_url": f"{SUPABASE}/"}, f"{SUPABASE}/my-bucket/a", f"s3:{SUPABASE}/my-bucket/a/"),
    *[(vendor, {"public_endpoint_url": "https://cdn.example.com"}, "", PLACES[vendor]) for vendor in ("s3", "gcs")],
    ("gcs", {}, "https://storage.googleapis.com/my-bucket/a/", "gcs:google/my-bucket/a/"),
    ("azure", DEVELOPMENT, "", "azure:http://127.0.0.1:10000/devstoreaccount1/documents/"),
    ("azure", {**BY_STRING, "account_key": f"{AZURE_KEY}\n"}, "", f"azure:{AZURE_HOST}/documents/"),
    ("azure", {"account_key": ABSENT}, "", f"azure:{AZURE_HOST}/documents/"),
    ("azure", BY_STRING, "", f"azure:{AZURE_HOST}/documents/"),
    ("azure", {"endpoint": f"{AZURE_HOST}/"}, "", f"azure:{AZURE_HOST}/documents/"),
    ("azure", {"endpoint": "HTTPS://ACMEfiles.blob.core.windows.net"}, "", f"azure:{AZURE_HOST}/documents/"),
    ("azure", {}, f"{AZURE_HOST}/documents/", f"azure:{AZURE_HOST}/documents/"),
    ("azure", {}, f"{AZURE_HOST}/documents/a/b/", f"azure:{AZURE_HOST}/documents/a/b/"),
    ("azure", {}, "https://ACMEfiles.blob.core.windows.net/documents/a/", f"azure:{AZURE_HOST}/documents/a/"),
    ("azure", {"endpoint": AZURITE}, f"{AZURITE}/documents/a/", f"azure:{AZURITE}/documents/a/"),
    *[
        ("gcs", {"bucket_name": name}, "", f"gcs:google/{name}/")
        for name in ("abc", "my_bucket-1", "files.example.com", f"{'a' * 63}.example.com", "1.2.3")
    ],
    ("s3", {**ANY_STORE, "endpoint_url": "HTTPS://Store.example.com:443/"}, "", f"{STORE_PLACE}/my-bucket/"),
    ("s3", ANY_STORE, "https://store.example.com:443/my-bucket/a/", f"{STORE_PLACE}/my-bucket/a/"),
    ("s3", {"endpoint_url": S3_EU}, f"{S3_EU}/my-bucket/a/", "s3:aws/my-bucket/a/"),
    ("azure", {**BY_STRING, "endpoint": f"{AZURE_HOST}:443"}, "", f"azure:{AZURE_HOST}/documents/"),
    *[("gcs", {"endpoint": f"https://{host}GoogleAPIs.com:443"}, "", PLACES["gcs"]) for host in ("A.", "storage.")],
    ("gcs", {"endpoint": "https://A.GoogleAPIs.com:8443"}, "", "gcs:https://a.googleapis.com:8443/my-bucket/"),
]
