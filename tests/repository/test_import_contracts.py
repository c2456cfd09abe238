"""The import contracts of pyproject.toml hold, and each of them notices a violation."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("fileman", "schema", "project")
IMPORT_LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = [contract["name"] for contract in IMPORT_LINTER["contracts"]]
# A module, a line to plant in it, and the contract that it breaks.
VIOLATIONS = [
    ("schema/__init__.py", "import project.pages", CONTRACTS[0]),
    ("fileman/files.py", "import strawberry", CONTRACTS[1]),
    ("fileman/cleanup/_run.py", "import fileman.graphql", CONTRACTS[2]),
    ("fileman/graphql/mutations.py", "import fileman.backends", CONTRACTS[3]),
    ("fileman/uploads/transitions.py", "import boto3", CONTRACTS[4]),
    ("fileman/backends/s3/errors.py", "import azure.core", CONTRACTS[5]),
    ("fileman/diagnosis/subjects.py", "from google.cloud import storage", CONTRACTS[6]),
    ("fileman/errors.py", "import fileman.uploads", CONTRACTS[7]),
    ("fileman/uploads/state.py", "import fileman.uploads.transitions", CONTRACTS[8]),
]


def test_the_product_neither_imports_nor_starts_anything_of_the_tests() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for package in PRODUCT
        for path in (ROOT / package).rglob("*.py")
        for text in re.findall(r"(?:from|import) tests\b|[\"']tests\b|\btests\.\w+", path.read_text())
    ]

    assert found == []


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The product in a folder of its own."""
    for package in PRODUCT:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def find_broken(copy: Path) -> list[str]:
    """The contracts that lint-imports reports as broken, in their order."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    report = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False).stdout
    words = " ".join(report.partition("Broken contracts")[0].split())
    assert all(f"{name} KEPT" in words or f"{name} BROKEN" in words for name in CONTRACTS), report
    return [name for name in CONTRACTS if f"{name} BROKEN" in words]


def plant(copy: Path, module: str, line: str) -> None:
    with (copy / module).open("a") as file:
        file.write(f"\n{line}\n")


def test_nothing_is_broken_as_it_is(copy: Path) -> None:
    assert find_broken(copy) == []


@pytest.mark.parametrize(("module", "line", "contract"), VIOLATIONS, ids=CONTRACTS)
def test_a_planted_import_breaks_its_contract(module: str, line: str, contract: str, copy: Path) -> None:
    plant(copy, module, line)

    assert contract in find_broken(copy)


def test_a_circle_of_imports_for_types_alone_is_noticed(copy: Path) -> None:
    for module, imported in (("fileman/uploads/state.py", "uploads.transitions"), ("fileman/caller.py", "access")):
        plant(copy, module, f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import fileman.{imported}")

    assert find_broken(copy) == CONTRACTS[-2:]


def test_a_new_module_has_to_find_its_layer(copy: Path) -> None:
    (copy / "fileman" / "extra.py").touch()

    assert find_broken(copy) == [CONTRACTS[-2]]
