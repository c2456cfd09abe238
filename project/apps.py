from django.contrib.staticfiles.apps import StaticFilesConfig


class StaticFiles(StaticFilesConfig):
    """What `collectstatic` leaves out of the examples' folders."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "node_modules", "test", "*.json", "*.d.ts", "README.md"]
