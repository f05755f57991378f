"""The README's console blocks run as they stand, one after the other, in an empty home."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parent.parent / "README.md"
BLOCKS = re.findall(r"^```console\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[tuple[str, str]]:
    """Return each command of a console block with the output that is shown for it."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def pattern(shown: str) -> str:
    """Return *shown* as a regular expression in which `…` stands for anything, also for lines."""
    return r"[\s\S]*".join(re.escape(piece) for piece in shown.strip().split("…"))


def test_there_are_console_blocks() -> None:
    """The README shows memfs at work."""
    assert len(BLOCKS) >= 2


@pytest.mark.parametrize("block", BLOCKS, ids=[str(number) for number in range(len(BLOCKS))])
def test_each_console_block_runs_and_answers_as_shown(block: str, tmp_path: Path) -> None:
    """Each command of a block ends well and prints what stands below it."""
    project = tmp_path / "project"
    binaries = tmp_path / "bin"
    project.mkdir()
    binaries.mkdir()
    launcher = binaries / "memfs"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m memfs "$@"\n')
    launcher.chmod(0o755)
    (tmp_path / ".gitconfig").write_text("[user]\nname = Reader\nemail = reader@example.org\n")
    env = {
        "HOME": str(tmp_path),
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "PYTHONPATH": str(README.parent),
        "MEMFS_CACHE": str(tmp_path / "cache"),
        "MEMFS_STATE": str(tmp_path / "state"),
    }

    for command, shown in commands(block):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=project,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, f"{command}\n{done.stderr}"
        if shown.strip() and shown.strip() != "…":
            assert re.fullmatch(pattern(shown), done.stdout.strip()), f"{command}\n{done.stdout}"


def test_the_readme_is_short() -> None:
    """A newcomer reads all of it: at most 200 lines."""
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 200


def test_the_demo_tells_a_true_story() -> None:
    """`make demo`'s script ends well: each of its claims held."""
    script = Path(__file__).resolve().parent / "demo.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("✓") >= 5
