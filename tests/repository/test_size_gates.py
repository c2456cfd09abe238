"""The totals of .ci/gates.py."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def gates() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gates", ROOT / ".ci" / "gates.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_repository_is_within_its_gates(gates: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert gates.main() == 0
    assert capsys.readouterr().out.count(" of at most ") == 4


@pytest.mark.parametrize("limit", ["PRODUCT_LINES", "TEST_LINES", "FRONT_END_LINES", "TOP_NAMES"])
def test_a_total_above_its_limit_fails(limit: str, gates: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    setattr(gates, limit, 1)

    assert gates.main() == 1
    assert capsys.readouterr().out.splitlines()[-1].endswith(" is more than 1")
