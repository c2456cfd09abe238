"""A new, empty storage of each kind with its file manager, and a view of its contents that bypasses the backend."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from fileman.backends.filesystem.entries import MARKER
from fileman.models import FileManager
from fileman.testing.memory import MemoryBackend
from tests.backends.s3.stores import new_store
from tests.servers import AzureServer, S3Server
from tests.servers.buckets import DOCUMENTED_ORIGIN, Bucket, create_azure_container, create_gcs_bucket, documented_rules
from tests.servers.gcs import GoogleServer

MIB = 1024**2
PREFIX = "tenant/"


@dataclass(frozen=True, kw_only=True)
class Storage:
    manager: FileManager
    """Site-wide default."""
    everything: Callable[[], list[str]]
    """Returns the paths of everything stored: objects, parts and unfinished uploads."""
    is_direct: bool = True
    """Browsers send the bytes to the storage, not to this server."""
    verifies_signatures: bool = True
    """Refuses expired and forged URLs."""
    part_bytes: int = 64 * 1024
    """The smallest part that this storage accepts, or a small one."""


def _manager(backend_type: str, **values: Any) -> FileManager:
    return FileManager.objects.create(name="Any", backend_type=backend_type, is_default=True, **values)


def memory_storage() -> Storage:
    manager = _manager("memory")

    def everything() -> list[str]:
        store = MemoryBackend._stores[manager.pk]
        return sorted([*store.objects, *(f"{path}#{number}" for path, number in store.parts)])

    return Storage(manager=manager, everything=everything, is_direct=False)


def file_storage(folder: Path) -> Storage:
    def everything() -> list[str]:
        paths = (path for path in folder.rglob("*") if path.is_file() and path.name != MARKER)
        return sorted(str(path.relative_to(folder)) for path in paths)

    manager = _manager("file", settings={"base_path": str(folder)})
    return Storage(manager=manager, everything=everything, is_direct=False)


def s3_storage(server: S3Server, *, direct: bool = True, origin: str = DOCUMENTED_ORIGIN, **settings: Any) -> Storage:
    store = new_store(server)
    store.client.put_bucket_cors(Bucket=store.bucket, CORSConfiguration={"CORSRules": documented_rules("s3", origin)})
    url, settings = f"s3://{store.bucket}/{PREFIX}", store.settings(**settings)
    manager = _manager("s3", backend_url=url, settings=settings, supports_direct_upload=direct)

    def everything() -> list[str]:
        # SeaweedFS shows what is below a folder .uploads only in a list of that folder.
        prefixes = ("", f"{PREFIX}.uploads/{manager.pk}/")
        pages = [store.client.list_objects_v2(Bucket=store.bucket, Prefix=prefix) for prefix in prefixes]
        listed = {entry["Key"] for page in pages for entry in page.get("Contents", [])}
        return sorted([*listed, *store.unfinished_uploads()])

    return Storage(
        manager=manager,
        everything=everything,
        is_direct=direct,
        verifies_signatures=server.verifies_signatures or not direct,
        part_bytes=5 * MIB,
    )


def azure_storage(server: AzureServer, *, origin: str = DOCUMENTED_ORIGIN, **settings: Any) -> Storage:
    return _cloud_storage(create_azure_container(server, uuid4().hex, origin), settings)


def gcs_storage(server: GoogleServer, *, origin: str = DOCUMENTED_ORIGIN, **settings: Any) -> Storage:
    return _cloud_storage(create_gcs_bucket(server, f"bucket-{uuid4().hex}", origin), settings)


def _cloud_storage(bucket: Bucket, settings: dict[str, Any]) -> Storage:
    url, settings = f"{bucket.backend_url}{PREFIX}", {**bucket.settings, **settings}
    manager = _manager(bucket.backend_type, backend_url=url, settings=settings)
    return Storage(manager=manager, everything=bucket.get_paths)
