"""The tables and samples of docs/backends/azure.md."""

import json
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[3] / "docs" / "backends" / "azure.md"


def table(text: str, first_heading: str) -> dict[str, str]:
    """Return first column -> second column of the table with this heading."""
    found = re.search(rf"^\| {re.escape(first_heading)} \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert found, first_heading
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()]
    return {row[0]: row[1] for row in rows}


def json_blocks() -> list[Any]:
    """Return every JSON sample, in order."""
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)]


def python_blocks() -> list[str]:
    """Return every Python sample, in order."""
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
