"""What git knows of a folder; nothing that a repository brings along is run, nothing is fetched."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from memfs.errors import MemfsError

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
LONG_SECONDS = 60.0
"""The same for what a person asked for."""
_KEPT = ("GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_SSH", "GIT_SSL_", "GIT_HTTP_", "GIT_PROXY_", "GIT_CONFIG_GLOBAL",
         "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH", "GIT_PYTHON_")  # fmt: skip
"""Beginnings of git's own variables that say who the user is and how the network is reached; others lead elsewhere."""
_DURABLE = (
    "-c", "core.fsync=committed,reference", "-c", "core.fsyncMethod=fsync", "-c", "core.splitIndex=false",
    "-c", "index.sparse=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "core.quotePath=false",
    "-c", "core.attributesFile=/dev/null", "-c", "core.alternateRefsCommand=", "-c", "log.showSignature=false",
    "-c", "core.askPass=", "-c", "core.editor=false", "-c", "core.pager=cat", "-c", "protocol.ext.allow=never",
    "-c", "protocol.fd.allow=never",
)  # fmt: skip
_ASKED_ENVIRON = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_ASKPASS": "true",
    "SSH_ASKPASS_REQUIRE": "never",
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
    if (without := without_filters(folder)) is None:
        return []
    listed = ("--name-only", "-z", "--ignore-submodules=all", "--relative")
    unstaged = _run(folder, (*without, "diff-files", *listed))
    if unstaged is None:  # there is no work tree
        return []
    staged = _run(folder, (*without, "diff-index", "--cached", *listed, "HEAD"))
    return list(dict.fromkeys((*unstaged, *(staged or ()))))[:MOST_FILES]


def without_filters(folder: Path) -> Sequence[str] | None:
    """Return the options that take its filters from the repository of *folder*; None when that cannot be done.

    Git compares the contents of a file that is as old as its index, through the filter that the repository names.
    """
    filters = _run(folder, ("config", "--name-only", "-z", "--get-regexp", "^filter[.]"))
    if filters is None or any("=" in name for name in filters):
        return None
    return [word for name in filters for word in ("-c", f"{name}=")]


def _run(folder: Path, command: Sequence[str]) -> Sequence[str] | None:
    """Return what a git command lists in *folder*; None when it fails, or takes longer than `SECONDS`.

    Started without GitPython, whose import takes as long as all the rest of a hook.
    """
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
        out, _ = _ended(process, None, SECONDS)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return [name for name in os.fsdecode(out).split("\0") if name] if process.returncode in (0, 1) else None


def _ended(process: subprocess.Popen[bytes], feed: bytes | None, seconds: float) -> tuple[bytes, bytes]:
    """Return what *process*, a session's leader, printed on its two outputs; one that takes too long is killed.

    Raises:
        TimeoutExpired: It, and all that it started, was killed after *seconds*.
    """
    with process:
        try:
            out, said = process.communicate(feed, timeout=seconds)
        except BaseException:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return out, said or b""


# ---- commands that a person asked for


class GitFailed(MemfsError):
    """Git refused, or cannot be had; its own words are in the sentence."""

    code = "git"
    exit_code = 10


class Answer(NamedTuple):
    """How a git command ended, and what it printed."""

    code: int
    out: bytes
    said: str

    @property
    def fields(self) -> list[str]:
        """Return the fields, ended by NUL, that were printed."""
        return os.fsdecode(self.out).split("\0")[:-1]

    @property
    def line(self) -> str:
        """Return the one line that was printed."""
        return os.fsdecode(self.out).rstrip("\n")


def run(
    folder: Path,
    *command: str,
    feed: bytes | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
    seconds: float = LONG_SECONDS,
    fine: Sequence[int] = (0,),
) -> Answer:
    """Return how the git command *command* ended in *folder*: no hook, filter, helper or editor is run by it.

    Args:
        folder: Where git looks for a repository.
        command: Fixed words of ours, and values behind options or `--`. Plumbing: what compares a file of the work
            tree runs the repository's filters.
        feed: For its standard input.
        environ: More of the environment.
        seconds: After which it is killed, with all that it started.
        fine: The codes to end with that are no failure.

    Raises:
        GitFailed: There is no git, it took too long, or it ended with another code.
    """
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    from git.cmd import Git
    from git.exc import GitCommandNotFound

    foreign = [name for name in os.environ if name.startswith("GIT_") and not name.startswith(_KEPT)]
    without = ["env", *(word for name in foreign for word in ("-u", name))] if foreign else []
    try:
        started = Git(str(folder)).execute(
            [*without, "git", *_HARDENED, *_DURABLE, *command],
            istream=subprocess.DEVNULL if feed is None else subprocess.PIPE,
            as_process=True,
            env={**_ASKED_ENVIRON, **environ},
            start_new_session=True,
        )
        process = started.proc
        assert process is not None  # noqa: S101  (GitPython forgets it once it has ended)
        out, said = _ended(process, feed, seconds)
    except (GitCommandNotFound, OSError) as error:
        raise GitFailed(
            f"git cannot be started ({error}); install it, or check PATH. All else works without."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise GitFailed(f"git {command[0]} took longer than {seconds:g} s in {folder} and was ended.") from error
    answer = Answer(process.returncode, out, said.decode("utf-8", "replace").strip())
    if answer.code not in fine:
        raise GitFailed(f"git {command[0]} failed in {folder}: {_first_line(answer.said) or f'exit {answer.code}'}")
    return answer


def _first_line(said: str) -> str:
    """Return the line of git's complaint that matters."""
    lines = said.splitlines()
    return next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "")
