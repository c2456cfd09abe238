"""For projects that write a backend or test with fileman: the contract suite and a backend in memory."""

try:
    import pytest
except ImportError:  # the memory backend works without pytest, the contract does not
    pass
else:
    modules = ("case", "configuration", "objects", "publishing", "uploads")
    pytest.register_assert_rewrite(*(f"fileman.testing.{name}" for name in modules))
