"""The project's settings for tests: other keys, fast password hashes, a temporary folder."""

import os
import tempfile

os.environ.setdefault("DEBUG", "1")

from project.settings import *  # noqa: F403
from project.settings import FILEMAN_SETTINGS, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.shop.apps.ShopConfig"]
FILEMAN_SETTINGS = {**FILEMAN_SETTINGS, "ENCRYPTION_KEYS": ["T3pjZ2xkY0VqM1JmS0pQd0xxWm5YdHVWYmFzZDEyMzQ="]}
FILEMAN_SETTINGS["RATE_CACHE"] = ""  # no rates
# The servers of the tests; fileman.testing.contract needs the same line for servers of your own.
FILEMAN_SETTINGS["TRUSTED_ENDPOINTS"] = ["127.0.0.1", "localhost", "azurite.internal", "files.example.com"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MEDIA_ROOT = tempfile.mkdtemp(prefix="fileman-tests-")
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # Threads that share a database in memory do not wait for each other's locks; with a file they do.
    DATABASES["default"]["TEST"] = {"NAME": f"{MEDIA_ROOT}/tests.sqlite3"}  # noqa: F405
