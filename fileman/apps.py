from django.apps import AppConfig


class FilemanConfig(AppConfig):
    name = "fileman"
    verbose_name = "Files"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from fileman import checks  # noqa: F401
