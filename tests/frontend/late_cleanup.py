"""Run the cleanup of a project twice with a clock that is ahead: `python -m tests.frontend.late_cleanup MINUTES`.

Prints a JSON list of the ids that `file_completed` has announced.
"""

import json
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

import django


def main(minutes: float) -> list[str]:
    """Clean up as cron would, and return the ids."""
    django.setup()
    from django.utils import timezone

    from fileman import cleanup
    from fileman.signals import file_completed

    completed: list[str] = []

    def observe(file_id: UUID, **_: Any) -> None:
        completed.append(str(file_id))

    file_completed.connect(observe)
    for _ in range(2):
        cleanup.run_scheduled(now=timezone.now() + timedelta(minutes=minutes))
    return completed


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(float(sys.argv[1]))))
