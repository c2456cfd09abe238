"""What a project that installs fileman gets, and what the repository promises about itself."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests.repository.newcomer import ROOT, TUTORIAL, Newcomer, build

FRESH_PROJECT = """
SECRET_KEY = "fresh"
DEBUG = True
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "fileman",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "fresh.sqlite3"}}

# Optional: Configure default settings
FILEMAN_SETTINGS = {
    "DEFAULT_MAX_FILE_SIZE": 100 * 1024 * 1024,  # 100MB
    "DEFAULT_UPLOAD_EXPIRES_IN": 3600,  # 1 hour
    "CLEANUP_EXPIRED_UPLOADS": True,
}
"""
HOST_PROJECT = f"""{FRESH_PROJECT}
INSTALLED_APPS += ["django.contrib.sessions"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "urls"
"""
USE_HOST = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", skip_checks=True, verbosity=0)
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from fileman.models import FileManager

User, client = get_user_model(), Client(SERVER_NAME="localhost")
FileManager.objects.create(name="all", backend_type="memory", is_default=True)
group = Group.objects.create(name="editors")

def call(document, **variables):
    body = {"query": document, "variables": variables}
    body = client.post("/graphql", body, content_type="application/json").json()
    assert "errors" not in body, body
    return body["data"]
"""
WITHOUT_SDKS = """
import sys
for name in ("boto3", "botocore", "azure", "google", "requests", "urllib3", "pytest"):
    sys.modules[name] = None
"""
EVERY_MODULE = """
import django; django.setup()
from importlib import import_module
from pathlib import Path
import fileman
root = Path(fileman.__file__).parent
for path in root.rglob("*.py"):
    name = ".".join(path.relative_to(root.parent).with_suffix("").parts)
    clouds = [f"fileman.backends.{module}" for module in ("s3", "azure", "gcs", "connections")]
    if not name.startswith((*clouds, "fileman.testing")):
        import_module(name.removesuffix(".__init__"))
import_module("fileman.testing.memory")
"""
SAVE_CLOUD = """
import django; django.setup()
from django.core.exceptions import ValidationError
from fileman.models import FileManager
for backend_type in ("s3", "azure", "gcs"):
    try:
        FileManager.objects.create(name="Cloud", backend_type=backend_type, settings={"bucket_name": "my-bucket"})
    except ValidationError as error:
        print(*error.message_dict["backend_type"])
"""

GET_GRAPHIQL = """
import django; django.setup()
from django.test import Client
print(Client(SERVER_NAME="localhost").get("/graphql", headers={"Accept": "text/html"}).content.decode())
"""


def python(
    project: Path, *arguments: str, library: Path | str = ROOT, executable: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """A process of its own, with the project's settings and warnings as errors."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{project}:{library}", "DJANGO_SETTINGS_MODULE": "fresh"}
    command = [executable, "-W", "error", *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def django(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(project, "-m", "django", *arguments)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "fresh.py").write_text(FRESH_PROJECT)
    return tmp_path


def test_a_fresh_project_needs_nothing_but_the_app(project: Path) -> None:
    checked = django(project, "check", "--fail-level", "WARNING")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout == "System check identified no issues (0 silenced).\n"
    migrated = django(project, "migrate", "fileman")
    assert (migrated.returncode, migrated.stderr) == (0, "")
    assert "Applying fileman.0001_initial... OK" in migrated.stdout
    cleaned = django(project, "cleanup_expired_uploads", "--hours", "6")
    assert (cleaned.returncode, cleaned.stderr) == (0, "")
    assert cleaned.stdout.startswith("Expired 0 uploads")


def test_a_fresh_project_without_debug_is_told_what_is_missing(project: Path) -> None:
    (project / "fresh.py").write_text(FRESH_PROJECT.replace("DEBUG = True", "DEBUG = False"))
    checked = django(project, "check")
    assert checked.returncode == 1
    assert "fileman.E002" in checked.stderr


def test_importing_the_models_or_settings_loads_no_vendor_sdk(project: Path) -> None:
    code = "import django, sys; django.setup(); import fileman.uploads, fileman.cleanup, fileman.views; "
    code += "import fileman.backends.s3.settings, fileman.backends.azure.settings, fileman.backends.gcs.settings; "
    vendors = "{'boto3', 'botocore', 'azure.core', 'azure.storage', 'google.auth', 'google.cloud', 'strawberry'}"
    told = python(project, "-c", f"{code} print(sorted({vendors} & set(sys.modules)))")
    assert (told.stdout, told.stderr) == ("[]\n", "")


def test_a_brand_new_project_uploads_with_nothing_but_the_package(tmp_path: Path) -> None:
    """The project is set up and used as README.md says. What is built from the sdist is the whole wheel."""
    subprocess.run(["tar", "-xf", build("sdist", tmp_path), "-C", tmp_path], check=True)
    (source,) = tmp_path.glob("django_fileman_graphql-*/")
    wheel = build("wheel", tmp_path, source)
    zipfile.ZipFile(wheel).extractall(tmp_path / "library")
    contents = {path.relative_to(tmp_path / "library") for path in (tmp_path / "library" / "fileman").rglob("*.*")}

    newcomer = Newcomer(tmp_path / "project", sys.executable, tmp_path / "library")

    assert wheel.name.startswith("django_fileman_graphql-")
    sources = {path.relative_to(ROOT) for path in (ROOT / "fileman").rglob("*.*") if path.suffix != ".pyc"}
    static, examples = Path("fileman/static/fileman"), ROOT / "frontend_examples"
    uploader = {static / "uploader" / path.name for path in (examples / "uploader").glob("*.js")}
    bundle = examples / "graphiql/dist"
    graphiql = {static / "graphiql" / path.relative_to(bundle) for path in bundle.rglob("*.*")}
    assert contents == sources | uploader | graphiql
    page = newcomer.run("-c", GET_GRAPHIQL)
    assert ("fileman/graphiql/graphiql.js" if graphiql else "npm run build -w graphiql") in page
    assert newcomer.run("-c", "import fileman; print(fileman.__file__)").startswith(str(tmp_path / "library"))
    assert newcomer.upload() == "COMPLETED True\n"


def test_the_tutorial_ends_in_a_project_that_uploads(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path / "project", sys.executable, ROOT, page=TUTORIAL)

    assert newcomer.upload() == "COMPLETED True\n"
    assert "fileman/uploader/file-uploader.js" in (newcomer.folder / "templates/upload.html").read_text()


def test_a_project_without_the_sdks_has_everything_but_the_clouds(tmp_path: Path) -> None:
    """The backend in memory too, without pytest."""
    newcomer = Newcomer(tmp_path / "project", sys.executable, ROOT)
    needed = {"s3": "boto3", "azure": "azure-storage-blob and azure-identity", "gcs": "google-cloud-storage"}

    assert newcomer.upload(before=WITHOUT_SDKS) == "COMPLETED True\n"
    assert newcomer.run("-c", WITHOUT_SDKS + EVERY_MODULE) == ""
    assert newcomer.run("-c", WITHOUT_SDKS + SAVE_CLOUD).splitlines() == [
        f"Backend {vendor!r} needs {packages}: pip install 'django-fileman-graphql[{vendor}]'."
        for vendor, packages in needed.items()
    ]


def test_an_editable_install_runs_the_checkout(project: Path, tmp_path: Path) -> None:
    """`pip install -e .` into a new environment that sees our dependencies, so that nothing is downloaded."""
    venv.create(tmp_path / "environment", with_pip=False)
    executable = str(tmp_path / "environment" / "bin" / "python")
    (packages,) = (tmp_path / "environment").glob("lib/*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--python", executable, "install", "--quiet"]
    offline = ["--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, *offline, "--editable", str(ROOT)], cwd=tmp_path, check=True, capture_output=True)

    imported = python(project, "-c", "import fileman; print(fileman.__file__)", library="", executable=executable)
    checked = python(project, "-m", "django", "check", library="", executable=executable)

    assert (imported.stdout, imported.stderr) == (f"{ROOT / 'fileman' / '__init__.py'}\n", "")
    assert (checked.stdout, checked.stderr) == ("System check identified no issues (0 silenced).\n", "")


def test_the_licence_is_mit_and_the_metadata_agree() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("MIT License\n\nCopyright (c) ")
    assert "Permission is hereby granted, free of charge" in text
    assert 'THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND' in text
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (project["license"], project["license-files"]) == ("MIT", ["LICENSE"])
    assert not [name for name in project["classifiers"] if name.startswith("License ::") and "MIT" not in name]


def test_the_commands_of_the_contributing_guide_are_those_of_the_makefile() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    commands = set(re.findall(r"(?:`|^\s*)make ([a-z][a-z-]*)", guide, re.MULTILINE))
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"test", "check"} <= commands <= targets
    assert [word for word in ("Fork", "branch", "tests", "pull request") if word not in guide] == []
