"""Every guarantee and every threat in docs/ names the tests that prove it, and every larger test module proves one."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUARANTEES, LIMITS = (ROOT / "docs" / "guarantees.md").read_text().split("\n## Limits\n")
SENTENCES = re.findall(r"^- (.*?)(?=^- |^#|\Z)", GUARANTEES, re.MULTILINE | re.DOTALL)
THREAT_MODEL = (ROOT / "docs" / "security.md").read_text().split("\n## ")[1]
THREATS = re.findall(r"^\| (?!threat|-)(.*\|.*\|.*) \|$", THREAT_MODEL, re.MULTILINE)
MANY_TESTS = 10
TOOLS = ("repository", "servers", "testing")
"""Folders of tests about the tests themselves."""


def modules(pattern: str) -> list[Path]:
    return sorted(ROOT.glob(pattern))


def count_tests(module: Path) -> int:
    nodes = list(ast.walk(ast.parse(module.read_text())))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    suites = [node for node in nodes if isinstance(node, ast.ClassDef) and node.name.startswith("Test")]
    return len(functions) + len(suites)


@pytest.mark.parametrize("sentence", [*SENTENCES, *THREATS])
def test_a_guarantee_or_threat_names_tests_that_exist(sentence: str) -> None:
    named = re.findall(r"`(tests/[^`]+)`", sentence)

    assert named
    for pattern in named:
        found = modules(pattern)
        assert found, f"There is no {pattern}."
        assert all(count_tests(module) for module in found), f"{pattern} has no tests."


def test_no_larger_test_module_is_named_by_no_guarantee() -> None:
    named = {module for pattern in re.findall(r"`(tests/[^`]+)`", GUARANTEES) for module in modules(pattern)}
    others = [module for module in modules("tests/**/test_*.py") if module.parent.name not in TOOLS]
    larger = {module for module in others if count_tests(module) > MANY_TESTS}

    unnamed = sorted(str(module.relative_to(ROOT)) for module in larger - named)
    assert not unnamed, f"Name in docs/guarantees.md what these prove: {unnamed}"


def test_there_are_thirty_guarantees_and_the_limits_are_named() -> None:
    assert (len(SENTENCES) >= 30, len(THREATS) >= 17) == (True, True)
    assert LIMITS.count("\n- ") >= 1
