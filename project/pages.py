"""The page at `/`: the vanilla example with the storages of the demo."""

from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.views.generic import TemplateView

from project.demo.storages import load_offer


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


def graphiql_built(_request: object) -> dict[str, bool]:
    """Tell the template of GraphiQL if its bundle is built."""
    return {"graphiql_built": finders.find("graphiql/graphiql.js") is not None}
