"""`memfs commit`: memories are committed beside whatever their user is doing, in every kind of repository."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import memfs.repository
from memfs import committing
from memfs.errors import Busy
from memfs.errors import Refused
from memfs.store import Store
from tests.commands import MEMFS
from tests.commands import Answer
from tests.commands import as_json
from tests.commands import memfs as memfs_command
from tests.disks import POWER
from tests.disks import THROUGH
from tests.disks import disk_of
from tests.repositories import Git
from tests.repositories import await_gits
from tests.repositories import begun
from tests.repositories import trap
from tests.worlds import World
from tests.worlds import finished
from tests.worlds import new_world
from tests.worlds import other_file_system
from tests.worlds import rounds
from tests.worlds import stopped
from tests.worlds import touched
from tests.worlds import without_powers

TOKEN = "ghp_" + "a1B2" * 9
CLASH = "---\nid: c\n---\n<<<<<<< ours\none\n=======\ntwo\n>>>>>>> theirs\n"
ODD = (
    "a b.md", "ü-日本.md", 'q"uote.md', "new\nline.md", "-dash.md", "back\\slash.md", ":colon.md", "*.md", "[a].md",
    "\u202e.md", "tab\t.md", "$HOME.md", "'.md", "a.MD", "e\u0301.md", "\\n.md",
)  # fmt: skip
HOOKS = (
    "pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-merge-commit", "reference-transaction",
    "post-index-change", "pre-push", "post-rewrite", "pre-auto-gc", "post-checkout", "update", "pre-applypatch",
)  # fmt: skip


@pytest.fixture
def git(world: World, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Return the workspace as a repository: two files and two memories are committed."""
    monkeypatch.setenv("HOME", world.environ["HOME"])  # also git in this process heeds nobody's settings
    git = begun(world)
    git.put("a.txt", "a\n")
    git.put("sub/b.txt", "1\n2\n3\n4\n5\n6\n7\n8\n9\n")
    git.put(".memory/old.md", "---\nid: old\n---\nAn old memory.\n")
    git.put(".memory/sub/deep.md", "A deep memory.\n")
    git("add", ".")
    git("commit", "-qm", "first")
    return git


def commit(world: World, git: Git, *options: str, **more: object) -> Answer:
    """Run `memfs commit` in the work tree."""
    return memfs_command(world, "commit", *options, folder=git.folder, **more)  # type: ignore[arg-type]


def done(world: World, git: Git, *options: str, **more: object) -> dict[str, object]:
    """Return what `memfs commit --json` answers; fails when it fails or holds something back."""
    answer = commit(world, git, *options, "--json", **more)
    assert answer.code == 0, f"{answer.out}{answer.err}"
    return answer.json


def refused(world: World, git: Git, *options: str, **more: object) -> dict[str, object]:
    """Return the error that `memfs commit --json` ends with, which leaves everything as it was."""
    before = git.state()
    error = commit(world, git, *options, "--json", **more).error
    assert git.state() == before
    return error


def here(git: Git) -> Store:
    """Return the store of the workspace *git*, for a commit in this process."""
    return Store(git.folder / ".memory", "workspace")


# ---- beside what the user is doing (G81, G82)


def in_the_middle_of_work(git: Git) -> None:
    """Have something of every kind: staged, not staged, both in one file, added, removed, moved, unknown."""
    git.put("a.txt", "staged\n")
    git.put("sub/b.txt", "1\n2\nstaged\n4\n5\n6\n7\n8\n9\n")
    git.put("new.txt", "new\n")
    git.put("moved.txt", "moved\n" * 9)
    git("add", ".")
    git.put("a.txt", "staged\nand changed again\n")
    git.put("sub/b.txt", "1\n2\nstaged\n4\n5\n6\n7\n8\nnot staged\n")
    git.put("unknown.txt", "unknown\n")
    git.put("intended.txt", "intended\n")
    git("add", "--intent-to-add", "intended.txt")
    (git.folder / "new.txt").unlink()


def test_what_the_user_has_under_way_stays_as_it_is(world: World, git: Git) -> None:
    """Byte for byte; the commit holds the memories, and nothing else of their folder either."""
    in_the_middle_of_work(git)
    git.put(".memory/new.md", "A new memory.\n")
    git.put(".memory/old.md", "---\nid: old\n---\nChanged.\n")
    (git.folder / ".memory/sub/deep.md").unlink()
    git.put(".memory/note.txt", "no memory\n")
    git.put(".memory/.hidden.md", "no memory\n")
    git.put(".memory/.hidden/x.md", "no memory\n")
    git.put(".memory/x.md~", "no memory\n")
    before, head = git.work(), git("rev-parse", "HEAD")

    answer = commit(world, git)

    assert answer.code == 0, answer.err
    assert "1 new, 1 changed, 1 removed" in answer.out
    assert git.work() == before
    assert git.committed() == [".memory/new.md", ".memory/old.md", ".memory/sub/deep.md"]
    assert git.text(".memory/old.md") == "---\nid: old\n---\nChanged.\n"
    assert git("rev-parse", "HEAD^") == head
    assert git("log", "-1", "--format=%B").strip() == "memories: 1 new, 1 changed, 1 removed"
    assert git("status", "--porcelain", "-uall", "--", ".memory").splitlines() == [
        "?? .memory/.hidden.md", "?? .memory/.hidden/x.md", "?? .memory/note.txt", "?? .memory/x.md~",
    ]  # fmt: skip
    git.check()
    git("commit", "-qm", "the user's own")
    assert [path for path in git.committed() if ".memory" in path] == []


def test_what_git_cannot_know_by_its_stamps_is_not_lost(world: World, git: Git) -> None:
    """A file as old as the index and as long as before is compared by git, which needs to know how old the index is."""
    git("config", "core.trustctime", "false")
    path = git.put("a.txt", "b\n")
    stamp = (git.folder / "a.txt").stat()
    git.put("a.txt", "a\n")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    git("update-index", "--refresh")
    path.write_text("c\n")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    os.utime(git.folder / ".git/index", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    git.put(".memory/new.md", "A new memory.\n")

    done(world, git)

    assert git("diff", "--name-only") == "a.txt"


def test_another_staged_version_of_a_memory_is_told_of_and_reachable(world: World, git: Git) -> None:
    """The file is what is committed; what was staged instead can be had by the name that memfs gives."""
    git.put(".memory/old.md", "What was staged.\n")
    git("add", ".memory/old.md")
    git.put(".memory/old.md", "What is there.\n")
    git.put(".memory/new.md", "As staged.\n")
    git("add", ".memory/new.md")
    git.put(".memory/intended.md", "Intended.\n")
    git("add", "--intent-to-add", ".memory/intended.md")

    note, nobody = commit(world, git, "--json").json["notes"]

    assert nobody == committing.NOBODY
    assert ".memory/old.md" in note
    command = note.split("`")[1].split()
    assert command[:3] == ["git", "cat-file", "-p"]
    assert git(*command[1:]) == "What was staged."
    assert git.text(".memory/old.md") == "What is there.\n"
    assert git("status", "--porcelain") == ""


def test_a_memory_whose_removal_is_staged_alone_is_left_to_its_user(world: World, git: Git) -> None:
    """`git rm --cached` of what is ignored from now on: neither the file nor what is staged is touched."""
    git.put(".gitignore", ".memory/old.md\n")
    git("rm", "-q", "--cached", ".memory/old.md")
    git.put(".memory/old.md", "Private now.\n")
    git.put(".memory/new.md", "A new memory.\n")

    answer = done(world, git)

    assert (answer["new"], answer["changed"], answer["ignored"]) == (["new.md"], [], ["old.md"])
    assert git("diff", "--cached", "--name-status") == "D\t.memory/old.md"


def test_nothing_to_commit_is_no_commit(world: World, git: Git) -> None:
    """Not even when files were only touched; the index is not written either."""
    for path in (git.folder / ".memory").rglob("*.md"):
        os.utime(path, (0, 0))
    before = git("rev-parse", "HEAD"), (git.folder / ".git/index").stat().st_mtime_ns

    answer = commit(world, git)

    assert answer.code == 0
    assert answer.out.startswith("Nothing to commit")
    assert done(world, git)["commit"] is None
    assert (git("rev-parse", "HEAD"), (git.folder / ".git/index").stat().st_mtime_ns) == before


# ---- messages, answers


def test_the_message_is_the_users_or_a_count(world: World, git: Git) -> None:
    """As given: of several lines, in any script."""
    for number, message in enumerate(("What we learned\n\nabout ünits — 日本", "-dash", "#hash\n\n# kept")):
        git.put(".memory/new.md", f"{number}\n")
        committing.commit(here(git), message)
        assert git("log", "-1", "--format=%B").rstrip("\n") == message
    git.put(".memory/new.md", "again\n")
    done(world, git, "-m", "")
    assert git("log", "-1", "--format=%s") == "memories: 1 changed"
    git.put(".memory/new.md", "and again\n")
    done(world, git, "--message", "-What?")
    assert git("log", "-1", "--format=%s") == "-What?"


def test_the_answer_for_programs_says_what_was_committed_and_what_not(world: World, git: Git) -> None:
    """With the names of the commit, of what went in, and of what did not, each with its reason."""
    git.put(".memory/new.md", "A new memory.\n")
    git.put(".memory/clash.md", CLASH)
    git.put(".memory/secret.md", f"The token is {TOKEN}.\n")
    git.put(".git/info/exclude", ".memory/private*\n")
    git.put(".memory/private.md", "Private.\n")

    answer = commit(world, git, "--json")

    assert answer.code == 9
    told = answer.json
    assert told["commit"] == git("rev-parse", "HEAD")
    assert told["repository"] == str(git.folder)
    assert (told["new"], told["changed"], told["removed"]) == (["new.md"], [], [])
    assert (told["conflicts"], told["ignored"], list(told["held"])) == (["clash.md"], ["private.md"], ["secret.md"])
    assert TOKEN not in answer.out
    assert git.committed() == [".memory/new.md"]
    shown = commit(world, git)
    assert shown.code == 9
    for words in ("secret.md", "clash.md is in conflict", "ignored by git", "private.md", "--allow-secret"):
        assert words in shown.out


def test_a_credential_is_held_back_until_it_is_allowed(world: World, git: Git) -> None:
    """The others are committed; the exit code tells."""
    git.put(".memory/secret.md", f"The token is {TOKEN}.\n")
    git.put(".memory/new.md", "A new memory.\n")

    assert commit(world, git).code == 9
    assert git.committed() == [".memory/new.md"]

    assert done(world, git, "--allow-secret")["new"] == ["secret.md"]
    assert git.committed() == [".memory/secret.md"]


def test_a_memory_in_conflict_is_held_back(world: World, git: Git) -> None:
    """By its markers, or by git's index alone, as after `git stash pop`; its sides stay where they are."""
    git.put(".memory/old.md", "stashed\n")
    git("stash", "-q")
    git.put(".memory/old.md", "committed\n")
    git("commit", "-qam", "second")
    git("stash", "pop", "-q", fine=(1,))
    git.put(".memory/old.md", "without markers, and not settled\n")
    git.put(".memory/clash.md", CLASH)
    git.put(".memory/heading.md", "A heading\n=======\n\ntext\n")
    sides = git("ls-files", "-u")

    answer = commit(world, git, "--json")

    assert answer.code == 9
    assert answer.json["conflicts"] == ["clash.md", "old.md"]
    assert git.committed() == [".memory/heading.md"]
    assert git("ls-files", "-u") == sides != ""


# ---- in the middle of something (G83)


def diverged(git: Git) -> None:
    """Have a branch `other` that clashes with `main` in a.txt."""
    git("checkout", "-qb", "other")
    git.put("a.txt", "theirs\n")
    git("commit", "-qam", "theirs")
    git("checkout", "-q", "main")
    git.put("a.txt", "ours\n")
    git("commit", "-qam", "ours")


def amidst_am(git: Git) -> None:
    """Have `git am` stop."""
    patch = git("format-patch", "--stdout", "main~1..other")
    git("am", "-q", feed=patch + "\n", fine=(128,))


UNDERWAY: dict[str, tuple[str, Callable[[Git], object]]] = {
    "merge": ("a merge", lambda git: git("merge", "-q", "other", fine=(1,))),
    "merge without a clash": ("a merge", lambda git: git("merge", "-q", "--no-commit", "-X", "ours", "other")),
    "rebase": ("a rebase", lambda git: git("rebase", "-q", "other", fine=(1,))),
    "rebase by patches": ("a rebase or am", lambda git: git("rebase", "-q", "--apply", "other", fine=(1,))),
    "cherry-pick": ("a cherry-pick", lambda git: git("cherry-pick", "other", fine=(1,))),
    "revert": ("a revert", lambda git: git("revert", "--no-edit", "main~1", fine=(1,))),
    "bisect": ("a bisect", lambda git: git("bisect", "start")),
    "am": ("a rebase or am", amidst_am),
}


@pytest.mark.parametrize("what", UNDERWAY)
def test_in_the_middle_of_something_nothing_is_committed(world: World, git: Git, what: str) -> None:
    """It is refused with the reason; refs, index and work tree are as they were, and status says so."""
    words, begin = UNDERWAY[what]
    diverged(git)
    begin(git)
    git.put(".memory/new.md", "A new memory.\n")

    error = refused(world, git)

    assert error["code"] == "refused"
    assert words in str(error["message"])
    found = committing.standing(here(git))
    assert found is not None
    assert (found.underway, found.new) == (words, ("new.md",))
    git.check()


def test_when_it_is_over_the_memories_are_committed(world: World, git: Git) -> None:
    """A refusal leaves nothing behind."""
    diverged(git)
    git("merge", "-q", "other", fine=(1,))
    git.put(".memory/new.md", "A new memory.\n")
    with pytest.raises(Refused, match=r"middle of a merge; .*`git commit` finishes it.*`git merge --abort` drops"):
        committing.commit(here(git))
    git("merge", "--abort")

    assert done(world, git)["new"] == ["new.md"]
    git.check()


# ---- every kind of repository (G84, G85)


def linked(world: World, git: Git) -> Git:
    """Return a work tree linked to the one of *git*."""
    git("worktree", "add", "-q", "-b", "other", world.root / "linked")
    return git.at(world.root / "linked")


def submodule(world: World, git: Git) -> Git:
    """Return *git*'s repository as a submodule of another one."""
    outer = begun(world, "outer")
    outer("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", git.folder, "module")
    outer("commit", "-qm", "with a module")
    return git.at(outer.folder / "module")


def below(_world: World, git: Git) -> Git:
    """Return a workspace below the top, in folders whose names mean something to git."""
    inner = git.folder / ":(top)/a*[b]"
    (inner / ".memory").mkdir(parents=True)
    (git.folder / ":(top)/ab/.memory").mkdir(parents=True)
    git.put(":(top)/ab/.memory/other.md", "Of another project.\n")
    git("add", ".")
    git("commit", "-qm", "two projects")
    git.put(":(top)/ab/.memory/other.md", "Of another project, changed.\n")
    return git.at(inner)


def unborn(world: World, _git: Git) -> Git:
    """Return a repository without a commit, and something staged."""
    young = begun(world, "young")
    young.put("a.txt", "a\n")
    young("add", "a.txt")
    return young


def empty(world: World, _git: Git) -> Git:
    """Return a repository without a commit or an index."""
    return begun(world, "empty")


def sha256(world: World, _git: Git) -> Git:
    """Return a repository with the other names for objects."""
    modern = begun(world, "modern", "--object-format=sha256")
    modern.put(".memory/old.md", "old\n")
    modern("add", ".")
    modern("commit", "-qm", "first")
    return modern


def detached(_world: World, git: Git) -> Git:
    """Return *git* with no branch checked out."""
    git("checkout", "-q", "--detach")
    return git


def by_a_link(world: World, git: Git) -> Git:
    """Return *git* as it is reached by a link to its folder."""
    (world.root / "link").symlink_to(git.folder)
    return git.at(world.root / "link")


def elsewhere(world: World, git: Git) -> Git:
    """Return *git* with its git folder elsewhere."""
    git("init", "-q", "--separate-git-dir", world.root / "elsewhere")
    return git


def split(_world: World, git: Git) -> Git:
    """Return *git* with an index of two files, one of which notes what is unknown."""
    git("config", "core.splitIndex", "true")
    git("update-index", "--split-index")
    git("update-index", "--force-untracked-cache")
    return git


KINDS = (linked, submodule, below, unborn, empty, sha256, detached, by_a_link, elsewhere, split)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_repository_takes_a_commit(world: World, git: Git, kind: Callable[[World, Git], Git]) -> None:
    """Each on the branch, or none, that is checked out there; the user's work stays, and git finds no fault."""
    there = kind(world, git)
    in_the_middle_of_work(there)
    there.put(".memory/new.md", "A new memory.\n")
    there.put(".memory/old.md", "Another text.\n")
    head, branches = there("symbolic-ref", "-q", "HEAD", fine=(0, 1)), git("for-each-ref", "refs/heads/main")
    work = there.work()

    answer = done(world, there)

    assert answer["commit"] == there("rev-parse", "HEAD")
    assert there.work() == work
    prefix = there("rev-parse", "--show-prefix")
    assert there.committed() == [f"{prefix}.memory/new.md", f"{prefix}.memory/old.md"]
    assert there("symbolic-ref", "-q", "HEAD", fine=(0, 1)) == head
    assert head == "refs/heads/main" or git("for-each-ref", "refs/heads/main") == branches
    assert there("status", "--porcelain", "--", ".memory") == ""
    there.check()
    there("commit", "-qm", "the user's own")
    assert there.files("HEAD~1") == [path for path in there.files() if path in there.files("HEAD~1")]


def test_who_commits_is_the_user_or_memfs(world: World, git: Git) -> None:
    """By git's own settings; without any the commit is memfs's, and nothing fails."""
    git.put(".memory/new.md", "1\n")
    assert "git config --global user.name" in commit(world, git).out
    assert git("log", "-1", "--format=%an <%ae> %cn") == "memfs <memfs@localhost> memfs"

    git("config", "user.name", "Ünal <the> Tester")
    git("config", "user.email", "t@example.org")
    git.put(".memory/new.md", "2\n")
    assert "user.name" not in commit(world, git).out
    assert git("log", "-1", "--format=%an <%ae> %cn") == "Ünal the Tester <t@example.org> Ünal the Tester"
    git.check()


@pytest.mark.parametrize("rule", ["core.autocrlf", "*.md text eol=crlf", "*.md text=auto eol=crlf", "*.md -text", ""])
def test_lines_end_in_git_as_its_user_has_it(world: World, git: Git, rule: str) -> None:
    """What git would keep is kept, so that afterwards nothing counts as changed; the files stay as they are."""
    if rule == "core.autocrlf":
        git("config", "core.autocrlf", "true")
    elif rule:
        git.put(".gitattributes", f"{rule}\n")
    text = "---\nid: x\n---\nOne\nTwo\n"
    crlf = git.put(".memory/crlf.md", text.replace("\n", "\r\n"))
    lf = git.put(".memory/lf.md", text)

    done(world, git)

    store = here(git)
    keeps = rule in ("*.md -text", "")
    assert git.text(".memory/crlf.md") == (text.replace("\n", "\r\n") if keeps else text)
    assert git.text(".memory/lf.md") == text
    assert (crlf.read_bytes(), lf.read_bytes()) == (text.replace("\n", "\r\n").encode(), text.encode())
    os.utime(crlf)
    assert committing.commit(store).name == ""
    assert git("status", "--porcelain", "--", ".memory") == ""
    with crlf.open("a", newline="") as file:
        file.write("Three\r\n")
    committing.commit(store)
    assert git("show", "--format=", "--numstat").split()[:2] == ["1", "0"]
    git.check()


def bare(world: World, git: Git) -> Path:
    """Return a folder in a bare repository."""
    folder = world.root / "bare.git"
    git("clone", "-q", "--bare", git.folder, folder)
    return folder


def nowhere(world: World, _git: Git) -> Path:
    """Return a folder that lies in no repository."""
    return world.folder("nowhere")


def foreign(_world: World, git: Git) -> Path:
    """Return a repository that somebody else owns."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    for path in (git.folder, git.folder / ".git"):
        os.chown(path, 12_345, 12_345)
    return git.folder


def broken(world: World, git: Git) -> Path:
    """Return a work tree whose git folder is gone."""
    folder = linked(world, git).folder
    shutil.rmtree(git.folder / ".git/worktrees")
    return folder


def many_lined(world: World, git: Git) -> Path:
    """Return a repository in a folder whose name has a line break."""
    git.folder.rename(world.root / "two\nlines")
    return world.root / "two\nlines"


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        (bare, 6, "bare repository"), (nowhere, 6, "lies in no git repository"), (foreign, 10, "dubious ownership"),
        (broken, 10, "not a git repository"), (many_lined, 10, "more than one line"),
    ],
    ids=lambda kind: getattr(kind, "__name__", ""),
)  # fmt: skip
def test_where_nothing_can_be_committed_all_else_works(
    world: World, git: Git, kind: Callable[[World, Git], Path], code: int, words: str
) -> None:
    """The refusal has a code and a sentence of its own; saving, searching and status go on."""
    folder = kind(world, git)

    assert memfs_command(world, "save", "A lighthouse.", folder=folder).code == 0
    answer = memfs_command(world, "commit", folder=folder)

    assert answer.code == code
    assert words in answer.sentence
    assert [hit["title"] for hit in as_json(world, "search", "lighthouse", folder=folder)["hits"]] == ["A lighthouse."]
    assert as_json(world, "status", folder=folder)["stores"][0]["git"] is None


def test_without_memories_or_git_there_is_a_sentence(world: World, git: Git) -> None:
    """For a folder that is not there, one that is a link, and a machine that has no git."""
    shutil.rmtree(git.folder / ".memory")
    assert "there is nothing to commit" in str(refused(world, git)["message"])
    (git.folder / ".memory").symlink_to(world.root)
    assert "there is nothing to commit" in str(refused(world, git)["message"])
    (git.folder / ".memory").unlink()
    git.put(".memory/new.md", "new\n")
    tools = world.root / "tools"
    tools.mkdir()
    (tools / "env").symlink_to(shutil.which("env") or "")

    for more in ({}, {"GIT_DIR": "/nowhere"}):
        error = refused(world, git, environ={"PATH": str(tools), **more})
        assert error["code"] == "git"
        assert str(error["message"]).startswith("git cannot be started")


# ---- locks in the way (G86)


def test_a_lock_of_gits_own_is_waited_for_and_never_touched(
    world: World, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HEAD has not moved and the lock is there; the second try, without it, commits."""
    monkeypatch.setattr(memfs.repository, "LOCK_SECONDS", 0.2)
    git.put(".memory/new.md", "A new memory.\n")
    lock = git.put(".git/index.lock", "")
    before = git.state()

    with pytest.raises(Busy) as caught:
        committing.commit(here(git))

    assert str(lock) in str(caught.value)
    assert git.state() == before
    assert lock.read_bytes() == b""
    lock.unlink()
    done(world, git)
    git.check()


@pytest.mark.parametrize("kind", ["file", "ours by its text", "another link", "dangling", "folder"])
def test_no_lock_that_memfs_did_not_make_is_taken_for_its_own(
    git: Git, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is and says."""
    monkeypatch.setattr(memfs.repository, "LOCK_SECONDS", 0.1)
    git.put(".memory/new.md", "A new memory.\n")
    lock, head = git.folder / ".git/index.lock", git("rev-parse", "HEAD")
    if kind == "folder":
        lock.mkdir()
    elif kind in ("another link", "dangling"):
        lock.symlink_to("index" if kind == "another link" else "held by somebody")
    else:
        lock.write_text("held by memfs\n" if kind == "ours by its text" else "DIRC")
    about = touched(lock)

    with pytest.raises(Busy):
        committing.commit(here(git))

    assert touched(lock) == about
    assert git("rev-parse", "HEAD") == head


def test_a_lock_that_comes_and_goes_is_waited_for(world: World, git: Git) -> None:
    """As one of a `git add` that takes a moment."""
    git.put(".memory/new.md", "A new memory.\n")
    lock = git.put(".git/index.lock", "")

    environ = trap(world, "fast-import", f"(sleep 0.5; rm {lock}) &")

    assert done(world, git, environ=environ)["new"] == ["new.md"]
    git.check()


# ---- what git is told to leave alone (G87)


@pytest.mark.parametrize("place", [".gitignore", ".memory/.gitignore", ".git/info/exclude", "user's"])
def test_what_is_ignored_is_not_committed_and_said_to_be(world: World, git: Git, place: str) -> None:
    """Wherever the rule stands; what is in git already stays in git."""
    rule = "*.md\n!kept.md\n"
    if place == "user's":
        git.put(str(world.root / "home/.config/git/ignore"), rule)
    else:
        git.put(place, rule)
    git.put(".memory/new.md", "new\n")
    git.put(".memory/kept.md", "kept\n")
    git.put(".memory/old.md", "changed\n")

    answer = commit(world, git, "--json").json

    assert (answer["new"], answer["changed"], answer["ignored"]) == (["kept.md"], ["old.md"], ["new.md"])
    assert git.committed() == [".memory/kept.md", ".memory/old.md"]


def test_what_is_not_checked_out_is_not_committed_as_removed(world: World, git: Git) -> None:
    """With `skip-worktree`, `assume-unchanged`, and in a sparse checkout with an index of its own kind."""
    for number in range(4):
        git.put(f".memory/m{number}.md", f"{number}\n")
    git("add", ".")
    git("commit", "-qm", "more")
    git("update-index", "--skip-worktree", ".memory/m0.md", ".memory/m1.md")
    git("update-index", "--assume-unchanged", ".memory/m2.md")
    for name in ("m0", "m2", "m3"):
        (git.folder / f".memory/{name}.md").unlink()
    git.put(".memory/m1.md", "changed, and hidden from git\n")

    assert done(world, git)["removed"] == ["m3.md"]
    assert git.committed() == [".memory/m3.md"]
    assert git("ls-files", "-t", ".memory/m0.md", ".memory/m1.md").splitlines() == [
        "S .memory/m0.md", "S .memory/m1.md",
    ]  # fmt: skip

    sparse = git.at(world.root / "sparse")
    git("clone", "-q", "--sparse", git.folder, sparse.folder)
    sparse("sparse-checkout", "init", "--cone", "--sparse-index")
    sparse("sparse-checkout", "set", "sub")
    (sparse.folder / ".memory").mkdir()
    assert not (sparse.folder / ".memory/old.md").exists()
    assert done(world, sparse)["commit"] is None
    sparse.put(".memory/new.md", "A new memory.\n")
    assert done(world, sparse)["new"] == ["new.md"]
    assert sparse.committed() == [".memory/new.md"]
    assert sparse("status", "--porcelain") == ""
    sparse.check()


def test_a_folder_that_cannot_be_read_is_not_taken_for_removed(world: World, git: Git) -> None:
    """Nor is what now is a link or a pipe, or lies deeper than memfs looks."""
    deep = "/".join(["d"] * 70)
    for name in ("link.md", "pipe.md", f"{deep}/x.md"):
        git.put(f".memory/{name}", "text\n")
    git("add", ".")
    git("commit", "-qm", "more")
    for name in ("link.md", "pipe.md"):
        (git.folder / ".memory" / name).unlink()
    (git.folder / ".memory/link.md").symlink_to("old.md")
    os.mkfifo(git.folder / ".memory/pipe.md")
    git.put(f".memory/{deep}/x.md", "changed\n")
    (git.folder / ".memory/sub").chmod(0)
    try:
        answer = subprocess.run(
            [*without_powers(), *MEMFS, "commit", "--json"],
            cwd=git.folder, env=world.environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        (git.folder / ".memory/sub").chmod(0o755)

    told = json.loads(answer.stdout)
    assert (told["commit"], told["removed"], told["changed"]) == (None, [], [])
    assert sorted(told["held"]) == sorted(["link.md", "pipe.md", f"{deep}/x.md", "sub/deep.md"])


# ---- nothing of the repository's runs (G88)


def test_no_hook_runs_and_none_can_refuse(world: World, git: Git) -> None:
    """Whatever its kind, wherever it lies; no state is left half."""
    marker = world.root / "was-run"
    for folder in (git.folder / ".git/hooks", git.folder / "hooks"):
        for name in HOOKS:
            hook = git.put(str(folder / name), f"#!/bin/sh\necho $0 >>{marker}\nexit 1\n")
            hook.chmod(0o755)
    git("config", "core.hooksPath", "hooks")
    git.put(".memory/new.md", "A new memory.\n")
    git("commit", "-q", "--allow-empty", "-m", "x", fine=(1, 128))
    assert marker.exists()
    marker.unlink()

    done(world, git)

    assert not marker.exists(), marker.read_text()
    assert git.committed() == [".memory/new.md"]
    git("-c", "core.hooksPath=/dev/null", "status")
    git.check()


# ---- what memories there are


def test_a_renamed_memory_is_one_in_gits_eyes(world: World, git: Git) -> None:
    """Removed there, new here, in one commit."""
    (git.folder / ".memory/old.md").rename(git.folder / ".memory/sub/renamed.md")

    done(world, git)

    assert git("show", "--format=", "--name-status", "-M").split("\t") == [
        "R100", ".memory/old.md", ".memory/sub/renamed.md",
    ]  # fmt: skip


def test_odd_names_are_committed_as_they_are(world: World, git: Git) -> None:
    """New, changed and removed; what no name may be is said, and harms no other."""
    for name in ODD:
        git.put(f".memory/{name}", "1\n")
        git.put(f".memory/folder {name}/x.md", "1\n")
    git.put(".memory/git~1/x.md", "1\n")
    git.put(".memory/GIT~1 .:y/x.md", "1\n")
    with os.fdopen(os.open(os.fsencode(git.folder) + b"/.memory/\xff.md", os.O_CREAT | os.O_WRONLY), "w") as file:
        file.write("x")

    answer = commit(world, git, "--json")

    assert answer.code == 9
    assert sorted(answer.json["held"]) == ["GIT~1 .:y/x.md", "git~1/x.md"]
    wanted = sorted(f".memory/{name}" for each in ODD for name in (each, f"folder {each}/x.md"))
    assert sorted(git.committed()) == wanted
    for name in ODD:
        git.put(f".memory/{name}", "2\n")
        (git.folder / f".memory/folder {name}/x.md").unlink()
    assert len(commit(world, git, "--json").json["changed"]) == len(ODD)
    assert sorted(path for path in git.files() if path in wanted) == sorted(f".memory/{name}" for name in ODD)
    git.check()


def test_a_file_may_become_a_folder_and_a_folder_a_file(world: World, git: Git) -> None:
    """In one commit: what is removed makes room first."""
    git.put(".memory/folder.md/x.md", "x\n")
    git.put(".memory/plain", "no memory\n")
    git("add", ".")
    git("commit", "-qm", "more")
    (git.folder / ".memory/old.md").unlink()
    git.put(".memory/old.md/inner.md", "inner\n")
    shutil.rmtree(git.folder / ".memory/folder.md")
    git.put(".memory/folder.md", "a file\n")

    done(world, git)

    assert git.files() == [
        ".memory/folder.md", ".memory/old.md/inner.md", ".memory/plain", ".memory/sub/deep.md", "a.txt", "sub/b.txt",
    ]  # fmt: skip
    assert git("status", "--porcelain") == ""
    git.check()


def test_modes_and_links_are_left_as_git_has_them(world: World, git: Git) -> None:
    """An executable memory stays one, a link that git has is neither followed nor removed."""
    git.put(".memory/run.md", "1\n").chmod(0o755)
    (git.folder / ".memory/link.md").symlink_to("../a.txt")
    git("add", ".")
    git("commit", "-qm", "more")
    git.put(".memory/run.md", "2\n")
    (git.folder / ".memory/link.md").unlink()
    (git.folder / ".memory/link.md").symlink_to("/etc/hostname")

    assert done(world, git)["changed"] == ["run.md"]

    assert git("ls-tree", "HEAD", ".memory/run.md").split()[0] == "100755"
    assert git("status", "--porcelain") == " M .memory/link.md"


def test_a_repository_within_the_memories_is_not_entered(world: World, git: Git) -> None:
    """Neither a submodule, there or not checked out, nor a clone that lies about; what is in it is its own."""
    inner = begun(world, "inner")
    inner.put("x.md", "inner\n")
    inner("add", ".")
    inner("commit", "-qm", "inner")
    for name in ("module", "absent"):
        git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.folder, f".memory/{name}")
    git("commit", "-qm", "modules")
    git("submodule", "deinit", "-q", ".memory/absent")
    shutil.copytree(inner.folder, git.folder / ".memory/clone")
    for name in ("module", "absent", "clone", "sub"):
        git.put(f".memory/{name}/new.md", "new\n")
    git.put(".memory/clone/deeper/new.md", "new\n")
    links = git("ls-files", "-s", ".memory/module", ".memory/absent")

    answer = done(world, git)

    assert answer["new"] == ["sub/new.md"]
    assert answer["ignored"] == [
        "absent/new.md", "clone/deeper/new.md", "clone/new.md", "clone/x.md", "module/new.md", "module/x.md",
    ]  # fmt: skip
    assert git.committed() == [".memory/sub/new.md"]
    assert git("ls-files", "-s", ".memory/module", ".memory/absent") == links
    git.check()


def test_memories_with_a_repository_of_their_own_are_committed_there(world: World, git: Git) -> None:
    """The one around it is left alone."""
    own = git.at(git.folder / ".memory")
    own("init", "-q", "-b", "main")
    before = git("rev-parse", "HEAD")

    assert done(world, git)["repository"] == str(own.folder)

    assert own.files() == ["old.md", "sub/deep.md"]
    assert git("rev-parse", "HEAD") == before


def test_a_memory_that_is_too_large_is_not_committed_in_part(world: World, git: Git) -> None:
    """The others are; a malformed one is committed as it is."""
    git.put(".memory/large.md", "x" * (1 << 20) + "the end\n")
    git.put(".memory/malformed.md", b"---\na: [\n---\n\xff\0\n")

    answer = commit(world, git, "--json")

    assert answer.code == 9
    assert answer.json["held"] == {"large.md": "it is larger than 1 MiB"}
    assert git.committed() == [".memory/malformed.md"]


def test_more_memories_than_one_command_can_name(world: World, git: Git) -> None:
    """Their paths together are longer than what the system passes to a process."""
    for number in range(600):
        git.put(f".memory/{number:03}-{'x' * 230}.md", f"{number}\n")

    answer = subprocess.run(
        ["sh", "-c", 'ulimit -s 512; exec "$@"', "sh", *MEMFS, "commit", "--json"],
        cwd=git.folder, env=world.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert answer.returncode == 0, answer.stderr
    assert len(json.loads(answer.stdout)["new"]) == 600
    assert len(git.committed()) == 600
    assert git("status", "--porcelain") == ""


# ---- at the same moment


def test_a_memory_that_is_edited_meanwhile_is_committed_as_it_was_read(world: World, git: Git) -> None:
    """Whole; the edit is there, not committed, and git sees it."""
    path = git.put(".memory/new.md", "as it was read\n")
    environ = trap(world, "fast-import", f"echo edited >{path}")

    assert done(world, git, environ=environ)["new"] == ["new.md"]

    assert git.text(".memory/new.md") == "as it was read\n"
    assert path.read_text() == "edited\n"
    assert git("status", "--porcelain") == " M .memory/new.md"
    assert done(world, git)["changed"] == ["new.md"]


def meanwhile(world: World, git: Git, verb: str, script: str) -> dict[str, str]:
    """Return an environment for memfs in which its user runs the shell *script* before memfs's git command *verb*."""
    who = {name: value for name, value in git.environ.items() if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER"))}
    return {**trap(world, verb, script), **who}


@pytest.mark.parametrize("verb", ["diff-index", "fast-import", "update-index", "update-ref"])
def test_when_the_user_commits_meanwhile_both_commits_are_there(world: World, git: Git, verb: str) -> None:
    """Neither takes back what the other did, nor does the user have to say it twice."""
    git.put(".memory/new.md", "A new memory.\n")
    git.put("a.txt", "the user's\n")
    # while memfs holds the index, only a commit that was begun before can end: it moves HEAD alone
    late = "git update-ref HEAD $(git commit-tree -p HEAD -m user HEAD^{tree})"
    script = late if verb.startswith("update") else "git commit -qam user"

    assert done(world, git, environ=meanwhile(world, git, verb, script))["new"] == ["new.md"]

    assert git("log", "--format=%s").splitlines() == ["memories: 1 new", "user", "first"]
    assert git.committed() == [".memory/new.md"]
    assert git("status", "--porcelain") == (" M a.txt" if verb.startswith("update") else "")
    git.check()


@pytest.mark.parametrize(
    ("script", "subjects"),
    [
        ("echo other >.memory/old.md; git commit -qm user .memory/old.md", ["memories: 1 new", "user", "first"]),
        ("git rm -qf .memory/old.md; git commit -qm user", ["memories: 1 new", "user", "first"]),
        ("git add .; git commit -qm user", ["user", "first"]),
    ],
)
def test_when_the_user_commits_memories_meanwhile_they_are_looked_at_again(
    world: World, git: Git, script: str, subjects: list[str]
) -> None:
    """What the first look saw is not put on top of it."""
    git.put(".memory/new.md", "A new memory.\n")
    git.put(".memory/old.md", "changed\n")

    done(world, git, environ=meanwhile(world, git, "fast-import", script))

    assert git("log", "--format=%s").splitlines() == subjects
    assert git("status", "--porcelain") == ""
    git.check()


def test_a_merge_that_is_begun_meanwhile_is_noticed(world: World, git: Git) -> None:
    """Also when HEAD has not moved by it."""
    diverged(git)
    git.put(".memory/new.md", "A new memory.\n")
    head = git("rev-parse", "HEAD")

    answer = commit(world, git, "--json", environ=meanwhile(world, git, "fast-import", "git merge -q other; true"))

    assert answer.error["code"] == "refused"
    assert "a merge" in answer.error["message"]
    assert git("rev-parse", "HEAD") == head
    assert git("status", "--porcelain", "--", ".memory") == "?? .memory/new.md"


COMMITTER = """
import subprocess, sys
from pathlib import Path
name, number, *command = sys.argv[1:]
for each in range(int(number)):
    Path(f".memory/{name}-{each}.md").write_text(f"{name} {each}\\n")
    for _ in range(20):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            break
        assert done.returncode in (7, 10), done.stderr
    else:
        raise SystemExit(done.stderr)
"""
USER = """
import subprocess, sys
from pathlib import Path
number = 0
while not Path("done").exists():
    Path("a.txt").write_text(f"{number}\\n")
    added = subprocess.run(["git", "add", "a.txt"], capture_output=True)
    if not added.returncode and not subprocess.run(["git", "commit", "-qm", "user"], capture_output=True).returncode:
        number += 1
print(number)
"""


@pytest.mark.parametrize(("committers", "number"), [(3, 3), pytest.param(3, 30, marks=pytest.mark.soak)])
def test_committers_and_the_user_take_nothing_back_from_one_another(git: Git, committers: int, number: int) -> None:
    """Every memory is committed, no commit of memories is undone by one of the user's, and git finds no fault."""

    def start(script: str, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            cwd=git.folder, env=git.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    person = start(USER)
    try:
        finished([start(COMMITTER, f"c{each}", number, *MEMFS, "commit") for each in range(committers)])
        git.put("done", "")
        [commits] = finished([person])
    finally:
        stopped(person)

    wanted = {f".memory/c{each}-{step}.md" for each in range(committers) for step in range(number)}
    assert wanted <= set(git.files())
    assert git("log", "--diff-filter=D", "--format=", "--name-only") == ""
    assert int(commits) == len(git("log", "--grep=^user$", "--format=%h").splitlines()) > 0
    assert set(git("log", "--grep=^user$", "--format=", "--name-only").split()) <= {"a.txt"}
    assert git("status", "--porcelain", "-uno") in ("", " M a.txt", "M  a.txt")
    git.check()


# ---- kill -9 (G95), Ctrl-C, no power (G96)


STEPS = {
    "before it is written": ("fast-import", 1),
    "when the index is locked": ("update-index", 1),
    "before HEAD moves": ("update-ref", 1),
    "when HEAD has moved": ("update-ref", 1),
}
"""Where a commit is stopped: before which of its git commands; the last time right after it."""
AFTER = "when HEAD has moved"


def assert_sound(git: Git) -> None:
    """Fail unless both the user and memfs go on as if nothing had happened, once memfs has looked at git again."""
    git("fsck", "--full", "--strict", "--no-dangling")
    lock = git.folder / ".git/index.lock"
    was_locked = os.path.lexists(lock)
    head = git("rev-parse", "HEAD")
    staged = git("diff", "--cached", "--name-status").splitlines()
    # the index never lags behind HEAD: what is in the one is in the other, or is new there
    assert staged in ([], ["A\t.memory/new.md", "M\t.memory/old.md", "D\t.memory/sub/deep.md"], ["A\t.memory/new.md"])
    found = committing.standing(here(git))
    assert found is not None
    assert found.head == head
    assert not os.path.lexists(lock), was_locked
    git.put("a.txt", f"{head}\n")
    git("commit", "-qm", "the user's own", "a.txt")
    assert git.committed() == ["a.txt"]
    committing.commit(here(git))
    assert git("status", "--porcelain") == ""
    assert ".memory/new.md" in git.files()
    assert git.text(".memory/old.md") == "changed\n"
    git.check()


@pytest.mark.parametrize("child", ["lives", "dies"])
@pytest.mark.parametrize("step", STEPS)
def test_a_commit_that_is_killed_at_any_step_harms_nothing(world: World, git: Git, step: str, child: str) -> None:
    """HEAD, index and files fit together, no lock stays, and the next commit works; whether or not its git goes on."""
    verb, number = STEPS[step]
    git.put(".memory/new.md", "A new memory.\n")
    git.put(".memory/old.md", "changed\n")
    (git.folder / ".memory/sub/deep.md").unlink()
    environ = trap(
        world, verb, f"kill -9 $memfs; {'true' if child == 'lives' else 'false'}", number=number, after=step == AFTER
    )

    answer = commit(world, git, environ=environ)

    assert answer.code == -signal.SIGKILL
    await_gits(environ)
    assert_sound(git)


@pytest.mark.parametrize("kills", [5, pytest.param(100, marks=pytest.mark.soak)])
def test_a_commit_that_is_killed_at_any_time_harms_nothing(world: World, git: Git, kills: int) -> None:
    """The same at random."""
    git.put(".memory/new.md", "the first version\n")
    environ = trap(world, "no git command", "true")  # nothing but what `await_gits` needs
    began = time.monotonic()
    done(world, git, environ=environ)
    took = time.monotonic() - began
    for each in rounds(kills):
        git.put(".memory/new.md", f"version {each}\n")
        process = subprocess.Popen(
            [*MEMFS, "commit"], cwd=git.folder, env={**world.environ, **environ}, stdout=subprocess.DEVNULL
        )
        try:
            process.wait(random.uniform(0.4, 1.1) * took)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        await_gits(environ)
        git("fsck", "--full", "--strict", "--no-dangling")
        assert set(git("diff", "--cached", "--name-only").split()) <= {".memory/new.md"}
        committing.standing(here(git))
        git("commit", "-q", "--allow-empty", "-m", "the user's own")
        assert git("diff", "--diff-filter=D", "--name-only", "HEAD~1", fine=(0,)) == ""

    done(world, git)
    assert git.text(".memory/new.md") == f"version {each}\n"
    git.check()


@pytest.mark.parametrize("step", STEPS)
def test_a_commit_that_is_interrupted_leaves_no_lock(world: World, git: Git, step: str) -> None:
    """Ctrl-C at any step: it is done or not done, and says so by its exit code."""
    verb, number = STEPS[step]
    git.put(".memory/new.md", "A new memory.\n")
    environ = trap(world, verb, "kill -INT $memfs; sleep 60", number=number, after=step == AFTER)

    answer = commit(world, git, environ=environ)

    assert answer.code == 130
    git.check()
    assert git("status", "--porcelain") in ("", "?? .memory/new.md")
    committing.commit(here(git))
    assert git("status", "--porcelain") == ""


POWER_CUT = """
os.chdir(disk + "/project")
subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
os.chdir("/")
cut_power()
git = ["git", "-C", disk + "/project"]
subprocess.run([*git, "fsck", "--full", "--strict", "--no-dangling"], check=True, stdout=subprocess.DEVNULL)
print(subprocess.run([*git, "log", "-1", "--format=%s"], check=True, capture_output=True, text=True).stdout)
print(subprocess.run([*git, "status", "--porcelain"], check=True, capture_output=True, text=True).stdout)
"""


def test_what_was_committed_survives_a_power_cut(world: World) -> None:
    """The commit, and an index that knows it."""
    image, disk = disk_of(world)
    cut = new_world(disk)
    setup = f"""
import subprocess, sys
subprocess.run(["mount", "-o", "loop", {str(image)!r}, {str(disk)!r}], check=True)
sys.path.insert(0, {str(Path.cwd())!r})
from pathlib import Path
from tests.repositories import begun
from tests.worlds import new_world
git = begun(new_world(Path({str(disk)!r})))
git.put("a.txt", "a")
git.put(".memory/old.md", "old")
git("add", ".")
git("commit", "-qm", "first")
git.put(".memory/new.md", "A new memory.")
(git.folder / ".memory/old.md").unlink()
subprocess.run(["umount", {str(disk)!r}], check=True)
"""
    world.run(setup, through=THROUGH)

    said = cut.run(POWER + POWER_CUT, image, disk, *MEMFS, "commit", through=THROUGH).split()

    assert " ".join(said) == "memories: 1 new, 1 removed"


# ---- on another file system


def test_a_work_tree_on_another_file_system_takes_a_commit(world: World, git: Git, tmp_path: Path) -> None:
    """Its git folder lies elsewhere; nothing is renamed from the one to the other."""
    folder = other_file_system(tmp_path) / f"memfs-test-{os.urandom(4).hex()}"
    try:
        shutil.copytree(git.folder, folder)
        shutil.rmtree(folder / ".git")
        (folder / ".git").write_text(f"gitdir: {git.folder}/.git\n")
        there = git.at(folder)
        there.put(".memory/new.md", "A new memory.\n")

        assert done(world, there)["new"] == ["new.md"]
        assert there("status", "--porcelain") == ""
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_settings_that_have_the_work_tree_lie_around_another_repository(world: World, git: Git) -> None:
    """Each commit goes where the settings say, none into the repository that happens to lie there."""
    around = Git(world.root, git.environ)
    around("init", "-q", "-b", "main")
    around("commit", "-q", "--allow-empty", "-m", "of another")
    other = around("rev-parse", "HEAD")
    git("config", "core.worktree", world.root)
    git.put(".memory/new.md", "A new memory.\n")

    answer = done(world, git)

    assert answer["repository"] == str(world.root)
    assert answer["commit"] == git("--git-dir=.git", "rev-parse", "HEAD")
    assert around("rev-parse", "HEAD") == other
