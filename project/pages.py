"""The page at `/`: the vanilla example, with what the demo offers."""

from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.views.generic import TemplateView

from project.demo_storages import demo_storages


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
        return super().get_context_data(demo_storages=demo_storages(), demo_links=links, sign_in_hint=hint, **kwargs)


def graphiql_built(_request: object) -> dict[str, bool]:
    """For the template of GraphiQL: whether its bundle is there."""
    return {"graphiql_built": finders.find("graphiql/graphiql.js") is not None}
