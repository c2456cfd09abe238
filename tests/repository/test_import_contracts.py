"""The import contracts of pyproject.toml hold, and each of them notices a violation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("fileman", "schema", "project")


def code_strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of every imported module and every string that is not a docstring or a bare string."""
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.lineno, node.value


def test_the_product_neither_imports_nor_starts_anything_of_the_tests() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for package in PRODUCT
        for path in (ROOT / package).rglob("*.py")
        for line, text in code_strings(ast.parse(path.read_text()))
        if re.search(r"\btests\b", text)
    ]

    assert found == []
