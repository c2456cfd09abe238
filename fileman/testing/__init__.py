"""For projects that write a backend: `fileman.testing.contract.BackendContract` proves it. Needs pytest."""

import pytest

pytest.register_assert_rewrite(
    "fileman.testing.case",
    "fileman.testing.configuration",
    "fileman.testing.contract",
    "fileman.testing.objects",
    "fileman.testing.publishing",
    "fileman.testing.through_us",
    "fileman.testing.uploading",
)
