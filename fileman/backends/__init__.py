"""Storage backends and how to get one: `get_backend(file_manager)`."""

from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol
from uuid import UUID

from fileman import conf
from fileman.backends.base import Backend
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


class Configured(Protocol):
    """The part of a FileManager that a backend is made from."""

    id: UUID
    backend_type: str
    backend_url: str
    settings: Any
    supports_direct_upload: bool
    modified: Any


def backend_types() -> list[str]:
    """The known values of `FileManager.backend_type`."""
    return [*_BUILT_IN, *conf.settings().BACKENDS]


def backend_class(backend_type: str) -> type[Backend]:
    """The class of a backend type, imported now. Raises StorageMisconfigured for an unknown type or a missing SDK."""
    path = (_BUILT_IN | dict(conf.settings().BACKENDS)).get(backend_type)
    if path is None:
        known = ", ".join(backend_types())
        raise StorageMisconfigured(f"Unknown backend type {backend_type!r}; known are {known}.")
    module, _, name = path.rpartition(".")
    try:
        found: type[Backend] = getattr(import_module(module), name)
    except ImportError as error:
        raise StorageMisconfigured(f"Backend {backend_type!r} needs the package {error.name!r}.") from error
    except AttributeError as error:
        raise StorageMisconfigured(f"Backend {backend_type!r}: there is no {path}.") from error
    return found


def build_config(file_manager: Configured) -> BackendConfig:
    """What a backend needs to know of a file manager."""
    return BackendConfig(
        manager_id=file_manager.id,
        backend_url=file_manager.backend_url,
        settings=file_manager.settings,
        supports_direct_upload=file_manager.supports_direct_upload,
    )


class _ByVersion:
    """A file manager that hashes by its row and the time it was saved, so that a change makes a new backend."""

    def __init__(self, file_manager: Configured) -> None:
        self.file_manager = file_manager
        self.key = (file_manager.id, file_manager.modified, file_manager.backend_type)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByVersion) and self.key == other.key


@lru_cache(maxsize=256)
def _cached(version: _ByVersion) -> Backend:
    return backend_class(version.file_manager.backend_type)(build_config(version.file_manager))


def get_backend(file_manager: Configured) -> Backend:
    """The backend of a file manager, made once for each saved state of it. Raises StorageMisconfigured."""
    return _cached(_ByVersion(file_manager))


def forget_backends() -> None:
    """Drop the cached backends, as after a change of FILEMAN_SETTINGS."""
    _cached.cache_clear()
