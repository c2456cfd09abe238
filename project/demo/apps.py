from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Only installed under DEBUG: demo users, demo storages, and the command that serves them."""

    name = "project.demo"
    label = "demo"
