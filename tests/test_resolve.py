"""Memories in conflict: git's merge driver, what is in conflict, and settling it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from memfs import doctor
from memfs import resolving
from memfs.errors import Changed
from memfs.errors import Invalid
from memfs.errors import NotFound
from memfs.scope import workspace_store
from tests.commands import MEMFS
from tests.commands import memfs
from tests.repositories import Git
from tests.repositories import user
from tests.worlds import DEADLINE_SECONDS
from tests.worlds import World

NOTE = """\
---
id: 01KAJX00000000000000000001
tags: [a]
---
# Deploys

We deploy on fridays.


Ask the owner first.
"""
PATH = ".memory/deploys.md"


@pytest.fixture
def git(world: World) -> Git:
    """Return the user of a repository with one memory, committed, whose merges memfs drives."""
    made = Git(world.trusted(), {**user(world), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"})
    made("init", "-q", "-b", "main")
    assert "git add .gitattributes" in memfs(world, "init", "--merge-driver").out
    made.put(PATH, NOTE)
    made("add", "-A")
    made("commit", "-qm", "begun")
    return made


def branched(git: Git, ours: str, theirs: str) -> int:
    """Commit *theirs* on a branch and *ours* on main, and merge; return how git's merge ended."""
    git("checkout", "-qb", "other")
    git.put(PATH, theirs)
    git("commit", "-qam", "theirs")
    git("checkout", "-q", "main")
    git.put(PATH, ours)
    git("commit", "-qam", "ours")
    merge = ["git", "merge", "-q", "-m", "merged", "other"]
    return subprocess.run(merge, cwd=git.folder, env=git.environ, capture_output=True, check=False).returncode


def text(git: Git) -> str:
    """Return the memory's file."""
    return (git.folder / PATH).read_text()


def clash(git: Git) -> None:
    """Bring the memory into conflict: both sides changed one line."""
    assert branched(git, NOTE.replace("fridays", "mondays"), NOTE.replace("fridays", "sundays")) == 1


def test_git_merges_keys_and_lines_that_do_not_clash(git: Git) -> None:
    """A tag on either side and two paragraphs: one memory without a marker, comments and order kept."""
    ours = NOTE.replace("tags: [a]", "tags: [a, ours]  # by hand").replace("fridays", "mondays")
    theirs = NOTE.replace("tags: [a]", "tags: [a, theirs]").replace("owner first", "owner, then deploy")

    assert branched(git, ours, theirs) == 0

    merged = text(git)
    assert "ours" in merged
    assert "theirs" in merged
    assert "mondays" in merged
    assert "then deploy" in merged
    assert "<<<<<<<" not in merged
    assert git("status", "--porcelain") == ""


def test_texts_that_clash_stand_in_the_body_alone(world: World, git: Git) -> None:
    """The header stays whole, so the memory is found, flagged, and not to be changed until it is settled."""
    clash(git)

    header, _, body = text(git).partition("\n---\n")
    assert "<<<<<<<" not in header
    assert body.count("<<<<<<<") == 1
    found = memfs(world, "search", "sundays", "--json").json["hits"]
    assert [hit["id"] for hit in found] == ["01KAJX00000000000000000001"]
    assert memfs(world, "update", "deploys.md", "--tag", "b").code == 6
    listed = memfs(world, "resolve", "--list", "--json")
    assert listed.code == 9
    assert [each["name"] for each in listed.json["conflicts"]] == ["deploys.md"]


@pytest.mark.parametrize(
    ("way", "kept", "gone"),
    [
        ("--ours", ["mondays"], ["sundays"]),
        ("--theirs", ["sundays"], ["mondays"]),
        ("--both", ["mondays", "sundays"], []),
    ],
)
def test_a_conflict_is_settled_and_git_is_told(
    world: World, git: Git, way: str, kept: list[str], gone: list[str]
) -> None:
    """The chosen text is in the file and in the index; what was there is kept for `undo`; the merge goes through."""
    clash(git)
    before = text(git)

    done = memfs(world, "resolve", "deploys.md", way, "--json")

    assert [each["settled"] for each in done.json["conflicts"]] == [True]
    assert all(word in text(git) for word in kept)
    assert not any(word in text(git) for word in gone)
    assert "fridays" not in text(git)
    assert git("ls-files", "-u") == ""
    git("commit", "-qm", "merged")
    assert git("status", "--porcelain") == ""
    assert memfs(world, "undo").code == 0
    assert text(git) == before


def test_a_driver_that_is_missing_or_dies_loses_nothing(world: World, git: Git) -> None:
    """Git leaves our text without a mark, and its index tells: both sides are there to be chosen, or both kept."""
    git("config", "merge.memfs.driver", "/nonexistent/driver %O")
    clash(git)
    assert "sundays" not in text(git)

    listed = memfs(world, "resolve", "--list", "--json").json["conflicts"][0]
    assert "sundays" in listed["sides"]["theirs"]
    assert "mondays" in listed["sides"]["ours"]
    assert memfs(world, "status", "--json").json["stores"][0]["git"]["conflicts"] == ["deploys.md"]
    held = memfs(world, "commit", "--json")
    assert held.code == 6
    assert memfs(world, "resolve", PATH, "--both").code == 0

    assert "mondays" in text(git)
    assert "sundays" in text(git)
    assert git("ls-files", "-u") == ""


@pytest.mark.parametrize("ways", [("--ours", "--both"), ("--theirs", "--edit"), ("--list", "--ours")])
def test_a_memory_is_settled_in_one_way_at_a_time(world: World, git: Git, ways: tuple[str, str]) -> None:
    """Two at once are refused, and nothing is settled."""
    clash(git)
    before = text(git)

    done = memfs(world, "resolve", "deploys.md", *ways)

    assert (done.code, "One at a time" in done.err, text(git)) == (2, True, before)


def test_restore_after_a_settled_conflict_brings_no_markers_back(world: World, git: Git) -> None:
    """What was there was no version of anybody's; the one before it is. By its name it can be had, as any other."""
    clash(git)
    memfs(world, "resolve", "deploys.md", "--ours")

    restored = memfs(world, "restore", "deploys.md")

    assert restored.code == 0
    assert "<<<<<<<" not in text(git)
    assert "mondays" not in text(git)


def test_a_removal_against_a_change_is_settled_either_way(world: World, git: Git) -> None:
    """They removed it, we changed it: ours keeps the file, theirs removes it, and both keeps what there is."""
    git("checkout", "-qb", "other")
    git("rm", "-q", PATH)
    git("commit", "-qm", "removed")
    git("checkout", "-q", "main")
    git.put(PATH, NOTE.replace("fridays", "mondays"))
    git("commit", "-qam", "changed")
    git("merge", "-q", "other", fine=(1,))

    assert memfs(world, "resolve", "deploys.md", "--theirs").code == 0

    assert not (git.folder / PATH).exists()
    assert git("ls-files", "-u") == ""
    assert memfs(world, "restore", "01KAJX00000000000000000001").code == 0
    assert "mondays" in text(git)


def test_two_memories_at_one_path_are_both_kept_for_a_person(git: Git) -> None:
    """Different ids are two memories: neither swallows the other unseen."""
    other = NOTE.replace("000001", "000002").replace("fridays", "never")

    assert branched(git, NOTE.replace("fridays", "mondays"), other) == 1

    assert "000001" in text(git)
    assert "000002" in text(git)
    assert "never" in text(git)


def test_a_person_is_asked_for_each(world: World, git: Git) -> None:
    """On a terminal `memfs resolve` shows both texts and takes a letter."""
    clash(git)
    person, terminal = pty.openpty()
    process = subprocess.Popen(
        [*MEMFS, "resolve"], cwd=git.folder, env=world.environ, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal
    )
    os.close(terminal)
    os.write(person, b"t\n")
    out, _ = process.communicate(timeout=DEADLINE_SECONDS)
    os.close(person)

    assert process.returncode == 0
    assert b"mondays" in out
    assert "sundays" in text(git)
    assert "mondays" not in text(git)


def test_what_is_edited_has_to_be_settled(world: World, git: Git) -> None:
    """`--edit` opens the editor; with markers left nothing is settled, without them it is."""
    clash(git)
    lazy = memfs(world, "resolve", "deploys.md", "--edit", environ={"EDITOR": "true"})
    assert lazy.code == 2
    assert git("ls-files", "-u") != ""

    script = "sed -i -e '/^<<<<<<<\\|^|||||||\\|^=======\\|^>>>>>>>/d'"
    done = memfs(world, "resolve", "deploys.md", "--edit", environ={"EDITOR": script})

    assert done.code == 0, done.err
    assert git("ls-files", "-u") == ""


def test_nothing_in_conflict_is_said(world: World, git: Git) -> None:
    """No conflict, exit 0; an unknown name is refused with what there is."""
    told = "Nothing is in conflict. It is isolated mode; `memfs resolve --mode hybrid` looks everywhere."
    assert memfs(world, "resolve").out.strip() == told
    assert memfs(world, *told.split("`")[1].split()[1:]).out.strip() == "Nothing is in conflict."
    assert memfs(world, "resolve", "other.md", "--ours").code == 3
    clash(git)
    assert "deploys.md" in memfs(world, "resolve", "other.md", "--ours").sentence


def test_the_driver_is_registered_once_and_says_where(world: World, git: Git) -> None:
    """One line in .gitattributes however often it is asked for; without a repository a sentence."""
    before = (git.folder / ".gitattributes").read_bytes()
    (git.folder / ".gitattributes").write_bytes(b"*.bin binary\n" + before.rstrip(b"\n"))

    again = memfs(world, "init", "--merge-driver", "--json").json

    assert again["attribute_added"] is False
    assert (git.folder / ".gitattributes").read_bytes() == b"*.bin binary\n" + before.rstrip(b"\n")
    assert git("check-attr", "merge", PATH, ".memory/a/b/c.md", "README.md").split("\n") == [
        f"{PATH}: merge: memfs", ".memory/a/b/c.md: merge: memfs", "README.md: merge: unspecified",
    ]  # fmt: skip


def test_what_was_settled_and_taken_back_is_settled_anew(world: World, git: Git) -> None:
    """The second settling is what the merge commit has, though git's index had forgotten of the conflict."""
    clash(git)
    assert memfs(world, "resolve", "deploys.md", "--ours").code == 0
    assert memfs(world, "undo").code == 0

    assert memfs(world, "resolve", "Deploys", "--both").code == 0

    git("commit", "-qm", "merged")
    assert git("status", "--porcelain") == ""
    assert "sundays" in git.text(PATH)
    assert "mondays" in git.text(PATH)


def test_both_sides_of_a_header_are_merged_by_its_keys(world: World, git: Git) -> None:
    """Git alone leaves markers in the header: both tags are kept, in one line, and the memory reads back whole."""
    git.put(".gitattributes", "")
    git("commit", "-qam", "no driver")
    ours = NOTE.replace("tags: [a]", "tags: [a, ours]").replace("fridays", "mondays")
    theirs = NOTE.replace("tags: [a]", "tags: [a, theirs]").replace("fridays", "sundays")
    assert branched(git, ours, theirs) == 1
    assert text(git).index("<<<<<<<") < text(git).index("# Deploys")

    assert memfs(world, "resolve", "01KAJX0000000000000000000", "--both").code == 0

    read = memfs(world, "get", "Deploys", "--json").json
    assert sorted(read["tags"]) == ["a", "ours", "theirs"]
    assert "mondays" in read["body"]
    assert "sundays" in read["body"]
    assert git("ls-files", "-u") == ""


@pytest.mark.parametrize("driver", [True, False])
def test_the_library_and_the_command_see_and_settle_the_same(world: World, git: Git, *, driver: bool) -> None:
    """Which memories are in conflict, what each way leaves of them, and that settling one ends it."""
    if not driver:
        git("config", "merge.memfs.driver", "/nonexistent/driver %O")
    clash(git)
    here = world.open()

    (found,) = resolving.clashes(here)

    listed = memfs(world, "resolve", "--list", "--json").json["conflicts"][0]
    sides = {side: (raw or b"").decode() for side, raw in found.sides.items()}
    assert (found.path, sides) == (listed["name"], listed["sides"])
    assert found.staged
    shown = [side for side, _ in resolving.lines_of(found)]
    assert set(shown) == ({"", "ours", "before", "theirs"} if driver else {""})
    assert resolving.named(here, "Deploys") == found
    with pytest.raises(Changed):
        resolving.settle(here, found._replace(present=b"seen otherwise"), found.sides["both"])
    settled = resolving.settle(here, found, found.sides["both"])
    assert settled is not None
    assert settled.file.raw == found.sides["both"]
    assert resolving.clashes(here) == []
    assert git("ls-files", "-u") == ""
    with pytest.raises(NotFound, match=r"No memory in conflict is called 'Deploys' here\. Nothing is in conflict"):
        resolving.named(here, "Deploys")


def test_settling_has_to_leave_a_whole_memory(world: World, git: Git) -> None:
    """Markers that are left, or a header that nobody could read: refused, and nothing is written."""
    clash(git)
    here = world.open()
    (found,) = resolving.clashes(here)
    broken = NOTE.replace("tags: [a]", "tags: [a]\ntags: [b]").encode()

    for raw in (found.present, broken):
        with pytest.raises(Invalid, match="nothing was settled"):
            resolving.settle(here, found, raw)

    assert (git.folder / PATH).read_bytes() == found.present
    assert resolving.settle(here, found, None) is None
    assert not (git.folder / PATH).exists()
    assert git("ls-files", "-u") == ""


def test_registering_the_driver_needs_a_repository(world: World) -> None:
    """Without one there is a sentence; with one, the line is for the folder that the store is."""
    store = workspace_store(world.folder("alone"))
    with pytest.raises(Invalid, match="git init"):
        resolving.register(store)
    alone = Git(world.folder("alone"), user(world))
    alone("init", "-q")
    assert [resolving.register(store)[1] for _ in range(2)] == [True, False]
    assert (alone.folder / ".gitattributes").read_text() == "/.memory/**/*.md merge=memfs\n"


def test_what_git_alone_holds_in_conflict_is_neither_changed_nor_moved(world: World, git: Git) -> None:
    """A driver that died leaves no marks in the file; once it is settled for git all is as ever."""
    git("config", "merge.memfs.driver", "false")
    clash(git)
    before = text(git)
    assert "<<<<<<<" not in before

    for words in (("update", "deploys.md", "--tag", "b"), ("move", "deploys.md", "--to", "global")):
        answer = memfs(world, *words, environ={"MEMFS_MODE": "hybrid"})
        assert answer.code == 6
        assert "git holds it as not merged (`memfs resolve` settles it)" in answer.sentence
    assert text(git) == before

    git("add", PATH)
    assert memfs(world, "update", "deploys.md", "--tag", "b").code == 0


def test_the_doctor_names_what_git_alone_holds_in_conflict(world: World, git: Git) -> None:
    """A side that removed it leaves a whole text without a marker; what is told is the same everywhere."""
    git("checkout", "-qb", "other")
    git.put(PATH, NOTE.replace("fridays", "sundays"))
    git("commit", "-qam", "theirs")
    git("checkout", "-q", "main")
    (git.folder / PATH).unlink()
    git("commit", "-qam", "ours")
    git("merge", "-q", "other", fine=(1,))

    here = world.open()

    [finding] = doctor.examine(here).findings
    assert (finding.kind, finding.paths) == ("conflict", (git.folder / PATH,))
    assert "memfs resolve" in finding.sentence
    assert [each.path for each in resolving.clashes(here)] == ["deploys.md"]
    assert here.status().stores[0].having("conflict") == 1
