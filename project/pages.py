"""The page at `/`, which is the vanilla example with the storages of the demo, and the health of this process."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.generic import TemplateView


class IndexPage(TemplateView):
    template_name = "index.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        links = [
            {"href": f"/examples/{name}/", "label": label}
            for name, label in (("react", "React"), ("uppy", "Uppy"))
            if (settings.FRONTEND_DIR / name / "dist" / "index.html").is_file()
        ]
        if settings.DEBUG:
            links.insert(0, {"href": "/graphql", "label": "GraphiQL"})
        hint = "user demo, password demo" if settings.DEBUG else ""
        return super().get_context_data(demo_storages=load_offer(), demo_links=links, sign_in_hint=hint, **kwargs)


def load_offer() -> list[dict[str, Any]]:
    """Return the storages that the demo offers: name, backend_type, reason, origin, available. Else an empty list."""
    if not settings.DEBUG or not get_offer_path().is_file():
        return []
    return list(json.loads(get_offer_path().read_text()))


def get_offer_path() -> Path:
    """Return the path of the file in which the demo lists its storages."""
    return Path(settings.VAR_DIR, "demo-storages.json")


def health(_request: HttpRequest) -> JsonResponse:
    """Tell a load balancer if this process reaches its database: 200 or 503."""
    try:
        connection.cursor().execute("SELECT 1")
    except Error:
        return JsonResponse({"status": "no database"}, status=503)
    return JsonResponse({"status": "ok"})
