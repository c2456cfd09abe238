import logging
import re
import sys
from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_delete, pre_delete, pre_migrate

_SIGNED_PATH = re.compile(r"(/(?:upload|content)/)[\w-]{40,}")


class FilemanConfig(AppConfig):
    name = "fileman"
    verbose_name = "Files"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from fileman import checks  # noqa: F401
        from fileman.uploads.disposal import lock_deleted_row, settle_deleted_row

        pre_delete.connect(lock_deleted_row, sender=self.get_model("File"), dispatch_uid="fileman.lock")
        post_delete.connect(settle_deleted_row, sender=self.get_model("File"), dispatch_uid="fileman.settle")
        pre_delete.connect(_delete_usage_last, sender=self.get_model("StorageUsage"), dispatch_uid="fileman.usage")
        pre_migrate.connect(_warn_of_lost_objects, sender=self, dispatch_uid="fileman.warn")
        for name in ("django.request", "django.server"):
            logging.getLogger(name).addFilter(_hide_signed_paths)


def _delete_usage_last(**_: Any) -> None:
    """Do nothing: because there is a receiver, Django deletes a user's usage after it has changed their files.

    The ends of uploads lock the rows in this order too. In another order the two would deadlock.
    """


def _hide_signed_paths(record: logging.LogRecord) -> bool:
    """Shorten the paths of uploads and contents, which carry a permission, before Django logs a refused request."""
    if isinstance(record.args, tuple):
        record.args = tuple(_SIGNED_PATH.sub(r"\1...", one) if isinstance(one, str) else one for one in record.args)
    return True


def _warn_of_lost_objects(sender: AppConfig, plan: Any, using: str, stdout: Any = None, **_: Any) -> None:
    """Say what `migrate fileman zero` leaves behind. A receiver of `pre_migrate`."""
    names = {migration.name for migration, is_backwards in plan if migration.app_label == "fileman" and is_backwards}
    if "0001_initial" not in names:
        return
    file: Any = sender.get_model("File")
    files = file.objects.using(using).filter(upload_status="completed").count()
    if files:
        print(
            f"WARNING: {files} stored files stay on their storages, and nothing will know them any more. Delete them "
            "first, or keep a list: python manage.py dumpdata fileman.file",
            file=stdout or sys.stderr,
        )
