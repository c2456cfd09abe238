"""Size gates: lines per file and function, parameters, and totals of the whole repository. Prints the totals.

If a file or function is too long, its design is wrong there: split it by meaning. If a total is too high, delete
something elsewhere.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 30
PARAMETERS = 6
SCRIPT_LINES = 250
PRODUCT_LINES = 16_000
TEST_LINES = 32_000
FRONT_END_LINES = 6_000
TOP_NAMES = 22

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("fileman", "schema", "project")
# Sources, pages, styles, their tests and configuration; neither READMEs nor lock files.
FRONT_END_SUFFIXES = (".js", ".ts", ".tsx", ".css", ".html", ".svg", ".py", ".json")
GENERATED = {"node_modules", "dist", "package-lock.json"}
NAMED_BY_DJANGO = {"__init__", "admin", "apps", "management", "migrations"}


def main() -> int:
    """Print totals and problems; return the exit status."""
    totals = [
        ("Product Python, lines", _count_lines(*PRODUCT, suffixes=(".py",)), PRODUCT_LINES),
        ("Tests, lines of Python", _count_lines("tests", suffixes=(".py",)), TEST_LINES),
        (
            "Front end, lines",
            _count_lines("frontend_examples", "fileman/static", suffixes=FRONT_END_SUFFIXES),
            FRONT_END_LINES,
        ),
        ("Modules and packages at the top of fileman/", _count_top_names(), TOP_NAMES),
    ]
    for name, count, limit in totals:
        sys.stdout.write(f"{name}: {count:,} of at most {limit:,}\n")
    problems = [f"{name}: {count:,} is more than {limit:,}" for name, count, limit in totals if count > limit]
    problems += [*_find_python_problems(), *_find_script_problems()]
    sys.stdout.write("\n".join(problems or ["All files and functions are within the size gates."]) + "\n")
    return bool(problems)


def _find_files(*folders: str, suffixes: tuple[str, ...]) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and not GENERATED & set(path.relative_to(ROOT).parts) and path.is_file():
                yield path


def _count_lines(*folders: str, suffixes: tuple[str, ...]) -> int:
    return sum(path.read_text().count("\n") for path in _find_files(*folders, suffixes=suffixes))


def _count_top_names() -> int:
    names = {
        path.stem for path in (ROOT / "fileman").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    return len(names - NAMED_BY_DJANGO)


def _find_python_problems() -> Iterator[str]:
    for path in _find_files(*PRODUCT, suffixes=(".py",)):
        if "migrations" in path.parts:
            continue
        text = path.read_text()
        name = path.relative_to(ROOT)
        yield from _too_many(text.count("\n"), FILE_LINES, f"{name}", "lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _find_function_problems(node, f"{name}:{node.lineno} {node.name}")


def _find_function_problems(node: ast.FunctionDef | ast.AsyncFunctionDef, where: str) -> Iterator[str]:
    body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
    yield from _too_many((node.end_lineno or node.lineno) - body[0].lineno + 1, FUNCTION_LINES, where, "lines")
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    count = len([name for name in names if name not in ("self", "cls", "root", "info")])
    yield from _too_many(count, PARAMETERS, where, "parameters")


def _find_script_problems() -> Iterator[str]:
    for pattern in ("uploader/*.?s", "vanilla/*.js", "react/src/*.ts*", "uppy/src/*.ts*", "graphiql/src/*.ts*"):
        for path in sorted((ROOT / "frontend_examples").glob(pattern)):
            yield from _too_many(path.read_text().count("\n"), SCRIPT_LINES, f"{path.relative_to(ROOT)}", "lines")


def _too_many(count: int, limit: int, where: str, unit: str) -> Iterator[str]:
    if count > limit:
        yield f"{where}: {count} {unit}, at most {limit}"


if __name__ == "__main__":
    sys.exit(main())
