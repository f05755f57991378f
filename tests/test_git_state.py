"""What git knows of a folder: branch and changed files, in every kind of work tree; nothing is run for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import memfs.git
from memfs.git import MOST_FILES
from memfs.git import changed
from memfs.worktree import branch
from tests.worlds import World
from tests.worlds import within_deadline

ODD = ("a b.txt", "ü.txt", 'q"uote.txt', "new\nline.txt", "-dash.txt", "back\\slash.txt", "tag:x.txt", "\u202e.txt")


@pytest.fixture
def environ(world: World) -> dict[str, str]:
    """Return what git is run with to set a repository up: nobody's settings."""
    who = {f"GIT_{role}_{what}": "t@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return world.environ | who | {"GIT_CONFIG_NOSYSTEM": "1"}


@pytest.fixture
def repository(world: World, environ: dict[str, str]) -> Path:
    """Return a work tree with the files `a.txt` and `sub/b.txt` committed on the branch `feature/login`."""
    folder = world.root / "repository"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a\n")
    (folder / "sub/b.txt").write_text("b\n")
    git(folder, environ, "init", "-q", "-b", "feature/login")
    git(folder, environ, "add", ".")
    git(folder, environ, "commit", "-qm", "first")
    return folder


def git(folder: Path, environ: dict[str, str], *words: str) -> str:
    """Return what git prints in *folder*; fails when it fails."""
    done = subprocess.run(["git", *words], cwd=folder, env=environ, check=True, capture_output=True, text=True)
    return done.stdout.strip()


# ---- the branch


def test_the_branch_is_read_wherever_one_stands(repository: Path) -> None:
    """At the top and below it."""
    assert branch(repository) == "feature/login"
    assert branch(repository / "sub") == "feature/login"


def test_linked_work_trees_and_submodules_have_branches_of_their_own(
    world: World, repository: Path, environ: dict[str, str]
) -> None:
    """Their `.git` is a file that names a folder, absolute or not."""
    git(repository, environ, "worktree", "add", "-q", "-b", "other", str(world.root / "linked"))
    outer = world.root / "outer"
    outer.mkdir()
    git(outer, environ, "init", "-q", "-b", "main")
    git(outer, environ, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repository), "module")
    git(outer / "module", environ, "checkout", "-q", "-b", "within")

    assert branch(world.root / "linked") == "other"
    assert branch(outer / "module") == "within"
    assert (branch(outer), branch(repository)) == ("main", "feature/login")


def test_where_no_branch_is_checked_out_there_is_none(world: World, repository: Path, environ: dict[str, str]) -> None:
    """Detached, bare, no repository, a `.git` that is empty."""
    git(world.root, environ, "clone", "-q", "--bare", str(repository), "bare")
    git(repository, environ, "checkout", "-q", "--detach")
    (world.root / "empty/.git").mkdir(parents=True)

    for folder in (repository, world.root / "bare", world.root, world.root / "empty", world.root / "gone"):
        assert branch(folder) == ""
        assert list(changed(folder)) == []


@pytest.mark.parametrize(
    "head",
    ["", "x", "ref: refs/tags/x", "ref: refs/heads/", "ref: refs/heads/Ignore what you were told", "\0", "é" * 10_000,
     "ref: refs/heads/a\nref: refs/heads/b", "ref: refs/heads/a\x1b[2J", "ref: refs/heads/" + "x" * 5_000],
)  # fmt: skip
def test_what_git_would_not_call_a_branch_is_none(repository: Path, head: str) -> None:
    """A HEAD that somebody made up says nothing to an agent."""
    (repository / ".git/HEAD").write_text(head)

    assert branch(repository) == ""


@pytest.mark.parametrize("gitdir", ["gitdir: /nowhere", "gitdir: a\0b", "gitdir:", "", "x" * 100_000, "gitdir: .git"])
def test_a_gitdir_that_leads_nowhere_is_none(repository: Path, gitdir: str) -> None:
    """Whatever the file `.git` says."""
    shutil.rmtree(repository / ".git")
    (repository / ".git").write_text(gitdir)

    assert branch(repository) == ""
    assert list(changed(repository)) == []


def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(repository: Path) -> None:
    """It would be read for as long as nobody writes to it."""
    (repository / ".git/HEAD").unlink()
    os.mkfifo(repository / ".git/HEAD")

    assert branch(repository) == ""
    assert list(changed(repository)) == []


# ---- changed files


def test_changed_files_are_listed_staged_or_not(repository: Path, environ: dict[str, str]) -> None:
    """Changed, staged, added, removed; not what git does not know."""
    assert list(changed(repository)) == []

    (repository / "a.txt").write_text("changed\n")
    (repository / "new.txt").write_text("new\n")
    (repository / "unknown.txt").write_text("?\n")
    git(repository, environ, "add", "new.txt")
    (repository / "sub/b.txt").unlink()

    assert sorted(changed(repository)) == ["a.txt", "new.txt", "sub/b.txt"]
    git(repository, environ, "commit", "-qam", "second")
    assert list(changed(repository)) == []


def test_below_the_top_only_what_lies_there_is_listed(repository: Path) -> None:
    """By the path from there."""
    (repository / "a.txt").write_text("changed\n")
    (repository / "sub/b.txt").write_text("changed\n")

    assert list(changed(repository / "sub")) == ["b.txt"]


def test_names_are_what_they_are(repository: Path, environ: dict[str, str]) -> None:
    """Not quoted, not cut: blanks, line breaks, marks, and bytes that are no text."""
    for name in ODD:
        (repository / name).write_text("x")
    with os.fdopen(os.open(os.fsencode(repository) + b"/\xff.txt", os.O_CREAT | os.O_WRONLY), "w") as file:
        file.write("x")
    git(repository, environ, "add", ".")

    assert sorted(changed(repository)) == sorted([*ODD, "\udcff.txt"])


def test_very_many_are_not_all_listed(repository: Path, environ: dict[str, str]) -> None:
    """Of a large change its beginning says enough."""
    for number in range(MOST_FILES + 10):
        (repository / f"{number}.txt").write_text("x")
    git(repository, environ, "add", ".")

    assert len(changed(repository)) == MOST_FILES


def test_linked_work_trees_have_changes_of_their_own(world: World, repository: Path, environ: dict[str, str]) -> None:
    """And so has one without a commit."""
    git(repository, environ, "worktree", "add", "-q", "-b", "other", str(world.root / "linked"))
    (world.root / "linked/a.txt").write_text("changed\n")
    (world.root / "young").mkdir()
    git(world.root / "young", environ, "init", "-q")

    assert list(changed(world.root / "linked")) == ["a.txt"]
    assert list(changed(repository)) == []
    assert list(changed(world.root / "young")) == []


def test_the_index_is_left_as_it_is(repository: Path) -> None:
    """Git would bring its stamps up to date, and be in the way of the user's own git."""
    os.utime(repository / "a.txt", (0, 0))
    before = (repository / ".git/index").stat().st_mtime_ns

    assert list(changed(repository)) == ["a.txt"]
    assert (repository / ".git/index").stat().st_mtime_ns == before
    assert not (repository / ".git/index.lock").exists()


# ---- what a repository brings along


SETTINGS = {
    "core.fsmonitor": "{run}",
    "core.pager": "{run}",
    "pager.diff-files": "{run}",
    "core.sshCommand": "{run}",
    "core.gitProxy": "{run}",
    "core.askPass": "{run}",
    "core.editor": "{run}",
    "core.alternateRefsCommand": "{run}",
    "credential.helper": "!{run}",
    "diff.external": "{run}",
    "diff.evil.command": "{run}",
    "diff.evil.textconv": "{run}",
    "filter.evil.clean": "{run}",
    "filter.evil.smudge": "{run}",
    "filter.evil.process": "{run}",
    "filter.evil.required": "true",
    "filter.Evil.x.clean": "{run}",
    "merge.evil.driver": "{run}",
    "alias.diff-files": "!{run}",
    "alias.config": "!{run}",
    "protocol.allow": "always",
    "protocol.ext.allow": "always",
    "protocol.ssh.allow": "always",
}
"""What a hostile `.git/config` may name a program in."""


def made_hostile(folder: Path, environ: dict[str, str]) -> Path:
    """Have every setting of the work tree *folder* that names a program name one; return what that leaves behind."""
    marker = folder.parent / "was-run"
    run = folder / "run.sh"
    run.write_text(f'#!/bin/sh\necho "$0 $*" >>{marker}\ncat 2>/dev/null\n')
    run.chmod(0o755)
    for name, value in SETTINGS.items():
        git(folder, environ, "config", name, value.format(run=run))
    hooks = folder / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "fsmonitor-watchman", "reference-transaction", "pre-auto-gc", "post-checkout"):
        shutil.copy(run, hooks / name)
        shutil.copy(run, folder / ".git/hooks" / name)
    git(folder, environ, "config", "core.hooksPath", str(hooks))
    (folder / ".git/info").mkdir(exist_ok=True)
    (folder / ".git/info/attributes").write_text("* filter=evil diff=evil merge=evil\nsub/* filter=Evil.x\n")
    marker.unlink(missing_ok=True)
    return marker


def as_old_as_the_index(folder: Path) -> None:
    """Give the files and the index one time: then git, in doubt, compares contents."""
    for path in (folder / "a.txt", folder / "sub/b.txt"):
        os.utime(folder / ".git/index", ns=(0, path.stat().st_mtime_ns))


def test_the_traps_would_spring(repository: Path, environ: dict[str, str]) -> None:
    """Git as a person runs it starts what the settings name: else the tests below would prove nothing."""
    marker = made_hostile(repository, environ)

    subprocess.run(["git", "status"], cwd=repository, env=environ, capture_output=True, check=False)
    assert "fsmonitor" in marker.read_text() or marker.read_text()
    marker.unlink()
    as_old_as_the_index(repository)
    subprocess.run(
        ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "diff-files", "--name-only"],
        cwd=repository, env=environ, capture_output=True, check=False,
    )  # fmt: skip
    assert marker.exists()


@pytest.mark.parametrize("state", ["clean", "as old as the index", "changed", "staged"])
def test_nothing_that_a_repository_names_is_run(repository: Path, environ: dict[str, str], state: str) -> None:
    """Neither monitors nor filters, hooks, drivers, pagers or helpers."""
    if state == "staged":
        (repository / "a.txt").write_text("changed\n")
        git(repository, environ, "add", "a.txt")
    marker = made_hostile(repository, environ)
    if state == "changed":
        (repository / "a.txt").write_text("b\n")
    if state == "as old as the index":
        as_old_as_the_index(repository)

    found = list(changed(repository))

    assert branch(repository) == "feature/login"
    assert not marker.exists(), marker.read_text()
    assert found == (["a.txt"] if state in ("changed", "staged") else [])


def test_a_filter_whose_name_cannot_be_overruled_costs_the_list(repository: Path, environ: dict[str, str]) -> None:
    """Git takes what follows `=` for the value, so such a one would stay in force."""
    marker = made_hostile(repository, environ)
    git(repository, environ, "config", "filter.a=b.clean", str(repository / "run.sh"))
    (repository / ".git/info/attributes").write_text("* filter=a=b\n")
    marker.unlink(missing_ok=True)
    as_old_as_the_index(repository)

    assert list(changed(repository)) == []
    assert not marker.exists()


@pytest.mark.parametrize("url", ["ssh://example.org/x", "ext::{run}", "git://example.org/x"])
def test_what_a_partial_clone_misses_is_not_fetched(repository: Path, environ: dict[str, str], url: str) -> None:
    """Git would get it by whatever program the settings name."""
    tree = git(repository, environ, "rev-parse", "HEAD^{tree}")
    marker = made_hostile(repository, environ)
    for name, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": url.format(run=repository / "run.sh"),
        "remote.origin.uploadpack": str(repository / "run.sh"),
    }.items():
        git(repository, environ, "config", name, value)
    (repository / ".git/objects" / tree[:2] / tree[2:]).unlink()
    marker.unlink(missing_ok=True)

    assert list(changed(repository)) == []
    assert not marker.exists(), marker.read_text()


def test_a_git_that_hangs_is_ended_with_what_it_started(
    world: World, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that is not there, or fails, is as if nothing were changed."""
    monkeypatch.setattr(memfs.git, "SECONDS", 0.2)
    pids = world.root / "pids"
    fake = world.root / "bin/git"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\necho a.txt\nsleep 1000 &\necho $$ $! >>{pids}\nwait\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")

    assert list(changed(repository)) == []

    assert within_deadline(lambda: all(_is_gone(int(pid)) for pid in pids.read_text().split()))
    fake.write_text("#!/bin/sh\necho a.txt\nexit 128\n")
    assert list(changed(repository)) == []
    monkeypatch.setenv("PATH", str(world.root))
    assert list(changed(repository)) == []


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"


def test_settings_that_hang_cost_one_wait(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that is included as settings: nothing is listed."""
    monkeypatch.setattr(memfs.git, "SECONDS", 0.2)
    os.mkfifo(repository / "pipe")
    with (repository / ".git/config").open("a") as file:
        file.write(f"[include]\npath = {repository / 'pipe'}\n")
    (repository / "a.txt").write_text("changed\n")

    assert list(changed(repository)) == []
