"""The settings of a file manager, and the storage behind them."""

from django.core.exceptions import ImproperlyConfigured

from fileman.backends import get_backend
from fileman.errors import StorageError
from fileman.models import FileManager


def diagnose_manager(manager: FileManager) -> list[str]:
    """Return one sentence for each problem of the settings or of the storage behind them. Never raises."""
    try:
        return get_backend(manager).validate_configuration()[1]
    except (StorageError, ImproperlyConfigured) as error:
        return [str(error)]
