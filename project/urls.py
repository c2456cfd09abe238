from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.contrib.staticfiles.views import serve
from django.urls import include, path
from django.views.decorators.gzip import gzip_page
from django.views.generic import RedirectView

from fileman.access.rates import limit_sign_ins
from fileman.graphql import GraphQLView
from project.pages import IndexPage, health
from schema import schema

SIGN_IN_CONTEXT = {"debug_hint": "For this demo: user demo, password demo." if settings.DEBUG else ""}

urlpatterns = [
    path("", IndexPage.as_view(), name="index"),
    path("health", health),
    path("graphql", GraphQLView.as_view(schema=schema), name="graphql"),
    path("fileman/", include("fileman.urls")),
    path("accounts/login/", limit_sign_ins(LoginView.as_view(extra_context=SIGN_IN_CONTEXT)), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("admin/login/", limit_sign_ins(admin.site.login)),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url="/static/fileman/vanilla/icon.svg")),
    path("examples/<slug:name>/", RedirectView.as_view(url="/static/%(name)s/index.html")),
    path("static/<path:path>", gzip_page(serve)),  # only with DEBUG
]
