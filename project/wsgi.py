import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
application = get_wsgi_application()

from project.security import require_safe_settings  # noqa: E402 - Django comes first

require_safe_settings()
