from django.contrib.staticfiles.apps import StaticFilesConfig


class StaticFiles(StaticFilesConfig):
    """Leaves out of `collectstatic` the files of the examples that browsers do not load."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "node_modules", "test", "*.json", "*.d.ts", "README.md"]
