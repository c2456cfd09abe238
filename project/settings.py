"""Settings of the project in this repository. The only reader of its environment.

DEBUG              1 for development: development keys, demo users, GraphiQL. Default 0.
SECRET_KEY         required unless DEBUG
FILEMAN_KEYS       Fernet keys, comma-separated; the first encrypts. Required unless DEBUG
ALLOWED_HOSTS      comma-separated; required unless DEBUG
DATABASE_URL       postgres://..., default: SQLite in VAR_DIR
CACHE_URL          a shared cache such as redis://...; default: the memory of the process
TRUSTED_PROXIES    number of proxies before this server that append to X-Forwarded-For; default 0
CORS_ORIGINS       origins of separate single-page apps: https://app.example.com,...
VAR_DIR            folder for generated files: SQLite, media, static files; default: var
MEDIA_ROOT         folder of the local file manager; default: media in VAR_DIR
STORAGE_ORIGINS    comma-separated origins of the storages that the project's own pages may connect to
PUBLIC_URL         base of absolute URLs if it is not the request's host
TRUSTED_ENDPOINTS  comma-separated hosts or origins of storages in private networks: https://minio.internal:9000,...
CREDENTIALS_FOLDERS  comma-separated folders with key files that GCS file managers may name
FILEMAN_SETTINGS   more keys of FILEMAN_SETTINGS as JSON, durations in seconds: {"USER_QUOTA_BYTES": 1000, "LEASE": 90}
KMS_KEY_ID         for S3 file managers that use aws:kms encryption without a key of their own
HSTS_SECONDS       for this host; default one year, 0 under DEBUG. HSTS_INCLUDE_SUBDOMAINS and HSTS_PRELOAD: default 0
LOG_LEVEL          of the logger "fileman"; default INFO
"""

from datetime import timedelta
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="only for development, never in production" if DEBUG else environ.Env.NOTSET)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"] if DEBUG else [])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "project.apps.StaticFiles",
    "corsheaders",
    "strawberry_django",
    "fileman",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "project.security.ContentSecurityPolicy",
]

ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
TIME_ZONE = "UTC"

FRONTEND_DIR = BASE_DIR / "frontend_examples"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "project" / "templates", FRONTEND_DIR / "vanilla"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
_FRONTENDS = {
    # Each folder once: collectstatic keeps one prefix of a folder. The wheel has these two in the same places.
    "fileman/uploader": FRONTEND_DIR / "uploader",
    "fileman/graphiql": FRONTEND_DIR / "graphiql" / "dist",
    "fileman/vanilla": FRONTEND_DIR / "vanilla",
    "react": FRONTEND_DIR / "react" / "dist",
    "uppy": FRONTEND_DIR / "uppy" / "dist",
}
STATICFILES_DIRS: list[object] = [(prefix, folder) for prefix, folder in _FRONTENDS.items() if folder.is_dir()]
STATICFILES_DIRS.append(BASE_DIR / "project" / "static")

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    VAR_DIR.mkdir(parents=True, exist_ok=True)
    DATABASES["default"] |= {
        # A transaction takes the write lock when it begins, so that a second writer waits instead of failing half-way.
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    }
else:
    DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
CACHES = {"default": env.cache_url("CACHE_URL", default="locmemcache://?max_entries=10000")}

CORS_ALLOWED_ORIGINS = env.list("CORS_ORIGINS", default=[])
STORAGE_ORIGINS = env.list("STORAGE_ORIGINS", default=[])
CORS_ALLOW_CREDENTIALS = True
CORS_URLS_REGEX = r"^/(graphql|fileman/).*$"
CSRF_TRUSTED_ORIGINS = CORS_ALLOWED_ORIGINS

LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}Validator"}
    for name in ("UserAttributeSimilarity", "MinimumLength", "CommonPassword", "NumericPassword")
]

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = not DEBUG
SECURE_REDIRECT_EXEMPT = ["^health$"]  # load balancers ask by plain http
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=0 if DEBUG else 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", default=False)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # these two bind other sites of the operator's domain

MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(VAR_DIR / "media"))
# A wildcard host is not an origin; PUBLIC_URL covers it.
_OWN_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS if not host.startswith(("*", "."))]
FILEMAN_SETTINGS = {
    "ENCRYPTION_KEYS": env.list("FILEMAN_KEYS", default=[]),
    "PUBLIC_URL": env.str("PUBLIC_URL", default=""),
    "ALLOWED_ORIGINS": CORS_ALLOWED_ORIGINS and [*CORS_ALLOWED_ORIGINS, *_OWN_ORIGINS],
    "TRUSTED_PROXIES": env.int("TRUSTED_PROXIES", default=0),
    "KMS_KEY_ID": env.str("KMS_KEY_ID", default=""),
    "TRUSTED_ENDPOINTS": env.list("TRUSTED_ENDPOINTS", default=[]),
    "CREDENTIALS_FOLDERS": env.list("CREDENTIALS_FOLDERS", default=[]),
    "GRAPHQL_USER_TYPE": "schema.users.User",
}
for key, value in env.json("FILEMAN_SETTINGS", default={}).items():
    is_duration = key.endswith(("_DEADLINE", "_GRACE", "_LIFETIME", "LEASE"))
    FILEMAN_SETTINGS[key] = timedelta(seconds=value) if is_duration else value

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {"fileman": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")}},
}
