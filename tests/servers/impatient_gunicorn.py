"""The configuration of gunicorn with limits that a test can wait for, and one thread for transfers."""

from tests.servers.availability import REPOSITORY

exec((REPOSITORY / "docs" / "deployment" / "gunicorn_config.py").read_text())

BUFFER_SECONDS = SILENCE_SECONDS = 0.5
RATE_BYTES = 1024**2
TRANSFER_THREADS = 1
