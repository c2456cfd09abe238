"""For projects that write a backend or test with fileman: the contract suite and a backend in memory."""

try:
    import pytest
except ImportError:  # the memory backend works without pytest, the contract does not
    pass
else:
    pytest.register_assert_rewrite(
        "fileman.testing.case",
        "fileman.testing.configuration",
        "fileman.testing.objects",
        "fileman.testing.publishing",
        "fileman.testing.server_uploads",
        "fileman.testing.uploads",
    )
