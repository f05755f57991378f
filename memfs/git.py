"""What git knows of a folder; nothing that a repository brings along is run, nothing is fetched."""

from __future__ import annotations

import os
import select
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Container
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from functools import cache
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple
from typing import TypedDict
from typing import Unpack

from memfs.errors import MemfsError

SECONDS = 1.0
"""After which a git that does not answer is ended, and what it started."""
MOST_FILES = 200
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
MOST_BYTES = 1 << 28
"""Of what a git prints: a repository may have been made to have it print without end."""
GRACE_SECONDS = 1.0
"""How long a git that is ended has for taking its locks away."""
_KEPT = ("GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_SSH", "GIT_SSL_", "GIT_HTTP_", "GIT_PROXY_", "GIT_CONFIG_GLOBAL",
         "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH", "GIT_PYTHON_")  # fmt: skip
"""Beginnings of git's own variables that say who the user is and how the network is reached; others lead elsewhere."""
_DURABLE = (
    "-c", "core.fsync=committed,index,reference", "-c", "core.fsyncMethod=fsync", "-c", "core.splitIndex=false",
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
CHUNK = 1 << 16
"""Bytes that are read at once."""
PROGRAMS = ("--name-only", "-z", "--get-regexp", "^(filter|hook)[.].*[.]|^(author|committer)[.]")
"""What `git config` is asked for the settings that name filters and hooks, each under a name of its own, or people."""
PEOPLE = ("author.", "committer.")
"""Begin the names of settings by which who writes and who commits are two."""
_LOADING = threading.Lock()
_NO_GIT = "git cannot be started ({}); install it, or check PATH. All else works without."


def changed(folder: Path) -> Sequence[str]:
    """Return the paths below *folder* that differ from the last commit, staged or not, as git's own stamps tell.

    What was only touched is listed, too. Nothing when git cannot tell.
    """
    programs = _run(folder, ("config", *PROGRAMS))
    if programs is None or (without := overruling(programs)) is None:
        return []
    listed = ("--name-only", "-z", "--ignore-submodules=all", "--relative")
    unstaged = _run(folder, (*without, "diff-files", *listed))
    if unstaged is None:  # there is no work tree
        return []
    staged = _run(folder, (*without, "diff-index", "--cached", *listed, "HEAD"))
    return list(dict.fromkeys((*unstaged, *(staged or ()))))[:MOST_FILES]


def overruling(names: Sequence[str]) -> Sequence[str] | None:
    """Return the options that take from a repository the filters and hooks of its settings, which `PROGRAMS` lists.

    Git compares the contents of a file that is as old as its index, through the filter that the repository names.
    Hooks may be settings since git 2.54, which `core.hooksPath` is not about.

    Args:
        names: Of the settings.

    Returns:
        None when it cannot be done: what follows a `=` is taken for the value, so such a name would stay in force.
    """
    programs = [name for name in names if not name.startswith(PEOPLE)]
    if any("=" in name for name in programs):
        return None
    off = (f"{name.rpartition('.')[0]}.enabled=false" if name.startswith("hook.") else f"{name}=" for name in programs)
    return [word for option in dict.fromkeys(off) for word in ("-c", option)]


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
    except (OSError, ValueError, subprocess.TimeoutExpired, _TooMuch):
        return None
    return [name for name in os.fsdecode(out).split("\0") if name] if process.returncode in (0, 1) else None


class _TooMuch(Exception):
    """A git printed more than it may."""


def _ended(
    process: subprocess.Popen[bytes], feed: bytes | None, seconds: float, most: int = MOST_BYTES
) -> tuple[bytes, bytes]:
    """Return what *process*, a session's leader, printed on its two outputs; one that takes too long is ended.

    Raises:
        TimeoutExpired: It, and all that it started, was ended after *seconds*.
        _TooMuch: The same, once it had printed more than *most* bytes.
    """
    with process:
        try:
            return _heard(process, feed or b"", seconds, most)
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """End *process* and all that it started."""
    # asked first: a git that is killed leaves its locks behind, and then every later one is refused
    with suppress(OSError, subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(GRACE_SECONDS)
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


def _heard(process: subprocess.Popen[bytes], feed: bytes, seconds: float, most: int) -> tuple[bytes, bytes]:
    """Return what `Popen.communicate` would, as long as it is no more than *most* bytes; raises like `_ended`."""
    deadline, left = time.monotonic() + seconds, memoryview(feed)
    heard: dict[object, list[bytes]] = {process.stdout: [], process.stderr: []}
    with selectors.DefaultSelector() as selector:
        for stream in filter(None, (process.stdout, process.stderr)):
            selector.register(stream, selectors.EVENT_READ)
        if process.stdin:
            selector.register(process.stdin, selectors.EVENT_WRITE)
        while selector.get_map():
            ready = selector.select(deadline - time.monotonic())
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(process.args, seconds)
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    left = _told(key.fd, left)
                    goes_on = bool(left)
                else:
                    chunk = os.read(key.fd, CHUNK)
                    heard[key.fileobj].append(chunk)
                    most -= len(chunk)
                    goes_on = bool(chunk)
                if not goes_on:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]
            if most < 0:
                raise _TooMuch
    process.wait(max(deadline - time.monotonic(), 0))
    return b"".join(heard[process.stdout]), b"".join(heard[process.stderr])


def _told(stdin: int, feed: memoryview) -> memoryview:
    """Return what is left of *feed* after what a pipe takes at once; nothing when nobody listens any more."""
    try:
        return feed[os.write(stdin, feed[: select.PIPE_BUF]) :]
    except BrokenPipeError:
        return feed[:0]


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


Awaited = Callable[[], Answer]
"""Waits for the answer of a command that was begun."""


class Options(TypedDict, total=False):
    """What a command gets and may take.

    Attributes:
        feed: For its standard input.
        environ: More of the environment; what it names of git's own is not taken from the user's.
        fine: The codes to end with that are no failure, by default 0 alone.
        seconds: After which it is ended, with all that it started; by default `LONG_SECONDS`.
        most: Bytes that it may print, by default `MOST_BYTES`.
    """

    feed: bytes | None
    environ: Mapping[str, str]
    fine: Container[int]
    seconds: float
    most: int


def run(folder: Path, *command: str, **options: Unpack[Options]) -> Answer:
    """Return how the git command *command* ended in *folder*: no hook, filter, helper or editor is run by it.

    Args:
        folder: Where git looks for a repository.
        command: Fixed words of ours, and values behind options or `--`. Plumbing: what compares a file of the work
            tree runs the repository's filters.
        options: See `Options`.

    Raises:
        GitFailed: There is no git, it took too long, printed too much, or ended with another code.
    """
    with begun(folder, *command, **options) as answer:
        return answer()


@contextmanager
def begun(folder: Path, *command: str, **options: Unpack[Options]) -> Iterator[Awaited]:
    """Start what `run` runs, and give what waits for its answer; it is ended with the block if nobody did.

    Its time begins when it is waited for.

    Raises:
        GitFailed: There is no git; whatever else `run` raises, the answer does.
    """
    git_python = _git_python()
    given = {**_ASKED_ENVIRON, **options.get("environ", {})}
    foreign = [name for name in {*os.environ} - {*given} if name.startswith("GIT_") and not name.startswith(_KEPT)]
    without = ["env", *(word for name in foreign for word in ("-u", name))] if foreign else []
    try:
        started = git_python.Git(str(folder)).execute(
            [*without, "git", "-C", str(folder.absolute()), *_HARDENED, *_DURABLE, *command],
            istream=subprocess.DEVNULL if options.get("feed") is None else subprocess.PIPE,
            as_process=True,
            env=given,
            start_new_session=True,
        )
    except git_python.GitCommandNotFound as error:
        raise GitFailed(_NO_GIT.format(error.status)) from error  # its own words are the whole command
    except OSError as error:
        raise GitFailed(_NO_GIT.format(error)) from error
    # `started` stays until the end: GitPython ends the process with it, wherever Ctrl-C comes
    process: subprocess.Popen[bytes] = started.proc
    try:
        yield partial(_answer, process, folder, command, options)
    finally:
        if process.returncode is None:
            with process:
                _end(process)


def _answer(process: subprocess.Popen[bytes], folder: Path, command: Sequence[str], options: Options) -> Answer:
    """Return how *process* ended, once it has; raises as `run` does."""
    seconds, most = options.get("seconds", LONG_SECONDS), options.get("most", MOST_BYTES)
    try:
        out, said = _ended(process, options.get("feed"), seconds, most)
    except OSError as error:
        raise GitFailed(_NO_GIT.format(error)) from error
    except subprocess.TimeoutExpired as error:
        raise GitFailed(f"git {_verb(command)} took longer than {seconds:g} s in {folder} and was ended.") from error
    except _TooMuch as error:
        much = f"{most >> 20:,} MiB" if most >> 20 else f"{most:,} bytes"
        raise GitFailed(f"git {_verb(command)} printed more than {much} in {folder} and was ended.") from error
    answer = Answer(process.returncode, out, said.decode("utf-8", "replace").strip())
    if answer.said.startswith("env: "):
        raise GitFailed(_NO_GIT.format(answer.said))
    if answer.code not in options.get("fine", (0,)):
        why = first_line(answer.said) or f"exit {answer.code}"
        raise GitFailed(f"git {_verb(command)} failed in {folder}: {why}")
    return answer


@cache
def _git_python() -> ModuleType:
    """Return GitPython's module of the command object, loaded without the rest of its packages.

    They have an index, references, remotes and objects of their own, of which memfs uses none, take longer than most
    commands, and start git twice to see that it is there.
    """
    with _LOADING:
        found = {name: find_spec(name) for name in ("git", "gitdb") if name not in sys.modules}
        bare = {name: module_from_spec(spec) for name, spec in found.items() if spec}
        sys.modules.update(bare)
        try:
            return import_module("git.cmd")
        finally:
            for name in bare:
                del sys.modules[name]


def _verb(command: Sequence[str]) -> str:
    """Return the word of *command* that says what it does, behind its options and their values."""
    return next(word for word in command if not word.startswith("-") and "=" not in word)


def merge_lines(base: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, bool]:
    """Return git's three-way merge of three texts, with markers where they clash, and whether they do.

    Raises:
        GitFailed: Git cannot be had, or takes them for no text.
    """
    import tempfile

    with tempfile.TemporaryDirectory(prefix="memfs-") as folder:
        for name, raw in (("base", base), ("ours", ours), ("theirs", theirs)):
            (Path(folder) / name).write_bytes(raw)
        labels = [word for name in ("ours", "base", "theirs") for word in ("-L", name)]
        files = ("ours", "base", "theirs")
        # it ends with the number of clashes, at most 127
        merged = run(Path(folder), "merge-file", "-p", "--diff3", *labels, *files, fine=range(128))
    return merged.out, merged.code > 0


def first_line(said: str) -> str:
    """Return the line of git's complaint that matters."""
    lines = said.splitlines() or [""]
    number = next((n for n, line in enumerate(lines) if line.startswith(("fatal:", "error:"))), len(lines) - 1)
    if number and lines[number] == "fatal: Could not read from remote repository.":
        return lines[number - 1]  # what ssh said
    return lines[number]
