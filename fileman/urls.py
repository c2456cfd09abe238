"""URLs for bytes that go through this server, stable links, and the CSRF token for single-page apps."""

from django.urls import path

from fileman import views

app_name = "fileman"
urlpatterns = [
    path("upload/<str:signed>", views.UploadView.as_view(), name="upload"),
    path("content/<str:signed>", views.ContentView.as_view(), name="content"),
    path("download/<uuid:file_id>/", views.DownloadView.as_view(), name="download"),
    path("csrf/", views.CsrfView.as_view(), name="csrf"),
]
