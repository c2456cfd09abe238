"""The samples and tables of docs/backends/<vendor>.md, and preflights to storages that have the sample's rules."""

import json
import re
from pathlib import Path
from typing import Any

import requests

ORIGIN = "https://app.example.com"
FOLDER = Path(__file__).resolve().parents[2] / "docs" / "backends"


def page_of(vendor: str) -> str:
    return (FOLDER / f"{vendor}.md").read_text()


def samples(vendor: str, language: str = "json") -> list[Any]:
    """Return every sample of the page in order; those in JSON as values."""
    found = re.findall(rf"```{language}\n(.*?)```", page_of(vendor), re.DOTALL)
    return [json.loads(text) for text in found] if language == "json" else found


def fixes_of(vendor: str, **names: str) -> Any:
    """Return the documents that the doctor advises, for a bucket and prefix."""
    text = (FOLDER.parents[1] / "fileman" / "backends" / vendor / "fixes.json").read_text()
    for name, value in names.items():
        text = text.replace(f"${name}", value)
    return json.loads(text)


def table(vendor: str, first_heading: str) -> dict[str, str]:
    """Return first column -> second column of the table with this heading."""
    found = re.search(rf"^\| {re.escape(first_heading)} \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", page_of(vendor), re.MULTILINE)
    assert found, first_heading
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()]
    return {row[0]: row[1] for row in rows}


def preflight(url: str, *, origin: str = ORIGIN, method: str = "PUT", headers: str = "content-type") -> int:
    """Return the status of a preflight as browsers send it."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return requests.options(url, headers=asked, timeout=60).status_code
