"""What is handed out: the wheel, the templates in it, and the Makefile that makes them."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import tarfile
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

import memfs
from memfs.memory import parse

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "templates"
TYPES = (
    "directive",
    "information",
    "heading",
    "decision",
    "code_pattern",
    "requirement",
    "error",
    "todo",
    "insight",
    "preference",
)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a source distribution of this checkout and the wheel built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT))
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> dict[str, str]:
    """Return the wheel's files, by name, as text."""
    [path] = dist.glob("*.whl")
    with ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def run(*command: str) -> str:
    """Return what *command* prints when it is run in the checkout, outside of any make that runs us."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def metadata(wheel: dict[str, str], name: str) -> str:
    """Return the file *name* of the wheel's metadata folder."""
    return wheel[f"memfs_store-{memfs.__version__}.dist-info/{name}"]


def test_the_wheel_carries_every_template(wheel: dict[str, str]) -> None:
    """Each file below templates/ is in the wheel below memfs/templates/, unchanged."""
    handed_out = {
        f"memfs/templates/{path.relative_to(TEMPLATES).as_posix()}": path.read_bytes().decode()
        for path in TEMPLATES.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert handed_out
    assert {name: text for name, text in wheel.items() if name.startswith("memfs/templates/")} == handed_out


def test_the_wheel_carries_the_package_and_nothing_else(wheel: dict[str, str]) -> None:
    """Tests, benchmarks and this project's own memories are not installed on anybody's machine."""
    assert {name.split("/")[0] for name in wheel} == {"memfs", f"memfs_store-{memfs.__version__}.dist-info"}
    assert "memfs/__main__.py" in wheel


def test_the_wheel_installs_the_command_memfs(wheel: dict[str, str]) -> None:
    """The one entry point is `memfs`."""
    entry_points = configparser.ConfigParser()
    entry_points.read_string(metadata(wheel, "entry_points.txt"))

    assert {section: dict(entry_points[section]) for section in entry_points.sections()} == {
        "console_scripts": {"memfs": "memfs.__main__:main"},
    }


def test_the_wheel_says_what_it_is(wheel: dict[str, str]) -> None:
    """Name, version, licence and the oldest Python are in the metadata, and the licence's text beside it."""
    fields = Parser().parsestr(metadata(wheel, "METADATA"))

    assert fields["Name"] == "memfs-store"
    assert fields["Version"] == memfs.__version__
    assert fields["License-Expression"] == "MIT"
    assert fields["Requires-Python"] == ">=3.11"
    assert metadata(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text()


def test_the_source_distribution_can_be_tested_and_built_again(dist: Path) -> None:
    """The templates, the tests and the Makefile are in the source distribution."""
    [path] = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"Makefile", "LICENSE", "memfs/__init__.py", "tests/test_packaging.py"} <= names
    assert {f"templates/memory/{name}.md" for name in TYPES} <= names


def test_every_type_of_memory_has_a_template() -> None:
    """There is one starting text for each type of the format, and none for anything else."""
    assert {path.name for path in (TEMPLATES / "memory").iterdir()} == {f"{name}.md" for name in TYPES}


@pytest.mark.parametrize("name", TYPES)
def test_a_template_is_a_memory_of_its_type(name: str) -> None:
    """A template parses without problems, and only its title is left to be filled in."""
    raw = (TEMPLATES / "memory" / f"{name}.md").read_bytes()

    memory = parse(raw, f"{name}.md")

    assert memory.type == name
    assert memory.problems == ()
    assert b"\ntitle:\n" in raw


def test_make_help_lists_every_target() -> None:
    """Whoever types `make` sees each target, with what it does."""
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)

    listed = re.findall(r"^  make (\S+) +\S", run("make", "--no-print-directory"), flags=re.MULTILINE)

    assert listed == targets
    assert {"setup", "demo", "test", "check", "bench", "bench-100k", "wheel", "clean"} <= set(targets)
