"""What `manage.py demo` wrote down for the pages: the storages it offers."""

import json
from typing import Any

from django.conf import settings


def demo_storages() -> list[dict[str, Any]]:
    """Name, backend type, availability, reason and origin of each; empty outside of the demo."""
    described = settings.VAR_DIR / "demo-storages.json"
    if not settings.DEBUG or not described.is_file():
        return []
    offered: list[dict[str, Any]] = json.loads(described.read_text())
    return offered
