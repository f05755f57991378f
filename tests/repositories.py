"""Git as the person beside memfs uses it, and programs that get between memfs and git."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.worlds import World
from tests.worlds import within_deadline

OUTSIDE = ("--", ".", ":(exclude,glob)**/.memory/**")
"""What limits a git command to all that is no memory."""
ALIVE = "alive"
"""A pipe beside the trap, which every git that memfs starts through it holds open until it ends."""
_TRAP = """\
#!/bin/sh
exec 9<>"{alive}"
case " $* " in *" {verb} "*)
    echo >>"{count}"
    if [ "$(wc -l <"{count}")" -eq {number} ]; then
        memfs=$PPID; export memfs
        {first}
        env -u GIT_DIR -u GIT_WORK_TREE -u GIT_INDEX_FILE -u GIT_CONFIG_PARAMETERS PATH="{path}" sh -c '{script}' \
            >/dev/null 2>&1 </dev/null || exit 1
        {then}
    fi
esac
exec "{git}" "$@"
"""


@dataclass(frozen=True, slots=True)
class Git:
    """A work tree, and its user: call it with the words of a git command."""

    folder: Path
    environ: Mapping[str, str]

    def __call__(self, *words: str | Path, feed: str | None = None, fine: Sequence[int] = (0,)) -> str:
        """Return what a git command prints; fails when it ends with none of the codes *fine*."""
        done = subprocess.run(
            ["git", *words], cwd=self.folder, env=self.environ, input=feed, capture_output=True, text=True, check=False
        )
        assert done.returncode in fine, f"git {words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.rstrip("\n")

    def at(self, folder: Path) -> Git:
        """Return the same user in the work tree *folder*."""
        return Git(folder, self.environ)

    def put(self, name: str, text: str | bytes) -> Path:
        """Write a file below the work tree, as an editor would; return its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def committed(self, revision: str = "HEAD") -> list[str]:
        """Return the paths that the commit *revision* has added, changed or removed."""
        return self("-c", "core.quotePath=false", "show", "-z", "--format=", "--name-only", revision).split("\0")[:-1]

    def files(self, revision: str = "HEAD") -> list[str]:
        """Return the paths that *revision* has."""
        return self("ls-tree", "-r", "-z", "--name-only", "--full-tree", revision).split("\0")[:-1]

    def text(self, path: str, revision: str = "HEAD") -> str:
        """Return the text of *path* in *revision*, whole."""
        return subprocess.run(
            ["git", "cat-file", "-p", f"{revision}:{path}"],
            cwd=self.folder, env=self.environ, capture_output=True, check=True,
        ).stdout.decode()  # fmt: skip

    def work(self) -> tuple[str, str, str]:
        """Return what the user has under way that is no memory: staged, not staged, and the whole of it by name."""
        return self("diff", "--cached", *OUTSIDE), self("diff", *OUTSIDE), self("status", "--porcelain", *OUTSIDE)

    def state(self) -> tuple[str, str, bytes, str]:
        """Return what a refused commit leaves alone: HEAD, every ref, the index, and what is not committed."""
        index = self.folder / self("rev-parse", "--git-path", "index")
        heads = self("rev-parse", "HEAD", fine=(0, 128)), self("for-each-ref")
        status = self("--no-optional-locks", "status", "--porcelain")
        return (*heads, index.read_bytes() if index.exists() else b"", status)

    def check(self) -> None:
        """Fail when the repository is damaged, or holds what a process that died left behind."""
        self("fsck", "--full", "--strict", "--no-dangling")
        folder = self.folder / self("rev-parse", "--git-dir")
        left = [path.name for path in folder.rglob("*") if path.suffix == ".lock" or "memfs" in path.name]
        assert left == [], left


def user(world: World) -> Mapping[str, str]:
    """Return the environment of a person with a name, whose settings are nobody else's."""
    who = {f"GIT_{role}_{what}": "u@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {**world.environ, **who, "GIT_CONFIG_NOSYSTEM": "1", "GIT_EDITOR": "true"}


def begun(world: World, name: str = "project", *options: str) -> Git:
    """Return the workspace *name* as a new repository, without a commit."""
    git = Git(world.folder(name), user(world))
    git("init", "--quiet", "--initial-branch=main", *options)
    return git


def commit(git: Git, when: str, author: str = "Ada", *options: str) -> str:
    """Commit everything as *author* at the time *when*; return the commit's name."""
    who = {"GIT_AUTHOR_NAME": author, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    git = Git(git.folder, {**git.environ, **who})
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "-m", "a commit", *options)
    return git("rev-parse", "HEAD")


def trap(world: World, verb: str, script: str, *, number: int = 1, after: bool = False) -> dict[str, str]:
    """Return an environment for memfs in which the shell *script* runs before its git command *verb*.

    Args:
        world: On which machine.
        verb: A word of the command.
        script: With the work tree as its folder and memfs as `$memfs`; when it fails, git is not run. No single quotes.
        number: Before which of these commands; it runs once.
        after: When that command has ended, and not before it.
    """
    git, path = shutil.which("git"), world.environ["PATH"]
    folder = world.root / f"trap-{os.urandom(4).hex()}"
    folder.mkdir()
    os.mkfifo(folder / ALIVE)
    first, then = (f'"{git}" "$@" || exit', "exit 0") if after else ("", "")
    values = {"verb": verb, "count": folder / "count", "number": number, "path": path, "script": script, "git": git}
    text = _TRAP.format(first=first, then=then, alive=folder / ALIVE, **values)
    (folder / "git").write_text(text)
    (folder / "git").chmod(0o755)
    return {"PATH": f"{folder}:{path}"}


def await_gits(environ: Mapping[str, str]) -> None:
    """Wait until every git that memfs started in the environment *environ*, which `trap` made, has ended.

    A git lives on when memfs alone is killed.
    """
    pipe = Path(environ["PATH"].split(":")[0], ALIVE)

    def ended() -> bool:
        try:
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            return error.errno == errno.ENXIO  # nobody holds the other end
        return False

    assert within_deadline(ended), "a git that memfs started is still at work"
