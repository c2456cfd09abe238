"""The first steps of README.md on other versions of Python, Django and strawberry, installed from the package index."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.repository.newcomer import ROOT, Newcomer, build
from tests.servers.fixtures import give_up

pytestmark = pytest.mark.long
CLOUDS = """
import django; django.setup()
from fileman.backends import backend_class
for name in ("s3", "azure", "gcs"):
    backend_class(name)
"""
VERSIONS = """
from importlib.metadata import version
for name in ("django", "strawberry-graphql", "strawberry-graphql-django"):
    print(version(name))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def pythons() -> dict[tuple[int, int], str]:
    """The installed releases of Python: of pyenv, on the path, and the one that runs the tests."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_path = [shutil.which(f"python3.{minor}") or "" for minor in range(11, 30)]
    candidates = [*map(str, pyenv.glob("versions/3.*/bin/python")), *filter(None, on_path), sys.executable]
    code = "import sys; print(*sys.version_info[:2] if sys.version_info.releaselevel == 'final' else '')"
    found: dict[tuple[int, int], str] = {}
    for candidate in candidates:
        done = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip():  # a shim of pyenv may have no Python behind it
            major, minor = done.stdout.split()
            found[int(major), int(minor)] = candidate
    return found


def install(folder: Path, python: str, wheel: Path, *requirements: str) -> str:
    """Install the wheel with all extras into a new environment, and return its Python."""
    uv = str(Path(sys.executable).with_name("uv"))
    environment = str(folder / "environment" / "bin" / "python")
    subprocess.run([uv, "venv", "--quiet", "--python", python, str(folder / "environment")], check=True)
    package = f"django-fileman-graphql[all] @ {wheel.as_uri()}"
    command = [uv, "pip", "install", "--quiet", "--python", environment, package, *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return environment


def check_first_steps(folder: Path, python: str) -> list[str]:
    """Upload and download a file, load the backends of the clouds, and return the versions of VERSIONS."""
    newcomer = Newcomer(folder / "project", python)
    assert newcomer.run("manage.py", "check") == "System check identified no issues (0 silenced).\n"
    assert newcomer.upload() == "COMPLETED True\n"
    newcomer.run("-c", CLOUDS)
    return newcomer.run("-c", VERSIONS).split()


def test_the_oldest_django_and_python(tmp_path: Path, wheel: Path, pythons: dict[tuple[int, int], str]) -> None:
    if (3, 11) not in pythons:
        give_up("Python 3.11 is not installed.")

    python = install(tmp_path, pythons[3, 11], wheel, "Django==5.2.*")

    assert check_first_steps(tmp_path, python)[0].startswith("5.2.")


def test_the_newest_django_and_python(tmp_path: Path, wheel: Path, pythons: dict[tuple[int, int], str]) -> None:
    newest = max(pythons)
    if newest < (3, 12):
        pytest.skip(f"Django 6 needs Python 3.12. The newest Python here is {newest[0]}.{newest[1]}.")

    python = install(tmp_path, pythons[newest], wheel)

    assert not check_first_steps(tmp_path, python)[0].startswith("5.")


def test_the_lower_bounds_of_strawberry_are_enough(tmp_path: Path, wheel: Path) -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    bounds = [name.replace(">=", "==") for name in dependencies if name.startswith(("strawberry", "graphql-core"))]

    python = install(tmp_path, sys.executable, wheel, "Django==5.2.*", *bounds)

    assert check_first_steps(tmp_path, python)[1:] == [bound.partition("==")[2] for bound in bounds[:2]]
