"""Size gates: 400 lines a file, 30 lines a function, six parameters, everything annotated by ruff and mypy.

A gate that hurts tells that the design is wrong there: split by meaning.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 30
PARAMETERS = 6
SCRIPT_LINES = 250
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    problems = [*_python_problems(), *_script_problems()]
    sys.stdout.write("\n".join(problems or ["Size gates: all within."]) + "\n")
    return bool(problems)


def _python_problems() -> Iterator[str]:
    for folder in ("fileman", "schema", "project"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" in path.parts:
                continue
            text = path.read_text()
            name = path.relative_to(ROOT)
            if text.count("\n") > FILE_LINES:
                yield f"{name}: {text.count(chr(10))} lines, at most {FILE_LINES}"
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield from (f"{name}:{node.lineno} {node.name}: {problem}" for problem in _function_problems(node))


def _function_problems(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
    lines = (node.end_lineno or node.lineno) - body[0].lineno + 1
    if lines > FUNCTION_LINES:
        yield f"{lines} lines, at most {FUNCTION_LINES}"
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    count = len([name for name in names if name not in ("self", "cls", "root", "info")])
    if count > PARAMETERS:
        yield f"{count} parameters, at most {PARAMETERS}"


def _script_problems() -> Iterator[str]:
    for pattern in ("uploader/*.js", "vanilla/*.js", "react/src/*.ts*", "uppy/src/*.ts*", "graphiql/src/*.ts*"):
        for path in sorted((ROOT / "frontend_examples").glob(pattern)):
            lines = path.read_text().count("\n")
            if lines > SCRIPT_LINES:
                yield f"{path.relative_to(ROOT)}: {lines} lines, at most {SCRIPT_LINES}"


if __name__ == "__main__":
    sys.exit(main())
