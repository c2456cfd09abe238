"""Hooks of the documentation site: pages that are read from the code, and links that point outside docs/."""

import ast
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
# Pages of the site that are files elsewhere in the repository.
ELSEWHERE = {
    "index.md": "README.md",
    "changes.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "front-ends.md": "frontend_examples/README.md",
    "uploader.md": "frontend_examples/uploader/README.md",
}
# Links to these files go to the page that is made from them.
MADE_FROM = {
    "reference/graphql.md": "schema/schema.graphql",
    "reference/errors.md": "fileman/errors.py",
    "reference/settings.md": "fileman/conf.py",
    "reference/checks.md": "fileman/checks.py",
    "adr/index.md": "docs/adr",
}
PAGE_OF = {path: page for page, path in (ELSEWHERE | MADE_FROM).items()}
_LINK = re.compile(r"(!?)\[((?:[^][]|\[[^][]*\])*)\]\(((?!https?:|mailto:|#)[^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not files of docs/."""
    sys.path.insert(0, str(ROOT))  # mkdocs restores the path after it has imported the hooks
    pages = {page: (ROOT / path).read_text() for page, path in ELSEWHERE.items()}
    pages |= {
        "reference/graphql.md": "".join(_describe_schema()),
        "reference/errors.md": "".join(_describe_errors()),
        "reference/settings.md": "".join(_describe_settings()),
        "reference/checks.md": "".join(_describe_checks()),
        "adr/index.md": "".join(_list_decisions()),
    }
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Turn links to files of the repository into links to pages of the site, or to the repository."""
    here = page.file.src_uri
    source = PurePosixPath({**ELSEWHERE, **MADE_FROM}.get(here, f"docs/{here}"))
    parts = re.split(r"(```.*?```)", markdown, flags=re.DOTALL)
    return "".join(
        part if part.startswith("```") else _LINK.sub(lambda link: _resolve_link(link, source, here), part)
        for part in parts
    )


def _resolve_link(link: re.Match[str], source: PurePosixPath, here: str) -> str:
    picture, label, target, anchor = link[1], link[2], link[3], link[4] or ""
    path = os.path.normpath(source.parent / target)
    page = PAGE_OF.get(path)
    if page is None and path.startswith("docs/") and PurePosixPath(path).suffix in {".md", ".png", ".svg"}:
        page = path.removeprefix("docs/")
    if page is not None:
        return f"{picture}[{label}]({os.path.relpath(page, PurePosixPath(here).parent)}{anchor})"
    repository = os.environ.get("REPOSITORY_URL")
    return f"[{label}]({repository}/blob/main/{path})" if repository else f"{label} (`{path}`)"


def _describe_settings() -> Iterator[str]:
    """Yield the keys of FILEMAN_SETTINGS with type, default and docstring, in the order of the source."""
    yield "# Settings\n\nThe keys of `FILEMAN_SETTINGS`. All have defaults. Unknown keys are refused by name.\n\n"
    yield "Settings of a storage are those of its file manager: see the page of the storage.\n\n"
    from django.conf import settings

    if not settings.configured:
        settings.configure()
    from fileman.conf import FilemanSettings, read_fields

    for node, text in read_fields(FilemanSettings):
        yield f"### {ast.unparse(node.target)}\n\n`{ast.unparse(node.annotation)}`"
        default = ast.unparse(node.value).removeprefix("field(default_factory=") if node.value else ""
        yield f", default `{'{}' if default == 'dict)' else default}`\n\n"
        if text:
            yield f"{text}\n\n"


def _describe_errors() -> Iterator[str]:
    """Yield a table of the codes of the API. A code is retryable if one of its classes is."""
    from fileman.errors import ErrorCode, FilemanError

    retryable: dict[ErrorCode, set[bool]] = {}
    for error in _walk(FilemanError):
        if hasattr(error, "code"):
            retryable.setdefault(error.code, set()).add(error.retryable)
    yield "# Error codes\n\nErrors of an upload are data: in `errors` of its ticket, or of the payload for the whole\n"
    yield "request. `retryable` means that the same call may succeed later. New codes may be added; none is renamed."
    yield "\n\n"
    yield "| code | meaning | retryable |\n|---|---|---|\n"
    for code in ErrorCode:
        answer = {True: "yes", False: "no"}[max(retryable.get(code, {False}))]
        yield f"| `{code.value}` | {code.description} | {answer} |\n"


def _walk(parent: type[Any]) -> Iterator[type[Any]]:
    yield parent
    for child in parent.__subclasses__():
        yield from _walk(child)


def _describe_checks() -> Iterator[str]:
    """Yield the docstrings that name a check."""
    yield "# System checks\n\n`manage.py check` and `runserver` run them; other servers do not.\n\n"
    tree = ast.parse((ROOT / "fileman/checks.py").read_text())
    texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for text in sorted(text for text in texts if "fileman." in text):
        yield re.sub(r"fileman\.[EW]\d+", r"**`\g<0>`**", f"- {' '.join(text.split()).removeprefix('Return ')}\n")


def _list_decisions() -> Iterator[str]:
    yield "# Decisions\n\n"
    for path in sorted((ROOT / "docs/adr").glob("0*.md")):
        title = path.read_text().splitlines()[0].removeprefix("# ")
        yield f"- [{title}](adr/{path.name})\n"


def _describe_schema() -> Iterator[str]:
    """Yield the exported SDL as pages of types: queries and mutations first."""
    from graphql import build_schema

    schema = build_schema((ROOT / "schema/schema.graphql").read_text())
    yield "# GraphQL API\n\nMade from the exported schema, `schema/schema.graphql`. Code generators take that file.\n\n"
    types = [one for name, one in schema.type_map.items() if not name.startswith("__")]
    roots = [schema.query_type, schema.mutation_type]
    for one in [*roots, *sorted((one for one in types if one not in roots), key=lambda one: one.name)]:
        if one.name in {"String", "Int", "Float", "Boolean", "ID"}:
            continue
        yield f"## {one.name}\n\n{_flat(one.description)}\n\n"
        if hasattr(one, "values"):
            yield from _table("value", ((name, "", value.description) for name, value in one.values.items()))
        elif hasattr(one, "fields"):
            yield from _table("field", _list_fields(one.fields))


def _list_fields(fields: dict[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    for name, field in fields.items():
        yield name, str(field.type), field.description
        for argument, spec in getattr(field, "args", {}).items():
            yield f"{name}({argument}:)", str(spec.type), spec.description


def _table(first: str, rows: Iterable[tuple[str, str, str | None]]) -> Iterator[str]:
    yield f"| {first} | type | meaning |\n|---|---|---|\n"
    for name, kind, meaning in rows:
        yield f"| `{name}` | {f'`{kind}`' if kind else ''} | {_flat(meaning)} |\n"
    yield "\n"


def _flat(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")
