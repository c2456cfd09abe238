"""Storage backends. `get_backend(file_manager)` returns the one of a file manager."""

from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol
from uuid import UUID

from fileman import conf
from fileman.backends.base import Backend
from fileman.backends.guard import guard
from fileman.backends.values import BackendConfig
from fileman.errors import StorageMisconfigured

__all__ = ["Backend", "BackendConfig", "backend_class", "backend_types", "get_backend"]

_BUILT_IN = {
    "file": "fileman.backends.filesystem.backend.FilesystemBackend",
    "memory": "fileman.testing.memory.MemoryBackend",
    "s3": "fileman.backends.s3.backend.S3Backend",
    "azure": "fileman.backends.azure.backend.AzureBackend",
    "gcs": "fileman.backends.gcs.backend.GCSBackend",
}
# Backend type -> the packages of its SDK, which an extra of the same name installs.
_SDKS = {"s3": "boto3", "azure": "azure-storage-blob and azure-identity", "gcs": "google-cloud-storage"}


class Configured(Protocol):
    """The part of a FileManager that a backend is made from."""

    id: UUID
    backend_type: str
    backend_url: str
    settings: Any
    supports_direct_upload: bool
    modified: Any


def backend_types() -> list[str]:
    """Return the known values of `FileManager.backend_type`."""
    return [*_BUILT_IN, *conf.settings().BACKENDS]


def backend_class(backend_type: str) -> type[Backend]:
    """Import and return the class of a backend type. Raises StorageMisconfigured: unknown type, missing SDK."""
    path = (_BUILT_IN | dict(conf.settings().BACKENDS)).get(backend_type)
    if path is None:
        known = ", ".join(backend_types())
        raise StorageMisconfigured(f"Unknown backend type {backend_type!r}. Known types: {known}.")
    module, _, name = path.rpartition(".")
    try:
        found: type[Backend] = getattr(import_module(module), name)
    except ImportError as error:
        needed = f"the package {error.name!r}"
        if backend_type in _SDKS:
            needed = f"{_SDKS[backend_type]}: pip install 'django-fileman-graphql[{backend_type}]'"
        raise StorageMisconfigured(f"Backend {backend_type!r} needs {needed}.") from error
    except AttributeError as error:
        raise StorageMisconfigured(f"Backend {backend_type!r} is set to {path}, which does not exist.") from error
    return found


def build_config(file_manager: Configured) -> BackendConfig:
    """Return the configuration of a file manager's backend."""
    return BackendConfig(
        manager_id=file_manager.id,
        backend_url=file_manager.backend_url,
        settings=file_manager.settings,
        supports_direct_upload=file_manager.supports_direct_upload,
    )


@dataclass(frozen=True)
class _Version:
    """A saved state of a file manager as a cache key, so that a change makes a new backend."""

    id: UUID
    modified: Any
    backend_type: str
    file_manager: Configured = field(compare=False)


@lru_cache(maxsize=256)
def _cached(version: _Version) -> Backend:
    made = backend_class(version.backend_type)
    with guard(f"The constructor of backend {version.backend_type!r}", StorageMisconfigured):
        return made(build_config(version.file_manager))


def get_backend(file_manager: Configured) -> Backend:
    """Return the backend of a file manager, made once for each of its saved states. Raises StorageMisconfigured."""
    return _cached(_Version(file_manager.id, file_manager.modified, file_manager.backend_type, file_manager))


def forget_backends() -> None:
    """Empty the cache of backends, for example after a change of FILEMAN_SETTINGS."""
    _cached.cache_clear()
