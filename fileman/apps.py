from django.apps import AppConfig
from django.db.models.signals import post_delete


class FilemanConfig(AppConfig):
    name = "fileman"
    verbose_name = "Files"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from fileman import checks  # noqa: F401
        from fileman.uploads.disposal import settle_deleted_row

        post_delete.connect(settle_deleted_row, sender=self.get_model("File"), dispatch_uid="fileman.settle")
