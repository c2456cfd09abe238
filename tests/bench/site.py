"""Settings of the servers under measurement: the project's, with plain views too and rates that refuse nothing."""

from tests.settings import *  # noqa: F403
from tests.settings import FILEMAN_SETTINGS

DEBUG = False
SECRET_KEY = "of the benchmarks, and long enough for a server without DEBUG"
ROOT_URLCONF = "tests.bench.plain"
_COUNTED = ("INITIATED_FILES", "REFRESHES", "FINALIZES", "CHANGES", "DOWNLOAD_URLS", "SIGN_INS")
FILEMAN_SETTINGS = {
    **FILEMAN_SETTINGS,
    "RATE_CACHE": "default",  # rates are counted as in production
    **{f"{name}_PER_MINUTE": 10**9 for name in _COUNTED},
    "MAX_PENDING_UPLOADS": 10**6,
    "DEFAULT_MAX_FILE_SIZE": 0,
    "ALLOW_INSECURE_ENDPOINTS": True,
    "BACKENDS": {"bench-aws": "tests.bench.stand_in.AwsBackend"},
}
