import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django = get_asgi_application()

from fileman.views import UploadLimit  # noqa: E402 - Django comes first
from project.security import require_safe_settings  # noqa: E402

require_safe_settings()
application = UploadLimit(django)
