"""What memfs asks of git, and what it writes: names, objects, commits, and an index that stays its user's."""

from __future__ import annotations

import inspect
import os
import stat
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import pytest

import memfs.repository
from memfs import git as running
from memfs.errors import Busy
from memfs.errors import Refused
from memfs.git import GitFailed
from memfs.git import overruling
from memfs.objects import Blob
from memfs.objects import Content
from memfs.objects import Staged
from memfs.repository import NAMED
from memfs.repository import Moved
from memfs.repository import Repository
from memfs.worktree import UNDERWAY
from tests.repositories import Git
from tests.repositories import begun
from tests.repositories import trap
from tests.worlds import World
from tests.worlds import within_deadline

if TYPE_CHECKING:
    from _typeshed import TraceFunction

ODD = (
    "a b",
    "ü",
    'q"',
    "new\nline",
    "-d",
    "b\\n",
    ":c",
    "*",
    "[a]",
    "tab\t",
    "\udcff",
    "'",
    "{x,y}",
    "!n",
    "#h",
    " s ",
)
"""Names that mean something to git, to shells or to lists."""


@pytest.fixture
def git(world: World, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Return the workspace as a repository with three files."""
    monkeypatch.setenv("HOME", world.environ["HOME"])  # also git in this process heeds nobody's settings
    git = begun(world)
    git.put("a.txt", "a\n")
    git.put("m/one.md", "one\n")
    git.put("m/sub/two.md", "two\n")
    git("add", ".")
    git("commit", "-qm", "first")
    return git


@pytest.fixture
def repository(git: Git) -> Repository:
    """Return the same as memfs sees it."""
    return opened(git.folder)


def opened(folder: Path) -> Repository:
    """Return the repository around *folder*."""
    found = Repository.of(folder)
    assert found is not None
    return found


def changed(git: Git, repository: Repository, changes: dict[str, Content], message: str = "changed") -> str:
    """Write and make HEAD the commit of *changes*, as a commit of memories does; return its name."""
    old = repository.head()
    new = repository.write(changes, message, [old] if old else [])
    made = repository.tree(new)
    repository.advance(new, old, {path: made.get(path) for path in changes})
    assert git("rev-parse", "HEAD") == new
    return new


# ---- finding it


def test_a_repository_is_found_from_wherever_one_stands(git: Git, world: World) -> None:
    """With where the folder lies in it; none where there is none, which does not take git to tell."""
    found = opened(git.folder / "m/sub")

    assert (found.top, found.folder, found.prefix) == (git.folder, git.folder / ".git", "m/sub/")
    assert opened(git.folder).prefix == ""
    assert found.algorithm == "sha1"
    assert Repository.of(world.root / "home") is None


def test_one_that_is_begun_is_like_any_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the branch main, without hooks, whatever its user's settings for new ones are."""
    home = world.root / "home"
    monkeypatch.setenv("HOME", str(home))
    template = home / "template/hooks"
    template.mkdir(parents=True)
    (template / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (home / ".gitconfig").write_text(
        f"[init]\ntemplateDir = {template.parent}\ndefaultBranch = other\ndefaultObjectFormat = sha256\n"
    )
    folder = world.folder()
    repository = Repository.begin(folder)

    new = repository.write({"x.md": b"x"}, "begun", [])
    repository.advance(new, "", repository.tree(new))

    git = Git(folder, world.environ)
    assert git("symbolic-ref", "HEAD") == "refs/heads/main"
    assert git.files() == ["x.md"]
    assert not (folder / ".git/hooks").exists()
    found = opened(folder)
    assert (found.top, found.folder, found.prefix) == (repository.top, repository.folder, repository.prefix)
    assert found.algorithm == repository.algorithm
    git.check()


@pytest.mark.parametrize("place", [".git", ".git/objects"])
def test_within_its_own_folder_there_is_no_work_tree(git: Git, place: str) -> None:
    """Nor is it taken for one."""
    with pytest.raises(GitFailed, match="must be run in a work tree"):
        Repository.of(git.folder / place)


@pytest.mark.parametrize("what", ["HEAD", "index", "config", "info/exclude", "../.gitignore", "packed-refs", "../pipe"])
def test_a_pipe_in_the_place_of_a_file_costs_a_wait(git: Git, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with a sentence, not never."""
    monkeypatch.setattr(memfs.repository, "READING_SECONDS", 0.5)
    path = git.folder / ".git" / what
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    if what == "../pipe":
        git.put(".git/config", f"[include]\npath = {path}\n")

    with pytest.raises(GitFailed, match=r"took longer than 0\.5 s|HEAD"):  # noqa: PT012  (either may hang, or refuse)
        found = opened(git.folder)
        found.head()
        found.staged("m/")
        found.ignored(["new.md"])
        found.run("for-each-ref", seconds=0.5)


# ---- how it stands


def test_a_revision_that_means_none_is_empty(git: Git, repository: Repository) -> None:
    """Not an option either."""
    assert repository.commit_of("HEAD") == repository.head() == git("rev-parse", "HEAD")
    for revision in ("nothing", "--all", "-h", "HEAD:a.txt", "", "HEAD^{tree}"):
        assert repository.commit_of(revision) == "", revision


@pytest.mark.parametrize("name", UNDERWAY)
def test_what_is_under_way_is_told_by_what_lies_there(git: Git, repository: Repository, name: str) -> None:
    """In words."""
    assert repository.underway() == ""
    git.put(f".git/{name}", "")

    assert repository.underway() == UNDERWAY[name]


def test_a_tree_is_listed_by_whole_names(git: Git, repository: Repository) -> None:
    """Of any characters, with what each is; below a folder alone, when one is given, and not below a similar one."""
    for name in ODD:
        path = git.folder / os.fsdecode(b"m/" + os.fsencode(name))
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
        git.put(f"{name if name.isascii() else 'u'}/x.md", "x")
    (git.folder / "link").symlink_to("a.txt")
    git.put("run", "").chmod(0o755)
    git("add", ".")
    git("commit", "-qm", "odd")

    tree = repository.tree("HEAD")

    assert [path for path in tree if path.startswith("m/")] == list(repository.tree("HEAD", ["m/"]))
    assert {f"m/{name}" for name in ODD} <= tree.keys()
    assert (tree["link"].mode, tree["link"].is_file) == ("120000", False)
    assert (tree["run"].mode, tree["run"].is_file) == ("100755", True)
    for name in ODD:
        if name.isascii():
            assert list(repository.tree("HEAD", [f"{name}/"])) == [f"{name}/x.md"]
            assert list(repository.staged(f"{name}/")) == [f"{name}/x.md"]
    assert repository.tree("") == {}
    with pytest.raises(GitFailed, match="git ls-tree failed"):
        repository.tree("nothing")


def test_the_index_is_listed_with_what_git_was_told(git: Git, repository: Repository) -> None:
    """Skipped, in conflict, only intended."""
    git("update-index", "--skip-worktree", "m/one.md")
    git.put("m/new.md", "new")
    git("add", "--intent-to-add", "m/new.md")
    oids = [git("hash-object", "-w", "--stdin", feed=text) for text in ("base", "ours", "theirs")]
    stages = "".join(f"100644 {oid} {stage}\tm/c*.md\n" for stage, oid in enumerate(oids, 1))
    git("update-index", "--index-info", feed=stages)

    found = repository.staged("m/")

    assert found["m/one.md"] == Staged("100644", repository.oid(b"one\n"), 0, skipped=True)
    assert found["m/new.md"] == Staged("100644", repository.oid(b""), 0, skipped=False)
    assert found["m/c*.md"].stage > 0
    assert repository.staged("") == found | {"a.txt": Staged("100644", repository.oid(b"a\n"), 0, skipped=False)}
    assert repository.sides("m/c*.md") == dict(enumerate(oids, 1))
    assert repository.sides("m/one.md") == {}


def test_ignored_is_what_a_rule_names_and_git_does_not_have(git: Git, repository: Repository) -> None:
    """By whole names."""
    git.put(".gitignore", "*.md\n")
    git.put("m/.gitignore", "!kept.md\n")
    odd = [f"{folder}{name}.md" for name in (*ODD, ":(top)", ":!") for folder in ("", "m/")]

    assert repository.ignored(["m/kept.md", "m/new.txt", *odd]) == set(odd)
    assert repository.ignored([]) == set()


def test_how_it_stands_is_asked_at_once_and_what_differs_by_stamp_or_is_staged_is_told(
    git: Git, repository: Repository
) -> None:
    """All else is as in the last commit."""
    own = opened(git.folder / "m")
    tree, staged, differing, meanwhile = own.stand(lambda: "seen")
    assert (tree, staged, differing, meanwhile) == (own.own_tree(own.tip), own.staged("m/"), set(), "seen")

    os.utime(git.folder / "m/one.md", (0, 0))
    (git.folder / "m/sub/two.md").unlink()
    git.put("a.txt", "changed")
    git.put("m/new.md", "new")
    git("add", "m/new.md")

    assert own.stand(list)[2] == {"m/one.md", "m/sub/two.md", "m/new.md"}
    assert repository.stand(list)[2] == {"m/one.md", "m/sub/two.md", "m/new.md", "a.txt"}


# ---- objects


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_names_are_those_that_git_gives(world: World, algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In either kind of repository."""
    monkeypatch.setenv("HOME", world.environ["HOME"])
    git = begun(world, "hashed", f"--object-format={algorithm}")
    repository = opened(git.folder)

    assert repository.algorithm == algorithm
    for text in ("", "x", "line\n" * 1000, "ü"):
        assert repository.oid(text.encode()) == git("hash-object", "--stdin", feed=text)


def test_objects_come_in_the_order_that_they_are_asked_for(git: Git, repository: Repository) -> None:
    """Whatever they hold, and however often."""
    raws = [b"", b"\n", b"a\0b", b"blob 3\nmissing\n", os.urandom(10_000), b"", b"one\n"]
    repository.write({f"{number}": raw for number, raw in enumerate(raws)}, "x", [])

    assert repository.blobs([repository.oid(raw) for raw in raws]) == raws
    assert repository.blobs([]) == []
    with pytest.raises(GitFailed, match=r"has not all of its history \(.* is missing\)"):
        repository.blobs([repository.oid(b""), repository.oid(b"never written"), repository.oid(b"")])
    git("fsck")


def test_what_a_partial_clone_has_left_out_is_a_sentence(world: World, git: Git) -> None:
    """Nothing is fetched for it: that would run whatever the settings name."""
    git.put("m/one.md", "newer\n")
    git("commit", "-qam", "second")
    git("config", "uploadpack.allowFilter", "true")
    partial = git.at(world.root / "partial")
    git("-c", "protocol.file.allow=always", "clone", "-q", "--filter=blob:none", f"file://{git.folder}", partial.folder)
    repository = opened(partial.folder)
    old = repository.tree("HEAD~1")["m/one.md"].oid

    with pytest.raises(GitFailed, match=r"has not all of its history.*`git fetch` may"):
        repository.blobs([old])
    assert changed(partial, repository, {"m/new.md": b"new\n", "m/one.md": b"newest\n"})
    partial("-c", "protocol.allow=never", "cat-file", "-e", old, fine=(1, 128))
    partial.check()


# ---- writing a commit


def test_a_commit_is_written_and_nothing_else(git: Git, repository: Repository) -> None:
    """No ref names it, and HEAD, index and files are as they were."""
    before = git.state()

    name = repository.write(
        {"m/one.md": b"1\n", "m/new.md": b"new\n", "m/sub/two.md": None}, "said\n\nmore", [repository.head()]
    )

    assert git.state() == before
    assert git.files(name) == ["a.txt", "m/new.md", "m/one.md"]
    assert git("log", "-1", "--format=%B", name) == "said\n\nmore"
    assert {path.name for path in (git.folder / ".git/refs").iterdir()} == {"heads", "tags"}
    git.check()


def test_what_is_written_has_the_names_the_modes_and_the_bytes_that_were_meant(
    git: Git, repository: Repository
) -> None:
    """New files are plain ones, others stay what they are; objects that git has are named, not written."""
    git.put("run.md", "run\n").chmod(0o755)
    (git.folder / "link.md").symlink_to("a.txt")
    git("add", ".")
    git("commit", "-qm", "more")
    known = repository.tree("HEAD")["a.txt"]
    changes: dict[str, Content] = {f"m/{name}": os.fsencode(name) for name in ODD}
    changes |= {"run.md": b"run faster\n", "link.md": b"no link\n", "copy": Blob("100755", known.oid), "gone": None}

    tree = repository.tree(repository.write(changes, "x", [repository.head()]))

    assert {name: tree[f"m/{name}"] for name in ODD} == {
        name: Blob("100644", repository.oid(os.fsencode(name))) for name in ODD
    }
    assert tree["run.md"] == Blob("100755", repository.oid(b"run faster\n"))
    assert tree["link.md"].mode == "100644"
    assert tree["copy"] == Blob("100755", known.oid)
    git("fsck", "--strict")


def test_files_and_folders_change_places(git: Git, repository: Repository) -> None:
    """Whatever the order in which that is said."""
    changes: dict[str, Content] = {
        "m/one.md/in.md": b"in\n",
        "m/sub": b"a file\n",
        "m/one.md": None,
        "m/sub/two.md": None,
    }

    changed(git, repository, changes)

    assert git.files() == ["a.txt", "m/one.md/in.md", "m/sub"]
    assert git("diff", "--cached") == ""
    git.check()


def test_a_merge_has_the_first_parents_tree(git: Git, repository: Repository) -> None:
    """And both parents."""
    first = repository.head()
    other = repository.write({"theirs.md": b"theirs\n"}, "theirs", [])

    name = repository.write({"m/new.md": b"new\n"}, "merged", [first, other])

    assert git("log", "-1", "--format=%P", name) == f"{first} {other}"
    assert git.files(name) == ["a.txt", "m/new.md", "m/one.md", "m/sub/two.md"]


def test_many_objects_are_one_pack(git: Git, repository: Repository) -> None:
    """Few are loose."""
    repository.write({f"m/{number}.md": b"%d" % number for number in range(5)}, "x", [repository.head()])
    assert "packs: 0" in git("count-objects", "-v")

    repository.write({f"m/{number}.md": b"x%d" % number for number in range(200)}, "x", [repository.head()])

    assert "packs: 1" in git("count-objects", "-v")
    assert not list((git.folder / ".git").glob("fast_import_crash*"))
    git.check()


# ---- moving HEAD, beside the user's index


def test_head_moves_only_from_where_it_was_seen(git: Git, repository: Repository) -> None:
    """Otherwise nothing is changed at all."""
    old = repository.head()
    new = repository.write({"m/new.md": b"new\n"}, "new", [old])
    git("commit", "-q", "--allow-empty", "-m", "the user's")
    git.put("a.txt", "staged\n")
    git("add", "a.txt")
    before = git.state()

    for seen in (old, "", new):
        with pytest.raises(Moved, match="nothing was changed"):
            repository.advance(new, seen, {"m/new.md": repository.tree(new)["m/new.md"]})

    assert git.state() == before
    git.check()


@pytest.mark.parametrize("verb", ["update-index", "update-ref"])
def test_when_git_refuses_the_index_is_as_it_was(
    world: World, git: Git, repository: Repository, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the byte, and to the time by which git judges what it may not have seen; also where there was none."""
    git.put("a.txt", "staged\n")
    git("add", "a.txt")
    index = git.folder / ".git/index"
    before = (*git.state(), index.stat().st_mtime_ns)
    old = repository.head()
    new = repository.write({"m/new.md": b"new\n"}, "new", [old])
    monkeypatch.setenv("PATH", trap(world, verb, "false")["PATH"])

    with pytest.raises(GitFailed, match=f"git {verb} failed"):
        repository.advance(new, old, {"m/new.md": repository.tree(new)["m/new.md"]})

    assert (*git.state(), index.stat().st_mtime_ns) == before
    git.check()
    young = begun(world, "young")
    other = opened(young.folder)
    first = other.write({"x.md": b"x"}, "x", [])
    monkeypatch.setenv("PATH", trap(world, verb, "false")["PATH"])
    with pytest.raises(GitFailed, match=f"git {verb} failed"):
        other.advance(first, "", other.tree(first))
    assert not (young.folder / ".git/index").exists()
    young.check()


def test_an_index_that_is_not_there_stays_so(git: Git, repository: Repository) -> None:
    """Everything is staged as removed by that, which is the user's doing."""
    (git.folder / ".git/index").unlink()

    changed(git, repository, {"m/new.md": b"new\n"})

    assert not (git.folder / ".git/index").exists()
    git.check()


def intended(git: Git) -> None:
    """Have files of which git knows only that they are to be added."""
    git.put("b.txt", "b\n")
    git.put("m/intended.md", "intended\n")
    git("add", "--intent-to-add", ".")


def flagged(git: Git) -> None:
    """Have files that git was told not to look at."""
    git("update-index", "--skip-worktree", "a.txt")
    git("update-index", "--assume-unchanged", "m/sub/two.md")
    git.put("a.txt", "not looked at\n")


def split(git: Git) -> None:
    """Have the index in two files."""
    git("config", "core.splitIndex", "true")
    git("update-index", "--split-index")
    git.put("a.txt", "staged\n")
    git("add", "a.txt")


def cached(git: Git) -> None:
    """Have the index know what is unknown."""
    git("config", "core.untrackedCache", "true")
    git("update-index", "--force-untracked-cache")
    git.put("unknown.txt", "unknown\n")
    git("status")


def sparse(git: Git) -> None:
    """Have a part of the files checked out, and folders in the index."""
    for name in "xyz":
        git.put(f"{name}/deep/file.txt", f"{name}\n")
    git("add", ".")
    git("commit", "-qm", "wide")
    git("sparse-checkout", "init", "--cone", "--sparse-index")
    git("sparse-checkout", "set", "m", "x")
    assert "y/" in git("ls-files", "--sparse").splitlines()


def unmerged(git: Git) -> None:
    """Have a conflict of another file, as after `git stash pop`."""
    git.put("a.txt", "stashed\n")
    git("stash", "-q")
    git.put("a.txt", "committed\n")
    git("commit", "-qam", "second")
    git("stash", "pop", "-q", fine=(1,))


def fourth(git: Git) -> None:
    """Have the index in its shortest form."""
    git("update-index", "--index-version=4")
    git.put("a.txt", "staged\n")
    git("add", "a.txt")


@pytest.mark.parametrize(
    "kind", [intended, flagged, split, cached, sparse, unmerged, fourth], ids=lambda kind: kind.__name__
)
def test_the_index_stays_its_users(git: Git, repository: Repository, kind: Callable[[Git], None]) -> None:
    """Every entry with its flags but those of the commit, and what git makes of it."""
    kind(git)
    listed = ("ls-files", "-s", "-v", "-t", "--", ":(exclude)m/one.md", ":(exclude)m/new.md")
    outside = ("--", ".", ":(exclude)m/one.md", ":(exclude)m/new.md")
    before = git(*listed), git("status", "--porcelain", *outside), git("diff", "--cached", *outside)

    changed(git, repository, {"m/one.md": b"1\n", "m/new.md": b"new\n"})
    git.put("m/one.md", "1\n")
    git.put("m/new.md", "new\n")

    assert (git(*listed), git("status", "--porcelain", *outside), git("diff", "--cached", *outside)) == before
    assert git("status", "--porcelain", "--", "m/one.md", "m/new.md") == ""
    assert git("diff", "--cached", "--", "m/one.md", "m/new.md") == ""
    git.check()
    git("add", "a.txt", fine=(0, 1))
    git("commit", "-qm", "the user's", fine=(0, 1))
    assert "m/new.md" in git.files()


def test_a_repository_that_is_shared_stays_so(git: Git, repository: Repository) -> None:
    """The group may write what memfs wrote."""
    git("config", "core.sharedRepository", "group")
    git("update-index", "--refresh")
    git.put("a.txt", "staged\n")
    git("add", "a.txt")
    folders = set((git.folder / ".git/objects").glob("??"))  # those stay as they are, whatever comes into them
    mask = os.umask(0o077)
    try:
        new = changed(git, repository, {"m/new.md": b"new\n"})
    finally:
        os.umask(mask)

    written = [git.folder / ".git/index", git.folder / ".git/refs/heads/main"]
    assert [oct(stat.S_IMODE(path.stat().st_mode) & 0o060) for path in written] == ["0o60", "0o60"]
    loose = git.folder / ".git/objects" / new[:2] / new[2:]
    assert stat.S_IMODE(loose.stat().st_mode) & 0o040
    made = set((git.folder / ".git/objects").glob("??")) - folders
    assert made
    assert all(stat.S_IMODE(folder.stat().st_mode) & 0o020 for folder in made)


def test_a_conflict_is_settled_in_the_index_alone(git: Git, repository: Repository) -> None:
    """With a text or without a file; the rest of the index and the work tree stay."""
    base, ours, theirs = (git("hash-object", "-w", "--stdin", feed=text) for text in ("base", "ours", "theirs"))
    for name in ("x.md", "y.md"):
        stages = "".join(f"100755 {oid} {stage}\tm/{name}\n" for stage, oid in enumerate((base, ours, theirs), 1))
        git("update-index", "--index-info", feed=stages)
    git.put("m/x.md", "in the work tree\n")
    head, before = git("rev-parse", "HEAD"), git("ls-files", "-s", "a.txt", "m/one.md")

    repository.stage("m/x.md", b"settled\n")
    repository.stage("m/y.md", None)

    assert git("ls-files", "-u") == ""
    assert repository.staged("m/x.md") == {"m/x.md": Staged("100755", repository.oid(b"settled\n"), 0, skipped=False)}
    assert repository.staged("m/y.md") == {}
    assert repository.blobs([repository.oid(b"settled\n")]) == [b"settled\n"]
    assert (git("rev-parse", "HEAD"), git("ls-files", "-s", "a.txt", "m/one.md")) == (head, before)
    git.check()


def test_the_index_is_not_touched_for_a_head_that_has_moved(
    git: Git, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who dies with it in place would have staged what takes back the commit that was made meanwhile."""
    old = repository.head()
    git.put("m/one.md", "the user's\n")
    git("commit", "-qam", "meanwhile")
    monkeypatch.setattr(Path, "replace", lambda *_: pytest.fail("the index is changed"))

    with pytest.raises(Moved):
        repository.commit({"m/one.md": b"seen before\n"}, "memfs", old)

    assert git("status", "--porcelain") == ""
    git.check()


@pytest.mark.parametrize("count", [1, NAMED])
def test_git_takes_what_was_committed_for_unchanged(git: Git, repository: Repository, count: int) -> None:
    """Scripts ask so without refreshing the index; for one file, and for many with one that is gone."""
    changes: dict[str, Content] = {f"m/n{number}.md": b"new\n" for number in range(count)}
    for path in changes:
        git.put(path, "new\n")
    if count > 1:
        changes["m/one.md"] = None
        (git.folder / "m/one.md").unlink()

    repository.commit(changes, "memfs", repository.head())

    git("diff-index", "--quiet", "HEAD")
    git("diff-files", "--quiet")


def test_several_threads_may_be_the_first_to_ask_git() -> None:
    """The command object is loaded once, whoever comes first."""
    script = (
        "import threading, memfs.git as git\n"
        "from pathlib import Path\n"
        "together = threading.Barrier(6)\n"
        "def ask():\n"
        "    together.wait()\n"
        "    git.run(Path('.'), 'version')\n"
        "    said.append('fine')\n"
        "said = []\n"
        "threads = [threading.Thread(target=ask) for _ in range(6)]\n"
        "[each.start() for each in threads]\n"
        "[each.join() for each in threads]\n"
        "print(*said)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert (done.stdout.split(), done.stderr) == (["fine"] * 6, "")


def test_one_process_of_memfs_waits_for_the_other(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock is not taken for one that was left, as long as it lives."""
    monkeypatch.setattr(memfs.repository, "LOCK_SECONDS", 0.1)
    first, second = opened(git.folder), opened(git.folder)
    new = first.write({"m/new.md": b"new\n"}, "new", [first.head()])
    lock = git.folder / ".git/index.lock"

    with first._index.locked(1):
        assert lock.is_symlink()
        opened(git.folder)
        assert lock.is_symlink()
        with pytest.raises(Busy):
            second.advance(new, second.head(), {})
        assert lock.is_symlink()
        assert subprocess.run(["git", "add", "."], cwd=git.folder, env=git.environ, check=False).returncode == 128

    assert not os.path.lexists(lock)
    second.advance(new, second.head(), {"m/new.md": second.tree(new)["m/new.md"]})
    git.check()


# ---- the settings


def test_filters_and_hooks_of_the_settings_are_overruled(git: Git, repository: Repository) -> None:
    """Those of any name; hooks that are settings are no business of `core.hooksPath`, from git 2.54 on."""
    for name in ("filter.evil.clean", "filter.Evil dots.x.process", "hook.evil.command", "hook.Other one.event"):
        git("config", name, "touch was-run")
    git("config", "filter.evil.required", "true")

    for name in ("filter.evil.clean", "filter.Evil dots.x.process", "filter.evil.required"):
        assert repository.run("config", "-z", "--get-all", name).fields[-1] == ""
    for name in ("hook.evil.enabled", "hook.Other one.enabled"):
        assert repository.run("config", "--get-all", "--type=bool", name).line == "false"
    assert overruling([]) == []


@pytest.mark.parametrize("name", ["filter.a=b.clean", "hook.a=b.command"])
def test_what_cannot_be_overruled_is_refused(git: Git, name: str) -> None:
    """Git takes what follows `=` for the value, so such a name would stay in force."""
    git("config", name, "touch was-run")

    with pytest.raises(Refused, match="by a name with `=`"):
        opened(git.folder).head()


def test_a_git_that_takes_too_long_takes_its_locks_away(git: Git) -> None:
    """Nothing that it started lives on, and the user's own git is not refused afterwards."""
    git("config", "filter.slow.clean", "echo $$ >pid; exec sleep 1000")
    git.put(".gitattributes", "*.txt filter=slow\n")
    git.put("a.txt", "changed\n")

    with pytest.raises(GitFailed, match=r"git add took longer than 0\.5 s"):
        running.run(git.folder, "add", "a.txt", seconds=0.5)

    assert not (git.folder / ".git/index.lock").exists()
    pid = int((git.folder / "pid").read_text())
    assert within_deadline(
        lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()
    )


def test_a_git_that_nobody_waits_for_is_ended_with_the_block(git: Git) -> None:
    """So that whatever fails beside it leaves nothing at work."""
    git("config", "filter.slow.clean", "echo $$ >pid; exec sleep 1000")
    git.put(".gitattributes", "*.txt filter=slow\n")
    git.put("a.txt", "changed\n")
    pid = git.folder / "pid"

    with running.begun(git.folder, "add", "a.txt"):
        assert within_deadline(lambda: pid.exists() and pid.read_text())

    command = Path(f"/proc/{int(pid.read_text())}/cmdline")
    assert within_deadline(lambda: not command.exists() or not command.read_bytes())
    assert not (git.folder / ".git/index.lock").exists()


def test_a_git_that_is_begun_is_ended_wherever_memfs_is_interrupted(git: Git) -> None:
    """Ctrl-C comes between any two lines: a git that nobody holds any more would go on, and Python warns of it."""
    code = inspect.unwrap(running.begun).__code__
    lines: set[int] = set()

    def interrupt(frame: FrameType, event: str, _: object) -> TraceFunction | None:
        if event == "line" and frame.f_lineno not in lines:
            lines.add(frame.f_lineno)
            raise KeyboardInterrupt
        return interrupt if frame.f_code is code else None

    before, was_interrupted = sys.gettrace(), True
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        while was_interrupted:
            sys.settrace(interrupt)
            try:
                with running.begun(git.folder, "hash-object", "--stdin", feed=b""):
                    was_interrupted = False
            except KeyboardInterrupt:
                was_interrupted = True
            finally:
                sys.settrace(before)

    assert lines
    assert [str(each.message) for each in warned] == []


def test_a_git_that_prints_too_much_is_ended(git: Git, repository: Repository) -> None:
    """A history may have been made to have it print without end; what is within the bound comes whole."""
    git.put("large", b"x" * 300_000)
    git("add", ".")
    oid = git("rev-parse", ":large")

    with pytest.raises(GitFailed, match=r"git cat-file printed more than 299,999 bytes in .* and was ended"):
        repository.run("cat-file", "blob", oid, most=299_999)

    assert len(repository.run("cat-file", "blob", oid, most=300_000).out) == 300_000


def test_what_a_git_is_fed_and_prints_at_once_is_whole(git: Git, repository: Repository) -> None:
    """More than the pipes hold, both ways; and one that ends before it has read all is no failure of ours."""
    oid = git("hash-object", "-w", "--stdin", feed="word\n" * 10_000)

    assert repository.blobs([oid] * 5_000) == [b"word\n" * 10_000] * 5_000
    assert repository.run("rev-parse", "--git-dir", feed=b"x" * 10_000_000).out.endswith(b".git\n")


def test_no_variable_of_the_user_leads_elsewhere(
    world: World, git: Git, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But one that memfs sets itself is set."""
    other = begun(world, "other")
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"):
        monkeypatch.setenv(name, str(other.folder / ".git"))
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")

    changed(git, repository, {"m/new.md": b"new\n"})

    assert running.run(
        git.folder, "rev-parse", "--git-dir", environ={"GIT_DIR": str(other.folder / ".git")}
    ).line == str(other.folder / ".git")
    assert other("rev-parse", "--verify", "-q", "HEAD", fine=(1,)) == ""
    assert sorted(path.name for path in (other.folder / ".git").iterdir()) == sorted(
        path.name for path in (begun(world, "third").folder / ".git").iterdir()
    )


def test_a_folder_that_cannot_be_entered_is_not_mistaken_for_another(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git is not run wherever this process stands."""
    monkeypatch.chdir(git.folder)

    with pytest.raises(GitFailed, match="cannot change to"):
        running.run(git.folder / "nowhere", "rev-parse", "HEAD")
