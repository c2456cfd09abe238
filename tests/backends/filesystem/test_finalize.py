"""finalizeUpload on disks where publishing is more than one link."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from fileman import deletion_queue
from fileman.backends.filesystem import backend as module
from fileman.backends.filesystem import publishing
from fileman.errors import StorageUnavailable
from fileman.models import FileManager
from tests.backends.filesystem.folder import DATA, failing, files_below, other_device
from tests.uploads.clock import DAY, NOW
from tests.uploads.driver import code_of, finish, send, start


def lose_first_publish(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault: the first publishing request is carried out, but the call does not learn it."""

    def publish(*arguments: Any) -> None:
        publishing.publish(*arguments)
        monkeypatch.setattr(module, "publish", publishing.publish)
        raise StorageUnavailable

    monkeypatch.setattr(module, "publish", publish)


@pytest.mark.parametrize("disk", ["hard links", "no hard links", "two devices"])
def test_a_file_that_was_published_without_our_knowledge_is_taken_by_the_next_call(
    user: User, local_manager: FileManager, monkeypatch: pytest.MonkeyPatch, disk: str
) -> None:
    """Without hard links nothing is at the upload path any more: the file has only the name of the earlier try."""
    root, sent = Path(local_manager.settings["base_path"]), start(user, DATA)
    send(sent, DATA)
    links = {"hard links": os.link, "no hard links": failing(errno.EPERM), "two devices": other_device()}
    monkeypatch.setattr(os, "link", links[disk])
    lose_first_publish(monkeypatch)
    assert code_of(finish(user, sent)) == "STORAGE_UNAVAILABLE"

    outcome = finish(user, sent)

    assert code_of(outcome) is None
    assert (outcome.file.file_path, outcome.file.tries) == (outcome.file.get_try_path(1), 1)
    assert (root / outcome.file.stored_path).read_bytes() == DATA
    deletion_queue.work(now=NOW + DAY)
    assert files_below(root) == [outcome.file.file_path]
