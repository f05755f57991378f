"""Memories as they were: found, listed and read at a commit or a time, and nothing written but in the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memfs import past
from memfs import trust
from memfs.archive import KEPT
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.errors import NotFound
from memfs.errors import Refused
from memfs.git import GitFailed
from memfs.memory import digest
from memfs.workspace import Workspace
from memfs.worktree import checked_out
from tests.commands import as_json
from tests.commands import memfs
from tests.repositories import Git
from tests.repositories import begun
from tests.repositories import commit
from tests.repositories import user
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import finished

FIRST, SECOND, THIRD = "2024-03-01T10:00:00Z", "2024-06-01T10:00:00Z", "2025-01-01T10:00:00Z"


@pytest.fixture
def git(world: World) -> Git:
    """Return the workspace as a repository: `a.md`, then changed and `b.md` beside it, then without `b.md`."""
    git = begun(world)
    git.put(".memory/a.md", "# Alpha\nDeploy on Fridays.\n")
    git.put("readme.md", "Deploy is no memory.\n")
    commit(git, FIRST)
    git.put(".memory/a.md", "# Alpha\nNever deploy on Fridays.\n")
    git.put(".memory/sub/b.md", "---\nid: beta\n---\n# Beta\nDeploy with care.\n")
    commit(git, SECOND)
    (git.folder / ".memory/sub/b.md").unlink()
    git.put(".memory/a.md", "# Alpha\nDeploy whenever it is green.\n")
    commit(git, THIRD)
    return git


def bodies(here: Workspace, when: str, query: str = "deploy") -> dict[str, str]:
    """Return name and text of what a search finds at *when*."""
    with past.at(here, when) as then:
        return {hit.entry.memory.path: hit.entry.memory.body.split("\n")[1] for hit in then.search(query).hits}


def folders(world: World) -> list[Path]:
    """Return what the cache holds of former times."""
    return [path for path in (world.cache / past.FOLDER).iterdir() if path.name[0] != "."]


# ---- when


@pytest.mark.parametrize(
    "when",
    [
        "2024-06-01",
        "2024-06",
        "2024-06-01T10:00:00Z",
        "2024-06-01 12:00:00+02:00",
        "2024",
        "HEAD~1",
        "main^",
        "v1",
        "HEAD@{1}",
    ],
)
def test_a_time_or_a_commit_names_what_is_searched(world: World, git: Git, when: str) -> None:
    """A day, a month and a year mean their end; a second itself; else it is what git takes for a commit."""
    git("tag", "--annotate", "-m", "a tag", "v1", "HEAD~1")
    here = world.open(git.folder)

    assert bodies(here, when) == {"a.md": "Never deploy on Fridays.", "sub/b.md": "Deploy with care."}


def test_before_and_after_other_things_are_found(world: World, git: Git) -> None:
    """The second before a commit, today, a short name, a time from now."""
    here = world.open(git.folder)
    git.put(".memory/a.md", "# Alpha\nDeploy is not committed.\n")

    assert bodies(here, "2024-06-01T09:59:59Z") == {"a.md": "Deploy on Fridays."}
    assert bodies(here, git("rev-parse", "--short", "HEAD~2")) == {"a.md": "Deploy on Fridays."}
    assert (
        bodies(here, "1h") == bodies(here, "2999") == bodies(here, "HEAD") == {"a.md": "Deploy whenever it is green."}
    )


def test_what_was_merged_later_was_not_there_before(world: World, git: Git) -> None:
    """A commit of another line of work, made before the time and merged after it, is none of this one's past."""
    git("switch", "--quiet", "--create", "side", "HEAD~2")
    git.put(".memory/side.md", "# Side\nDeploy from the side.\n")
    commit(git, "2024-07-01T10:00:00Z")
    git("switch", "--quiet", "main")
    git("merge", "--quiet", "--no-commit", "side")
    commit(git, "2025-02-01T10:00:00Z")
    here = world.open(git.folder)

    assert set(bodies(here, "2024-08")) == {"a.md", "sub/b.md"}
    assert set(bodies(here, "2025-02")) == {"a.md", "side.md"}


@pytest.mark.parametrize(
    "when",
    ["yesterday", "v99", "", "--all", "^HEAD", "HEAD..main", "-1", "f" * 40, "a\0b", "x" * 9_999, "HEAD:readme.md"],
)
def test_what_is_neither_a_time_nor_a_commit_is_refused(world: World, git: Git, when: str) -> None:
    """In a sentence that says what would do."""
    with (
        pytest.raises(Invalid, match=r"neither a time .* nor a commit, tag or branch of") as caught,
        past.at(world.open(git.folder), when),
    ):
        pass

    assert len(str(caught.value)) < 400


def test_nothing_was_committed_by_then(world: World, git: Git) -> None:
    """Before the first commit; without any; of a shallow clone, how to get more."""
    Git(world.root, git.environ)("clone", "--quiet", "--depth=1", git.folder.as_uri(), "shallow")
    begun(world, "empty")
    for folder, when, error, sentence in (
        (git.folder, "2024-02", NotFound, "Nothing was committed in .* by 2024-02"),
        (world.root / "shallow", "2024-06", NotFound, "unshallow"),
        (world.root / "empty", "2024-06", NotFound, "Nothing was committed"),
        (world.root / "empty", "HEAD", Invalid, "neither"),
    ):
        with pytest.raises(error, match=sentence), past.at(world.open(folder), when):
            pass


def test_without_a_repository_nothing_is_known(world: World) -> None:
    """In words, and with a code of its own."""
    with pytest.raises(Refused, match="no git repository is around"), past.at(world.open(), "2024"):
        pass

    assert memfs(world, "search", "--at", "2024", "x", "--json").error["code"] == "refused"
    assert (
        memfs(world, "search", "--at", "f" * 40, "x", "--json", folder=world.root / "home").error["code"] == "refused"
    )


# ---- what


def test_a_hit_says_where_it_lay_and_when(world: World, git: Git) -> None:
    """For programs and for people."""
    name, where = git("rev-parse", "HEAD~1"), git.folder / ".memory/sub/b.md"

    found = as_json(world, "search", "nothing", "--also", "care", "--at", "2024-06-01", folder=git.folder)
    shown = memfs(world, "search", "care", "--at", "2024-06-01", folder=git.folder).out
    whole = memfs(world, "get", "beta", "--at", "v1~0", folder=git.folder)

    moment = {"commit": name, "time": SECOND}
    assert found["at"] == found["hits"][0]["at"] == moment
    assert [hit["path"] for hit in found["hits"]] == [str(where)]
    assert found["hits"][0]["updated"] == SECOND
    assert f" · @ {name[:10]}, 2024-06-01" in shown
    assert whole.code == 2
    git("tag", "v1", name)
    whole = memfs(world, "get", "beta", "--at", "v1~0", folder=git.folder)
    assert f"{where} @ {name[:10]}, 2024-06-01" in whole.out
    assert "Deploy with care." in whole.out
    nothing = memfs(world, "search", "nosuchword", "--at", "2024-06-01", folder=git.folder).out
    assert f"`memfs list --at {found['at']['commit'][:10]}` shows what there was" in " ".join(nothing.split())
    assert "at" not in as_json(world, "search", "green", folder=git.folder)


def test_lists_and_single_memories_are_to_be_had_too(world: World, git: Git) -> None:
    """With the same options as those of today."""
    listed = as_json(world, "list", "--at", "HEAD~1", "--sort", "importance", folder=git.folder)
    got = as_json(world, "get", "a.md", "--at", FIRST, folder=git.folder)

    assert sorted(each["name"] for each in listed["memories"]) == ["a.md", "sub/b.md"]
    assert (listed["total"], listed["at"]["time"]) == (2, SECOND)
    assert got["body"] == "# Alpha\nDeploy on Fridays."
    assert memfs(world, "get", "beta", "--at", FIRST, folder=git.folder).code == NotFound.exit_code


def test_it_is_that_time_there(world: World, git: Git) -> None:
    """What expired since is found, what had expired is not; ages and relative times are counted from then."""
    git.put(".memory/soon.md", "---\nexpires: 2025-03-01\n---\nMayfly.\n")
    git.put(".memory/over.md", "---\nexpires: 2025-01-15\n---\nMayfly.\n")
    git.put(".memory/old.md", "---\ncreated: 2024-01-01\n---\nMayfly.\n")
    commit(git, "2025-02-01T10:00:00Z")
    here = world.open(git.folder)

    with past.at(here, "HEAD") as then:
        assert {hit.entry.memory.path for hit in then.search("mayfly").hits} == {"soon.md", "old.md"}
        assert {entry.memory.path for entry in then.list().entries} == {"soon.md", "old.md", "a.md"}
    shown = memfs(world, "search", "mayfly", "--at", "2025-02-08T10:00:00Z", "--since", "4w", folder=git.folder).out
    assert "1 week ago" in shown
    assert "old.md" not in shown
    assert "1 hits" not in shown
    assert {hit.entry.memory.path for hit in here.search("mayfly").hits} == {"old.md"}


def test_filters_phrases_and_snippets_are_those_of_today(world: World, git: Git) -> None:
    """The same code answers."""
    here = world.open(git.folder)
    with past.at(here, "HEAD~1") as then:
        [hit] = then.search('"deploy with" path:sub -nginx', limit=1).hits
        assert [hit.snippet.text[start:end] for start, end in hit.snippet.marks] == ["Deploy", "with"]
        assert then.search("deploy", regex="Fri.ays").hits[0].entry.memory.path == "a.md"
        assert then.list(limit=1).next_offset == 1


def test_other_repositories_are_taken_as_they_were_at_that_time(world: World, git: Git) -> None:
    """A commit is one of the nearest store's; what lies in no repository is left out, and named."""
    world.config('mode = "hybrid"\n[groups.team]\nmembers = ["' + str(git.folder) + '"]\n')
    own = Git(world.home / "global", user(world))
    own.put("g.md", "# Global\nDeploy early.\n")
    own("init", "--quiet")
    commit(own, "2024-05-01T10:00:00Z")
    own.put("g.md", "# Global\nDeploy late.\n")
    commit(own, "2024-07-01T10:00:00Z")
    (world.home / "groups/team").mkdir(parents=True)
    (world.home / "groups/team/t.md").write_text("# Team\nDeploy together.\n")

    found = as_json(world, "search", "deploy", "--at", "HEAD~1", folder=git.folder)

    assert {hit["name"]: hit["at"]["time"] for hit in found["hits"]} == {
        "a.md": SECOND, "sub/b.md": SECOND, "g.md": "2024-05-01T10:00:00Z",
    }  # fmt: skip
    assert found["at"]["time"] == SECOND
    assert [note for note in found["notes"] if "group:team" in note and "left out" in note]
    only = as_json(world, "search", "deploy", "--at", "2024-04", folder=git.folder)
    assert [hit["name"] for hit in only["hits"]] == ["a.md"]
    assert any("nothing was committed" in note and "global" in note for note in only["notes"])
    assert (
        as_json(world, "search", "deploy", "--at", "2024-04", "--scope", "workspace", folder=git.folder)["hits"] != []
    )


def test_a_store_that_is_no_longer_there_was_there(world: World, git: Git) -> None:
    """Its folder was removed, or a link put in its place, which nobody follows."""
    shutil.rmtree(git.folder / ".memory")
    environ = {"MEMFS_WORKSPACE": str(git.folder)}
    first = memfs(world, "search", "care", "--at", "HEAD~1", "--json", folder=git.folder, environ=environ)
    assert [hit["name"] for hit in first.json["hits"]] == ["sub/b.md"]

    (world.root / "elsewhere").mkdir()
    (world.root / "elsewhere/secret.md").write_text("Deploy secret.\n")
    (git.folder / ".memory").symlink_to(world.root / "elsewhere")
    second = memfs(world, "search", "deploy", "--at", "HEAD", "--json", folder=git.folder, environ=environ)
    assert [hit["name"] for hit in second.json["hits"]] == ["a.md"]


@pytest.mark.parametrize("options", [("--object-format=sha1",), ("--object-format=sha256",)])
def test_each_kind_of_repository_is_understood(world: World, options: tuple[str, ...]) -> None:
    """Names of either length; a project below the top whose folder looks like a pattern; a linked work tree."""
    git = begun(world, "top", *options)
    git.put("[a]*/.memory/x.md", "# X\nDeploy.\n")
    git.put("a/.memory/y.md", "# Y\nDeploy elsewhere.\n")
    name = commit(git, FIRST)
    git.put("[a]*/.memory/x.md", "# X\nDeploy later.\n")
    commit(git, SECOND)
    git("worktree", "add", "--quiet", str(world.root / "linked"))

    for folder in (git.folder, world.root / "linked"):
        for when in ("2024-04", name, "HEAD~1", "2024-04"):
            assert bodies(world.open(folder / "[a]*"), when) == {"x.md": "Deploy."}


# ---- whose text it is


def test_a_text_of_the_past_is_trusted_as_it_would_be_today(world: World, git: Git) -> None:
    """In a stranger's project it is marked; what was accepted is not; nor anything where all is trusted."""
    here = world.open(git.folder)

    def marks() -> dict[str, bool]:
        with past.at(here, "HEAD~1") as then:
            return {hit.entry.memory.path: hit.entry.trusted for hit in then.search("deploy").hits}

    assert marks() == {"a.md": False, "sub/b.md": False}
    trust.accept(world.state, git.folder, [("a.md", digest(git.text(".memory/a.md", "HEAD~1").encode()))])
    assert marks() == {"a.md": True, "sub/b.md": False}
    trust.set_trusted(world.state, git.folder, trusted=True)
    assert marks() == {"a.md": True, "sub/b.md": True}


def tree(git: Git, *entries: tuple[str, bytes, str]) -> str:
    """Return a tree of *entries* (mode, name, object), written as no git would."""
    raw = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    done = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"],
        cwd=git.folder, env=git.environ, input=raw, capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout.decode().strip()


def test_a_tree_writes_nowhere_else(world: World, git: Git) -> None:
    """Names that lead elsewhere, links, repositories, hidden and impossible ones, two of one name, too large a file."""
    evil = git("hash-object", "-w", "--stdin", feed="# Evil\nDeploy evil.\n")
    good = git("hash-object", "-w", "--stdin", feed="# Good\nDeploy good.\n")
    large = git("hash-object", "-w", str(git.put("large", "# Large\n" + "Deploy.\n" * 200_000)))
    target = git("hash-object", "-w", "--stdin", feed="/etc/passwd")
    inner = tree(git, ("100644", b"evil.md", evil))
    up = tree(git, ("40000", b"..", inner), ("40000", b".", inner), ("40000", b".git", inner))
    store = tree(
        git,
        ("100644", b"..", evil), ("100644", b"../escape.md", evil), ("100644", b"/tmp/memfs-escape.md", evil),
        ("40000", b"..", inner), ("40000", b"../..", inner), ("40000", b".git", inner), ("40000", b".hidden", inner),
        ("40000", b"deep", up), ("120000", b"link.md", target), ("120000", b"links", target),
        ("100644", b"links/evil.md", evil), ("160000", b"module.md", git("rev-parse", "HEAD")),
        ("100644", b"\xff.md", evil), ("100644", b"x" * 300 + b".md", evil), ("100644", b"large.md", large),
        ("100644", b"good.md", good), ("100644", b"good.md", evil), ("100644", b"both.md", good),
        ("40000", b"both.md", tree(git, ("100644", b"in.md", good))), ("100755", b"run.md", good),
        ("100644", b".dot.md", evil), ("100644", b"none.txt", evil), ("100644", b"a\\b.md", good),
    )  # fmt: skip
    git("update-ref", "HEAD", git("commit-tree", "-m", "x", tree(git, ("40000", b".memory", store))))
    here = world.open(git.folder)
    before = {name: raw for name, raw in files_below(world.root).items() if not name.startswith("cache/")}

    found = bodies(here, "HEAD")

    after = {name: raw for name, raw in files_below(world.root).items() if not name.startswith("cache/")}
    assert after == before
    assert {"run.md", "a\\b.md", "both.md"} <= set(found)
    assert "large.md" not in found
    assert set(found) <= {"run.md", "a\\b.md", "both.md", "good.md", "both.md/in.md", "links/evil.md", "escape.md"}
    below = [path for path in (world.cache / past.FOLDER).rglob("*") if path.is_symlink() or path.name[0] == "."]
    assert [path for path in below if "index" not in str(path)] == []
    assert not Path("/tmp/memfs-escape.md").exists()


def test_more_than_can_be_kept_is_refused(world: World, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small tree may stand for more than a disk holds; nothing of it is written."""
    monkeypatch.setattr("memfs.former.MOST_FILES", 1)

    with pytest.raises(Refused, match="more memories than"), past.at(world.open(git.folder), "HEAD~1"):
        pass

    assert list((world.cache / past.FOLDER).iterdir()) == []
    assert set(bodies(world.open(git.folder), "HEAD")) == {"a.md"}


def test_what_is_missing_in_a_partial_clone_is_not_fetched(world: World, git: Git) -> None:
    """The user is told what would."""
    git("config", "uploadpack.allowFilter", "true")
    Git(world.root, git.environ)("clone", "--quiet", "--filter=blob:none", git.folder.as_uri(), "partial")

    with pytest.raises(GitFailed), past.at(world.open(world.root / "partial"), "HEAD~1"):
        pass


def test_a_text_that_the_repository_has_lost_is_told(world: World, git: Git) -> None:
    """In git's words; it is not looked for."""
    oid = git("rev-parse", "HEAD~1:.memory/a.md")
    (git.folder / ".git/objects" / oid[:2] / oid[2:]).unlink()

    with pytest.raises(GitFailed, match=oid), past.at(world.open(git.folder), "HEAD~1"):
        pass


def test_the_repository_stays_as_it_is(world: World, git: Git) -> None:
    """Not a byte of it, of the work tree or the index changes."""
    before = files_below(git.folder)

    bodies(world.open(git.folder), "HEAD~1")
    bodies(world.open(git.folder), "2024-04")

    assert files_below(git.folder) == before


# ---- once more


@pytest.mark.parametrize("asked", ["name", "time"])
def test_what_was_asked_before_needs_no_git(world: World, git: Git, asked: str) -> None:
    """Of a whole name whatever is checked out by now; of a time until that changes. Nor is there time to load it."""
    when = {"name": git("rev-parse", "HEAD~1"), "time": "2024-06-01"}[asked]
    before = bodies(world.open(git.folder), when)
    if asked == "name":
        commit(git, "2025-06-01T10:00:00Z")
    script = (
        "import os, sys; from pathlib import Path; from memfs import past; from memfs.workspace import Workspace\n"
        "os.environ['PATH'] = ''\n"
        "with past.at(Workspace.open(Path(sys.argv[1])), sys.argv[2]) as then:\n"
        "    print(*sorted(hit.entry.memory.path for hit in then.search('deploy').hits))\n"
        "assert not {'git', 'memfs.repository', 'memfs.git'} & set(sys.modules)"
    )

    assert world.run(script, git.folder, when).split() == sorted(before)


def test_a_time_means_another_commit_once_there_is_one(world: World, git: Git) -> None:
    """One that was fetched late, a branch that was switched to, a history that was written anew."""
    here = world.open(git.folder)
    assert bodies(here, "2024-04") == {"a.md": "Deploy on Fridays."}
    git("switch", "--quiet", "--create", "other", "HEAD~2")
    git.put(".memory/a.md", "# Alpha\nDeploy on another branch.\n")
    commit(git, "2024-03-15T10:00:00Z")

    assert bodies(here, "2024-04") == {"a.md": "Deploy on another branch."}
    git("switch", "--quiet", "main")
    assert bodies(here, "2024-04") == {"a.md": "Deploy on Fridays."}
    git("tag", "moving", "HEAD~1")
    assert len(bodies(here, "moving")) == 2
    git("tag", "--force", "moving", "HEAD~2")
    assert len(bodies(here, "moving")) == 1


def test_without_a_log_of_head_git_is_asked_each_time(world: World, git: Git) -> None:
    """Nothing else would tell that HEAD is another commit."""
    here = world.open(git.folder)
    (git.folder / ".git/logs/HEAD").unlink()
    git("config", "core.logAllRefUpdates", "false")
    assert checked_out(git.folder) is None
    assert bodies(here, "2024-12") != bodies(here, "2025")

    git.put(".memory/a.md", "# Alpha\nDeploy late, committed early.\n")
    commit(git, "2024-12-01T10:00:00Z", "Ada", "--amend")
    assert bodies(here, "2024-12")["a.md"] == "Deploy late, committed early."


def test_the_last_few_are_kept(world: World, git: Git) -> None:
    """Those that were used last; one that somebody reads right now in any case."""
    here = world.open(git.folder)
    for number in range(KEPT + 3):
        git.put(".memory/n.md", f"# N\nDeploy {number}.\n")
        commit(git, f"2025-02-{number + 1:02}T10:00:00Z")
    with past.at(here, "2025-02-01") as oldest:
        for number in range(1, KEPT + 3):
            assert bodies(here, f"2025-02-{number + 1:02}")["n.md"] == f"Deploy {number}."

        assert oldest.search("deploy").hits[0].entry.memory.path
        assert len(folders(world)) == KEPT + 1

    assert bodies(here, "2024-04") == {"a.md": "Deploy on Fridays."}
    assert len(folders(world)) == KEPT


def damages() -> dict[str, Callable[[Path], Any]]:
    """Return ways to damage a folder of the past."""

    def files(folder: Path) -> list[Path]:
        return sorted(folder.rglob("*.md"))

    return {
        "a file is gone": lambda folder: files(folder)[0].unlink(),
        "a file is cut": lambda folder: files(folder)[0].write_bytes(b""),
        "a file came": lambda folder: files(folder)[0].with_name("more.md").write_text("# More\nDeploy more.\n"),
        "the store is gone": lambda folder: shutil.rmtree(files(folder)[0].parent),
        "it does not say what it holds": lambda folder: (folder / "said.json").unlink(),
        "that is cut": lambda folder: (folder / "said.json").write_bytes(b'{"moments": ['),
        "that is something else": lambda folder: (folder / "said.json").write_bytes(b"[1]"),
        "its index is damaged": lambda folder: next(folder.glob("index-*/meta.json")).write_bytes(b"{}"),
        "its index is gone": lambda folder: shutil.rmtree(next(folder.glob("index-*"))),
    }


@pytest.mark.parametrize("damage", damages())
def test_what_was_damaged_is_made_anew(world: World, git: Git, damage: str) -> None:
    """It is a cache."""
    here = world.open(git.folder)
    whole = bodies(here, "2024-06-01")
    [folder] = folders(world)
    damages()[damage](folder)

    assert bodies(here, "2024-06-01") == whole
    assert bodies(here, "HEAD~1") == whole
    assert folders(world) == [folder]


def test_what_a_process_that_died_has_left_is_removed_in_time(world: World, git: Git) -> None:
    """Not at once: it may be at work."""
    here = world.open(git.folder)
    place = world.cache / past.FOLDER
    for name in (".dead", ".at-work"):
        (place / name / "store").mkdir(parents=True)
    os.utime(place / ".dead", (1, 1))

    bodies(here, "2024-04")

    assert not (place / ".dead").exists()
    assert (place / ".at-work").exists()


def test_many_may_ask_at_once(world: World, git: Git) -> None:
    """For the same, and for others."""
    git("tag", "v1", "HEAD~1")
    words = [
        (sys.executable, "-m", "memfs", "search", "deploy", "--at", when)
        for when in ("v1", "2024-06", "HEAD", "2024") * 2
    ]
    processes = [
        subprocess.Popen(
            command, cwd=git.folder, env=world.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for command in words
    ]

    printed = finished(processes)

    assert all("Alpha" in each for each in printed)
    assert len(folders(world)) == 2
    assert [path for path in (world.cache / past.FOLDER).iterdir() if path.name[0] == "."] == []


def test_head_is_what_is_checked_out_and_answered_without_git_as_long_as_that_stays(world: World, git: Git) -> None:
    """Whatever moves it: a commit, a checkout, another branch."""
    here = world.open(git.folder)
    newest = bodies(here, "HEAD")

    def repeated() -> str:
        return memfs(world, "search", "deploy", "--at", "HEAD", folder=git.folder, environ={"PATH": "/nowhere"}).out

    assert "Alpha" in repeated()
    git("checkout", "-q", "HEAD~1")
    older = bodies(here, "HEAD")
    git("checkout", "-q", "-")
    back = bodies(here, "HEAD")
    git.put(".memory/a.md", "# Alpha\nDeploy never.\n")
    commit(git, THIRD)

    assert set(older) == {"a.md", "sub/b.md"}
    assert back == newest
    assert bodies(here, "HEAD") == {"a.md": "Deploy never."}


def test_where_the_cache_cannot_be_written_there_is_a_sentence(world: World, git: Git) -> None:
    """What was asked for is not to be had."""
    world.cache.write_text("a file in its place")

    with (
        pytest.raises(MemfsError, match="Could not put the memories as they were into"),
        past.at(world.open(git.folder), "HEAD"),
    ):
        pass
