"""What storages, networks and operating systems do wrong, on real servers and with real processes."""

import pytest

pytest.register_assert_rewrite("tests.faults.site")
