"""What an operator reads in the log: the words of the operating system and the path below base_path."""

import logging
from pathlib import Path

import pytest

from fileman.errors import StorageMisconfigured
from tests.backends.filesystem.devices import mounted, remount
from tests.backends.filesystem.folder import make, sent

LOGGER = "fileman.backends.filesystem"


def test_a_device_that_has_become_read_only_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A real one. Both paths of the link are named, first the one at fault."""
    backend = make(tmp_path)
    upload, verified = sent(backend)
    with mounted(tmp_path / "uploads") as device:
        remount(device, "ro")
        with pytest.raises(StorageMisconfigured):
            backend.publish(upload, verified)

    message = f"Read-only file system: '{upload.file_path}', '{upload.upload_path}'"
    assert caplog.record_tuples == [(LOGGER, logging.WARNING, message)]


def test_a_missing_folder_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    backend = make(tmp_path, create_directories=False)

    with pytest.raises(StorageMisconfigured):
        backend.stat("uploads/file/1/name")

    message = "The folder uploads of the storage is missing and create_directories is off. Mount or create it."
    assert caplog.record_tuples == [(LOGGER, logging.WARNING, f"{message}: 'uploads/file/1/name'")]


def test_an_absent_file_is_no_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert make(tmp_path).find("uploads/file/1/name") is None
    assert caplog.record_tuples == []
