"""The command line as a process of its own: what it was told, and what it answered."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import NamedTuple

from tests.worlds import DEADLINE_SECONDS
from tests.worlds import World

MEMFS = (sys.executable, "-m", "memfs")
"""The command, as the checkout has it."""


class Answer(NamedTuple):
    """How a command ended (negative: by a signal), and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Return the one object on standard output."""
        assert self.code in (0, 9), f"exit {self.code}\n{self.out}{self.err}"
        answer: dict[str, Any] = json.loads(self.out)
        return answer

    @property
    def error(self) -> dict[str, Any]:
        """Return the error on standard error, for programs."""
        assert self.code > 0, f"exit {self.code}\n{self.out}{self.err}"
        assert self.out == ""
        error: dict[str, Any] = json.loads(self.err)["error"]
        return error

    @property
    def sentence(self) -> str:
        """Return the error on standard error, for people: no traceback, nothing on standard output."""
        assert self.code > 0, f"exit {self.code}\n{self.out}{self.err}"
        assert self.out == ""
        assert self.err.startswith("error: ")
        assert "Traceback" not in self.err
        return self.err.removeprefix("error: ").strip()


def memfs(
    world: World,
    *arguments: str | bytes | Path,
    folder: Path | None = None,
    stdin: str | bytes = "",
    environ: Mapping[str, str] | None = None,
) -> Answer:
    """Run `memfs` with *arguments* and return how it ended.

    Args:
        world: On which machine.
        arguments: As a shell would hand them over.
        folder: Where the person stands, default the workspace `project`.
        stdin: What is piped in.
        environ: Variables beside the world's own.
    """
    done = subprocess.run(
        [*MEMFS, *arguments],
        cwd=folder or world.folder(),
        env={**world.environ, **(environ or {})},
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


def as_json(world: World, *arguments: str | Path, folder: Path | None = None, stdin: str = "") -> dict[str, Any]:
    """Return what `memfs` with *arguments* and `--json` answers; fails when it fails."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return memfs(world, *arguments[:end], "--json", *arguments[end:], folder=folder, stdin=stdin).json


def editor(world: World, script: str) -> str:
    """Return an EDITOR that runs the shell *script* on the file it is given, `$1`."""
    path = world.root / "editor.sh"
    path.write_text(f"#!/bin/sh\nset -e\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return os.fspath(path)
