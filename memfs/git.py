"""What git knows of a folder; nothing that a repository brings along is run, nothing is fetched."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

SECONDS = 1.0
"""After which a git that does not answer is ended, and what it started."""
MOST_FILES = 200
LONGEST = 4_096
"""Characters of a file that names a branch or a folder."""
_HARDENED = (
    "--no-optional-locks", "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
    "-c", "core.untrackedCache=false",
)  # fmt: skip
_ENVIRON = {
    "GIT_ALLOW_PROTOCOL": "",  # a partial clone would fetch what it misses, by whatever program its settings name
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C",
}
_BRANCH = re.compile(r"ref: refs/heads/([^\s\x00-\x1f\x7f~^:?*\[\\]{1,250})\s*")
"""What HEAD says when a branch is checked out: of a name that git would give (git-check-ref-format)."""


def branch(folder: Path) -> str:
    """Return the branch that is checked out in the work tree of *folder*, empty when there is none.

    Read from git's own file: it needs no git.
    """
    for place in (folder, *folder.parents):
        git = place / ".git"
        try:
            if git.is_file():  # a linked work tree, or a submodule
                git = place / _beginning(git).removeprefix("gitdir:").strip()
            elif not git.is_dir():
                continue
            head = _beginning(git / "HEAD")
        except (OSError, ValueError):
            return ""
        named = _BRANCH.fullmatch(head)
        return named[1] if named else ""
    return ""


def _beginning(path: Path) -> str:
    """Return what the file *path* begins with; nothing of what is no file, which may never come to an end."""
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(LONGEST)


def changed(folder: Path) -> Sequence[str]:
    """Return the paths below *folder* that differ from the last commit, staged or not, as git's own stamps tell.

    What was only touched is listed, too. Nothing when git cannot tell.
    """
    # git compares the contents of a file as old as its index, through the filter that the repository names for it
    filters = _run(folder, ("config", "--name-only", "-z", "--get-regexp", "^filter[.]"))
    if filters is None or any("=" in name for name in filters):
        return []
    without = [word for name in filters for word in ("-c", f"{name}=")]
    listed = ("--name-only", "-z", "--ignore-submodules=all", "--relative")
    unstaged = _run(folder, (*without, "diff-files", *listed))
    if unstaged is None:  # there is no work tree
        return []
    staged = _run(folder, (*without, "diff-index", "--cached", *listed, "HEAD"))
    return list(dict.fromkeys((*unstaged, *(staged or ()))))[:MOST_FILES]


def _run(folder: Path, command: Sequence[str]) -> Sequence[str] | None:
    """Return what a git command lists in *folder*; None when it fails, or takes longer than `SECONDS`."""
    try:
        process = subprocess.Popen(
            ["git", *_HARDENED, *command],  # noqa: S607  (whichever git the user has)
            cwd=folder,
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | _ENVIRON,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError):
        return None
    with process:
        try:
            out, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            return None
    return [name for name in os.fsdecode(out).split("\0") if name] if process.returncode in (0, 1) else None
