"""`memfs sync` between machines: both end with the same memories, no text is lost, nothing else leaves or runs."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from http.server import HTTPServer
from pathlib import Path
from typing import Any
from typing import NamedTuple

import pytest

from memfs import syncing
from memfs.errors import Busy
from memfs.errors import Invalid
from memfs.faces import render_git
from memfs.memory import parse
from memfs.network import Unreachable
from memfs.network import checked_remote
from memfs.shelves import shelf_of
from memfs.syncing import Synced
from tests.commands import MEMFS
from tests.commands import Answer
from tests.commands import memfs
from tests.serving import LEGACY
from tests.serving import connected
from tests.worlds import DEADLINE_SECONDS
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import finished
from tests.worlds import new_world
from tests.worlds import touched
from tests.worlds import within_deadline

PARTS = [f"Paragraph {number} says what it always said." for number in range(1, 10)]
SECRET = "AKIAZ7Q3K5M2N8P4R6TX"

Files = dict[str, bytes]
"""Path → content, below a folder of memories."""


class Pair(NamedTuple):
    """Two machines that have synced, and the bare repository between them."""

    a: World
    b: World
    remote: Path


def memory(memory_id: str, parts: list[str] = PARTS, *, tags: str = "all", title: str = "Note") -> str:
    """Return a memory's file."""
    return f"---\nid: {memory_id}\ntitle: {title}\ntags: [{tags}]\n---\n\n" + "\n\n".join(parts) + "\n"


def put(world: World, path: str, text: str | bytes) -> Path:
    """Write a file below the home of *world*, as an editor does."""
    file = world.home / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def memories(world: World) -> Files:
    """Return all that is shared on *world*, by path from its home; no repository's own files."""
    found = {name: raw for name, raw in files_below(world.home).items() if name.startswith(("global/", "groups/"))}
    return {name: raw for name, raw in found.items() if ".git/" not in name}


def git(folder: Path, *words: str, feed: str | bytes = "", environ: Mapping[str, str] | None = None) -> str:
    """Return what git prints in *folder*, as nobody in particular; fails when it fails."""
    who = {f"GIT_{role}_{what}": "t@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    nobody = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", **who, **(environ or {})}
    raw = feed.encode() if isinstance(feed, str) else feed
    done = subprocess.run(["git", *words], cwd=folder, env=nobody, input=raw, capture_output=True, check=False)
    assert done.returncode == 0, f"git {words}: {done.stderr.decode()}"
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def new_remote(path: Path) -> Path:
    """Return a new bare repository."""
    path.mkdir(parents=True)
    git(path, "init", "-q", "--bare", "--initial-branch=main")
    return path


def machine(root: Path, remote: Path | str) -> World:
    """Return a new machine whose home is synced with *remote*."""
    world = new_world(root)
    world.config(f"remote = {json.dumps(str(remote))}\n")
    return world


def quietly(world: World, *, yes: bool = False) -> Synced:
    """Sync the home of *world* in this process, which is faster than one of its own."""
    config = world.config()
    return syncing.sync(config, shelf_of(config), yes=yes)


def sync(world: World, *options: str | Path) -> dict[str, Any]:
    """Return what `memfs sync` tells of the home of *world*; by the command only where *options* are its matter."""
    if set(options) <= {"--yes"}:
        return render_git.synced_json(quietly(world, yes="--yes" in options))
    answer: dict[str, Any] = memfs(world, "sync", *options, "--json").json["synced"][0]
    return answer


def refused(world: World, *options: str | Path, code: int) -> str:
    """Return the sentence with which `memfs sync` ends by *code*; nobody's name or password is in it."""
    done = memfs(world, "sync", *options)
    assert done.code == code, done
    return done.sentence


def files_of(repository: Path, revision: str = "HEAD") -> Files:
    """Return the files of *revision*."""
    names = git(repository, "ls-tree", "-r", "-z", "--name-only", revision).split("\0")
    return {name: git(repository, "show", f"{revision}:{name}").encode() + b"\n" for name in names if name}


def ever(repository: Path) -> list[bytes]:
    """Return every blob that *repository* has, of whatever time."""
    listed = git(repository, "cat-file", "--batch-all-objects", "--batch-check").splitlines()
    blobs = [line.split()[0] for line in listed if line.split()[1] == "blob"]
    return [git(repository, "cat-file", "blob", name).encode("utf-8", "surrogateescape") for name in blobs]


def reachable(repository: Path) -> str:
    """Return all text that the branches and the rescued states of *repository* lead to."""
    return git(repository, "log", "--all", "-p", "-m", "--full-index", "--format=%H")


def other_clone(remote: Path, folder: Path) -> Path:
    """Return a clone that somebody works in with git alone."""
    git(remote.parent, "clone", "-q", str(remote), str(folder))
    return folder


def committed(clone: Path, files: Mapping[str, str | None], message: str = "by hand") -> str:
    """Commit *files*, None for one that goes, in *clone*, and push; return the commit."""
    for name, text in files.items():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            (clone / name).unlink()
        else:
            (clone / name).write_text(text)
    git(clone, "add", "-A", "-f")
    git(clone, "commit", "-q", "-m", message)
    git(clone, "push", "-q", "origin", "HEAD:main")
    return git(clone, "rev-parse", "HEAD")


def assert_same(pair: Pair) -> None:
    """Check that both machines and the remote hold the same memories, whole, and that no marker ever left."""
    assert memories(pair.a) == memories(pair.b)
    held = {name: raw for name, raw in files_of(pair.remote, "main").items() if name.startswith(("global/", "groups/"))}
    assert held == memories(pair.a)
    assert not [raw for raw in ever(pair.remote) if b"<<<<<<<" in raw or b">>>>>>>" in raw]
    for folder in (pair.a.home, pair.b.home, pair.remote):
        git(folder, "fsck", "--strict")
    for world in (pair.a, pair.b):
        assert git(world.home, "status", "--porcelain") == ""


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """Return an empty bare repository."""
    return new_remote(tmp_path / "remote.git")


@pytest.fixture(scope="session")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a pair that nobody touches: each test has a copy, which is made faster."""
    root = tmp_path_factory.mktemp("synced")
    remote = new_remote(root / "remote.git")
    a, b = machine(root / "a", remote), machine(root / "b", remote)
    put(a, "global/note.md", memory("note-1"))
    quietly(a)
    quietly(b)
    return root


@pytest.fixture
def pair(tmp_path: Path, synced: Path) -> Pair:
    """Return two machines that both hold `global/note.md`, whose id is note-1, and nothing else."""
    shutil.copytree(synced, tmp_path, symlinks=True, dirs_exist_ok=True)
    remote = tmp_path / "remote.git"
    both = Pair(machine(tmp_path / "a", remote), machine(tmp_path / "b", remote), remote)
    for world in (both.a, both.b):  # git knows its files by their inodes, too
        git(world.home, "update-index", "-q", "--refresh")
    return both


# ---- the first time


def test_the_first_sync_without_a_remote_begins_a_history_and_says_so(world: World) -> None:
    """It is on this machine alone; a remote can be set later, and gets all of it."""
    put(world, "global/note.md", memory("note-1"))

    done = sync(world)

    assert (done["committed"], done["pushed"], done["remote"]) == (1, False, None)
    assert "memfs sync --remote URL" in done["notes"][-1]
    assert "global/note.md" in files_of(world.home)
    remote = new_remote(world.root / "remote.git")
    assert sync(world, "--remote", remote)["pushed"]
    assert "global/note.md" in files_of(remote)


@pytest.mark.parametrize(("says", "branch"), [("advertise", "trunk"), ("ignore", "main")])
def test_an_empty_remote_gets_the_branch_that_it_names(tmp_path: Path, says: str, branch: str) -> None:
    """As its HEAD has it, so that who clones it has the memories; one that does not tell gets main."""
    bare = tmp_path / "remote.git"
    bare.mkdir()
    git(bare, "init", "-q", "--bare", "--initial-branch=trunk")
    git(bare, "config", "lsrefs.unborn", says)
    world = machine(tmp_path / "a", f"file://{bare}")
    put(world, "global/note.md", memory("note-1"))

    assert quietly(world).pushed

    assert git(bare, "for-each-ref", "--format=%(refname:short)") == branch
    assert not quietly(world).pushed


def test_two_machines_become_one(tmp_path: Path, remote: Path) -> None:
    """The story of the README: one command on each, once; what was on either is on both, and found."""
    a, b = new_world(tmp_path / "a"), new_world(tmp_path / "b")
    memfs(a, "save", "--mode", "global", "The lighthouse stands in the north.", "--title", "Lighthouse")
    memfs(b, "save", "--mode", "global", "The harbour lies in the south.", "--title", "Harbour")

    first = memfs(a, "sync", "--remote", remote)
    second = sync(b, "--remote", remote)
    third = sync(a)

    assert (first.code, first.out.splitlines()[-2:-1]) == (0, ["  1 committed, pushed"])
    assert "Git does not know who you are" in first.out.splitlines()[-1]
    assert (second["committed"], len(second["brought"]), second["pushed"]) == (1, 1, True)
    assert (third["committed"], len(third["brought"]), third["pushed"]) == (0, 1, False)
    assert_same(Pair(a, b, remote))
    for world, word, title in ((a, "harbour", "Harbour"), (b, "lighthouse", "Lighthouse")):
        found = memfs(world, "search", "--mode", "global", word, "--json").json["hits"]
        assert [each["title"] for each in found] == [title]


def test_nothing_to_do_does_nothing(pair: Pair) -> None:
    """No commit, no push, no file touched."""
    before = [git(folder, "rev-parse", "HEAD") for folder in (pair.a.home, pair.b.home, pair.remote)]
    note = pair.a.home / "global/note.md"
    stamp = touched(note)

    done = memfs(pair.a, "sync")

    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "  nothing to do: both sides are the same"
    assert [git(folder, "rev-parse", "HEAD") for folder in (pair.a.home, pair.b.home, pair.remote)] == before
    assert touched(note) == stamp


def test_a_first_sync_of_two_that_had_the_same_memories_doubles_none(tmp_path: Path, remote: Path) -> None:
    """They were copied by hand before: equal ones are one, renamed ones, too; of two texts none is lost."""
    a, b = machine(tmp_path / "a", remote), machine(tmp_path / "b", remote)
    for world, name, tag in ((a, "note.md", "x"), (b, "renamed.md", "y")):
        put(world, "global/same.md", memory("same-1"))
        put(world, f"global/{name}", memory("note-1", tags=f"all, {tag}"))
        put(world, "global/plain.md", "No header.\n")
    sync(a)

    done = sync(b)
    sync(a)

    assert done["clashes"] == []
    assert_same(Pair(a, b, remote))
    assert sorted(memories(a)) == ["global/note.md", "global/plain.md", "global/same.md"]
    assert set(parse(memories(a)["global/note.md"], "x.md").tags) == {"all", "x", "y"}


def test_a_first_sync_that_clashes_keeps_both_texts_in_the_history(tmp_path: Path, remote: Path) -> None:
    """Each machine had begun one of its own; they are joined."""
    a, b = machine(tmp_path / "a", remote), machine(tmp_path / "b", remote)
    put(a, "global/note.md", memory("note-1", ["Mine of a."]))
    put(b, "global/note.md", memory("note-1", ["Mine of b."]))
    sync(a)

    done = sync(b)

    assert done["clashes"] == ["global/note.md"]
    assert "Mine of b." in (b.home / "global/note.md").read_text()
    assert "+Mine of b." in reachable(remote)


def test_a_machine_that_was_offline_at_first_joins_later(tmp_path: Path, remote: Path) -> None:
    """It began a history of its own, as did the other one, which was there before."""
    a, b = machine(tmp_path / "a", remote), machine(tmp_path / "b", tmp_path / "mistyped.git")
    put(a, "global/of-a.md", memory("of-a"))
    put(b, "global/of-b.md", memory("of-b"))
    sentence = refused(b, code=10)
    assert "cannot be reached" in sentence
    assert "If the address is wrong: `memfs sync --remote URL` names another." in sentence
    assert "global/of-b.md" in files_of(b.home)
    sync(a)

    b.config(f'remote = "{remote}"\n')
    sync(b)
    sync(a)

    assert_same(Pair(a, b, remote))
    assert len(memories(a)) == 2


def test_a_new_machine_takes_up_the_history_as_it_is(pair: Pair, tmp_path: Path) -> None:
    """It has nothing of its own, so it adds nothing."""
    new = machine(tmp_path / "c", pair.remote)

    done = sync(new)

    assert (done["committed"], done["brought"], done["pushed"]) == (0, ["global/note.md"], False)
    assert git(new.home, "rev-parse", "HEAD") == git(pair.remote, "rev-parse", "main")


# ---- both sides changed something


def test_disjoint_changes_are_merged_without_a_question(pair: Pair) -> None:
    """89: a tag and paragraph 1 here, paragraph 9 there: all three on both machines, no markers anywhere."""
    put(pair.a, "global/note.md", memory("note-1", ["Changed by a.", *PARTS[1:]], tags="all, new"))
    put(pair.b, "global/note.md", memory("note-1", [*PARTS[:-1], "Changed by b."]))

    sync(pair.a)
    done = sync(pair.b)
    sync(pair.a)

    assert (done["clashes"], done["brought"], done["pushed"]) == ([], ["global/note.md"], True)
    merged = memory("note-1", ["Changed by a.", *PARTS[1:-1], "Changed by b."], tags="all, new")
    assert memories(pair.a) == {"global/note.md": merged.encode()}
    assert_same(pair)


def test_texts_that_clash_both_stand_in_the_file_and_markers_stay_here(pair: Pair) -> None:
    """90: the file waits for a person, everything else goes on, and its resolution is a change like any other."""
    put(pair.a, "global/note.md", memory("note-1", ["Said by a.", *PARTS[1:]]))
    put(pair.b, "global/note.md", memory("note-1", ["Said by b.", *PARTS[1:]]))
    put(pair.b, "global/other.md", memory("other-1"))
    sync(pair.a)

    done = memfs(pair.b, "sync", "--json")
    again = memfs(pair.b, "sync")

    assert done.code == 9
    told = done.json["synced"][0]
    assert (told["clashes"], told["pushed"]) == (["global/note.md"], True)
    text = (pair.b.home / "global/note.md").read_text()
    assert "Said by a." in text
    assert "Said by b." in text
    assert "<<<<<<<" in text
    assert again.code == 9
    assert "global/note.md is not synced: it is in conflict" in again.out
    for wanted in ("Said by a.", "Said by b."):
        assert wanted in reachable(pair.remote)
    sync(pair.a)
    assert memories(pair.a) == {
        "global/note.md": memory("note-1", ["Said by a.", *PARTS[1:]]).encode(),
        "global/other.md": memory("other-1").encode(),
    }

    put(pair.b, "global/note.md", memory("note-1", ["Said by a and b.", *PARTS[1:]]))
    assert sync(pair.b)["pushed"]
    assert sync(pair.a)["brought"] == ["global/note.md"]
    assert_same(pair)


def test_a_change_of_what_clashes_here_waits_until_that_is_settled(pair: Pair) -> None:
    """The remote goes on; what stands between markers here is not overwritten, and settled it is merged."""
    put(pair.a, "global/note.md", memory("note-1", ["Said by a.", *PARTS[1:]]))
    put(pair.b, "global/note.md", memory("note-1", ["Said by b.", *PARTS[1:]]))
    sync(pair.a)
    sync(pair.b)
    text = (pair.b.home / "global/note.md").read_bytes()
    put(pair.a, "global/note.md", memory("note-1", ["Said by a.", *PARTS[1:-1], "Once more."]))
    sync(pair.a)

    sentence = refused(pair.b, code=5)

    assert "global/note.md is not committed" in sentence
    assert (pair.b.home / "global/note.md").read_bytes() == text
    put(pair.b, "global/note.md", memory("note-1", ["Said by both.", *PARTS[1:]]))
    assert sync(pair.b)["clashes"] == []
    sync(pair.a)
    assert_same(pair)
    assert memories(pair.a)["global/note.md"] == (
        memory("note-1", ["Said by both.", *PARTS[1:-1], "Once more."]).encode()
    )


@pytest.mark.parametrize("first", ["removal", "change"])
def test_a_change_wins_over_a_removal_and_that_is_said(pair: Pair, first: str) -> None:
    """91: whichever was there first."""
    changed = memory("note-1", ["Changed.", *PARTS[1:]])
    put(pair.a, "global/note.md", changed)
    (pair.b.home / "global/note.md").unlink()
    one, other = (pair.b, pair.a) if first == "removal" else (pair.a, pair.b)
    quietly(one)

    done = sync(other)
    quietly(one)

    assert "global/note.md was removed" in done["notes"][-1]
    assert "it is kept" in done["notes"][-1]
    assert memories(pair.a) == {"global/note.md": changed.encode()}
    assert_same(pair)


def test_two_memories_at_one_path_both_live_by_the_same_names(pair: Pair) -> None:
    """92: different ids are different memories; no text changes, and the name is told."""
    put(pair.a, "global/new.md", memory("of-a"))
    put(pair.b, "global/new.md", memory("of-b"))
    sync(pair.a)

    done = sync(pair.b)
    sync(pair.a)

    assert "Two memories are called global/new.md" in done["notes"][-1]
    assert sorted(memories(pair.a).values()) == sorted(memory(each).encode() for each in ("of-a", "of-b", "note-1"))
    assert_same(pair)


def test_one_memory_that_both_gave_an_id_stays_one(pair: Pair) -> None:
    """A note without a header is tagged on both machines before they meet: tags of both, one id."""
    put(pair.a, "global/plain.md", "A plain note.\n\nIts end.\n")
    quietly(pair.a)
    quietly(pair.b)
    for world, tag in ((pair.a, "one"), (pair.b, "two")):
        assert memfs(world, "--mode", "global", "tag", "plain.md", tag).code == 0
        sync(world)
    sync(pair.a)

    assert sorted(memories(pair.a)) == ["global/note.md", "global/plain.md"]
    assert set(parse(memories(pair.a)["global/plain.md"], "x.md").tags) == {"one", "two"}
    assert_same(pair)


def test_the_states_before_the_last_merges_are_kept(pair: Pair) -> None:
    """Twenty of them; the same one is kept once, however often a sync is refused."""
    head = git(pair.a.home, "rev-parse", "HEAD")
    for number in range(25):
        git(pair.a.home, "update-ref", f"refs/memfs/rescue/{1_000 + number}", f"{head}^")
    put(pair.a, "global/note.md", memory("note-1", ["Changed.", *PARTS[1:]]))
    put(pair.b, "global/new.md", memory("new-1"))
    quietly(pair.b)
    (pair.a.home / "global/new.md").mkdir()
    for _ in range(3):
        assert memfs(pair.a, "sync").code == 5
    before = git(pair.a.home, "rev-parse", "HEAD")
    (pair.a.home / "global/new.md").rmdir()

    sync(pair.a)

    kept = git(pair.a.home, "for-each-ref", "--format=%(objectname) %(refname)", "refs/memfs/rescue").splitlines()
    assert len(kept) == 20
    assert [line.split()[0] for line in kept].count(before) == 1
    assert kept[-2].endswith("/1024")


# ---- moves


@pytest.mark.parametrize("first", ["move", "edit"])
@pytest.mark.parametrize("target", ["global/sub/moved.md", "groups/team/note.md"])
def test_a_move_here_and_an_edit_there_are_one_memory(pair: Pair, target: str, first: str) -> None:
    """Also into a group: the edit follows."""
    changed = memory("note-1", ["Changed.", *PARTS[1:]])
    put(pair.b, "global/note.md", changed)
    (pair.a.home / target).parent.mkdir(parents=True)
    (pair.a.home / "global/note.md").rename(pair.a.home / target)
    one, other = (pair.a, pair.b) if first == "move" else (pair.b, pair.a)
    quietly(one)

    done = sync(other)
    quietly(one)

    assert done["clashes"] == []
    assert memories(pair.a) == {target: changed.encode()}
    assert_same(pair)


def test_a_memory_on_its_way_is_never_nowhere(pair: Pair) -> None:
    """P10: while the files are written, it is at the old place, the new one or both."""
    (pair.b.home / "global/note.md").rename(pair.b.home / "global/z.md")
    quietly(pair.b)
    seen: list[list[str]] = []
    config = pair.a.config()

    syncing.sync(config, shelf_of(config), progress=lambda *_: seen.append(sorted(memories(pair.a))))

    assert ["global/note.md", "global/z.md"] in seen
    assert all(seen)
    assert_same(pair)


def test_a_memory_that_was_moved_to_two_places_is_in_one(pair: Pair) -> None:
    """Where the remote has it, with the changes of both; and it is told."""
    for world, name, parts in (
        (pair.a, "global/here.md", ["Changed by a.", *PARTS[1:]]),
        (pair.b, "global/there.md", [*PARTS[:-1], "Changed by b."]),
    ):
        (world.home / "global/note.md").unlink()
        put(world, name, memory("note-1", parts))
    quietly(pair.a)

    done = sync(pair.b)
    quietly(pair.a)

    merged = memory("note-1", ["Changed by a.", *PARTS[1:-1], "Changed by b."])
    assert memories(pair.a) == {"global/here.md": merged.encode()}
    assert "global/note.md was moved" in done["notes"][-1]
    assert_same(pair)


def test_a_move_of_everything_is_no_vanishing(pair: Pair) -> None:
    """A new folder for all of them asks nobody."""
    for number in range(8):
        put(pair.a, f"global/n{number}.md", memory(f"n-{number}"))
    quietly(pair.a)
    quietly(pair.b)
    (pair.a.home / "global").rename(pair.a.home / "global-old")
    (pair.a.home / "global").mkdir()
    (pair.a.home / "global-old").rename(pair.a.home / "global/sub")

    assert sync(pair.a)["pushed"]
    assert len(sync(pair.b)["brought"]) == 18
    assert_same(pair)


def test_a_memory_whose_name_another_took_is_followed(pair: Pair) -> None:
    """Moved away, and a new one in its place, while the other side edits it: both, and the edit where it belongs."""
    (pair.a.home / "global/note.md").rename(pair.a.home / "global/old.md")
    put(pair.a, "global/note.md", memory("note-2", ["New."]))
    changed = memory("note-1", ["Changed.", *PARTS[1:]])
    put(pair.b, "global/note.md", changed)
    quietly(pair.a)

    sync(pair.b)
    quietly(pair.a)

    assert memories(pair.a) == {
        "global/note.md": memory("note-2", ["New."]).encode(),
        "global/old.md": changed.encode(),
    }
    assert_same(pair)


# ---- the remote changes, refuses, is not there


def racing(pair: Pair, times: int) -> Path:
    """Have a third person push *times* times, each time in the middle of a push of ours; return their clone."""
    third = other_clone(pair.remote, pair.remote.parent / "third")
    names = []
    for number in range(times):
        (third / f"global/third{number}.md").write_text(memory(f"third-{number}"))
        git(third, "add", ".")
        git(third, "commit", "-q", "-m", f"third {number}")
        names.append(git(third, "rev-parse", "HEAD"))
    git(third, "push", "-q", "origin", "HEAD:refs/heads/waiting")
    queue = pair.remote / "queue"
    queue.write_text("".join(f"{name}\n" for name in names))
    hook = pair.remote / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\ncat >/dev/null\nnext=$(head -n 1 queue)\n"
        'if [ -n "$next" ]; then sed -i 1d queue; unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY; '
        'git update-ref refs/heads/main "$next"; fi\n'
    )
    hook.chmod(0o755)
    return third


def test_who_was_faster_is_merged_with_and_never_overwritten(pair: Pair) -> None:
    """93: two pushes come in between; the third round succeeds, and all texts are there."""
    racing(pair, 2)
    put(pair.a, "global/mine.md", memory("mine-1"))

    done = sync(pair.a)

    assert done["pushed"]
    assert sorted(done["brought"]) == ["global/third0.md", "global/third1.md"]
    sync(pair.b)
    assert_same(pair)


def test_after_three_rounds_it_gives_up_and_everything_is_still_there(pair: Pair) -> None:
    """93: no force; the next sync, when it is quieter, brings it over."""
    racing(pair, 3)
    put(pair.a, "global/mine.md", memory("mine-1"))

    sentence = refused(pair.a, code=10)

    assert "changed 3 times meanwhile" in sentence
    assert "global/mine.md" not in files_of(pair.remote)
    assert "global/mine.md" in files_of(pair.a.home)
    assert sync(pair.a)["pushed"]
    sync(pair.b)
    assert_same(pair)


@pytest.mark.parametrize("hook", ["pre-receive", "update"])
def test_a_remote_that_refuses_is_told_and_the_commit_stays(pair: Pair, hook: str) -> None:
    """A protected branch: its own words, code 10, nothing lost; and when it lets us in, all goes over."""
    file = pair.remote / "hooks" / hook
    file.parent.mkdir(exist_ok=True)
    file.write_text("#!/bin/sh\necho 'this branch is protected' >&2\nexit 1\n")
    file.chmod(0o755)
    put(pair.a, "global/mine.md", memory("mine-1"))

    sentence = refused(pair.a, code=10)

    assert "declined" in sentence or "protected" in sentence
    assert "global/mine.md" in files_of(pair.a.home)
    file.unlink()
    assert sync(pair.a)["pushed"]


class _Closed(BaseHTTPRequestHandler):
    """Lets nobody in."""

    def do_GET(self) -> None:
        """Answer that a password is needed."""
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="memories"')
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def listening(server: socketserver.BaseServer) -> Iterator[int]:
    """Have *server* answer meanwhile; yields its port."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield int(server.server_address[1])  # type: ignore[index]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def at_a_terminal(world: World, *arguments: str) -> Answer:
    """Run memfs as at a terminal, where nobody types anything; a question would wait for ever."""
    leader, follower = pty.openpty()
    try:
        done = subprocess.run(
            [*MEMFS, *arguments],
            cwd=world.folder(),
            env=world.environ,
            stdin=follower,
            capture_output=True,
            timeout=DEADLINE_SECONDS,
            start_new_session=True,
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # it is the controlling one, too
            check=False,
        )
        os.set_blocking(leader, False)
        with pytest.raises((BlockingIOError, OSError)):  # nothing was written to the terminal itself
            assert not os.read(leader, 100)
    finally:
        os.close(leader)
        os.close(follower)
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:pa/ss@host.example/x.git", "https://host.example/x.git"),
        ("https://me:p@ss/w@rd@host.example:8080/x.git", "https://host.example:8080/x.git"),
        ("https://token@host.example/a@b.git", "https://host.example/a@b.git"),
        ("ssh://me@host.example/x", "ssh://host.example/x"),
        ("https://host.example:8080/x.git", "https://host.example:8080/x.git"),
        ("git@host.example:me/x.git", "git@host.example:me/x.git"),
    ],
)
def test_an_address_is_shown_without_its_credentials(world: World, address: str, shown: str) -> None:
    """Whatever characters a password was typed with, and in the sentence of a refusal, too."""
    world.config(f'remote = "{address}"\n')

    assert shelf_of(world.config()).shown_remote == shown
    with pytest.raises(Invalid) as refused:
        checked_remote(f"ext::{address}")
    assert shown in str(refused.value)


def test_where_a_password_is_needed_nobody_is_asked(pair: Pair) -> None:
    """94: at a terminal, with a name in the address or without: a sentence, code 10, the commit is kept."""
    put(pair.a, "global/mine.md", memory("mine-1"))
    with listening(HTTPServer(("127.0.0.1", 0), _Closed)) as port:
        for address in (f"http://127.0.0.1:{port}/x.git", f"http://somebody@127.0.0.1:{port}/x.git"):
            pair.a.config(f'remote = "{address}"\n')
            done = at_a_terminal(pair.a, "sync")
            assert done.code == 10, done
            assert "cannot be reached" in done.sentence
            assert "somebody" not in done.err
    assert "global/mine.md" in files_of(pair.a.home)


@pytest.mark.parametrize("address", ["{root}/nowhere.git", "https://127.0.0.1:1/x.git", "ssh://127.0.0.1:1/x.git"])
def test_a_remote_that_is_not_there_costs_nothing(pair: Pair, address: str) -> None:
    """94: offline, mistyped: a sentence, code 10, and what is new is committed."""
    pair.a.config(f'remote = "{address.format(root=pair.a.root)}"\n')
    put(pair.a, "global/mine.md", memory("mine-1"))

    sentence = refused(pair.a, code=10)

    assert "cannot be reached" in sentence
    assert "safe on this machine" in sentence
    assert "global/mine.md" in files_of(pair.a.home)
    pair.a.config(f'remote = "{pair.remote}"\n')
    assert sync(pair.a)["pushed"]


def test_what_ssh_says_is_told(pair: Pair) -> None:
    """Git only says that it could not read."""
    script = put(
        pair.a, "../ssh.sh", "#!/bin/sh\necho 'git@example.org: Permission denied (publickey).' >&2\nexit 255\n"
    )
    script.chmod(0o755)
    pair.a.config('remote = "git@example.org:me/x.git"\n')

    failed = memfs(pair.a, "sync", environ={"GIT_SSH_COMMAND": str(script)})

    assert failed.code == 10
    assert "cannot be reached: git@example.org: Permission denied (publickey). What is new here is safe" in failed.err


@pytest.mark.soak
@pytest.mark.parametrize("scheme", ["http", "git"])
def test_a_remote_that_never_answers_is_given_up(pair: Pair, scheme: str) -> None:
    """94: it takes the connection, and nothing comes; half a minute at most (for which the deadline stands)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        pair.a.config(f'remote = "{scheme}://127.0.0.1:{server.getsockname()[1]}/x.git"\n')
        sentence = refused(pair.a, code=10)

    assert "cannot be reached" in sentence


def test_the_users_own_ssh_reaches_it_and_a_name_in_the_address_is_not_told(pair: Pair) -> None:
    """GIT_SSH_COMMAND, which says how the network is reached, holds; what the address holds is shown to nobody."""
    script = put(pair.a, "../ssh.sh", '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    script.chmod(0o755)
    put(pair.a, "global/mine.md", memory("mine-1"))
    pair.a.config(f'remote = "ssh://somebody:hunter2@example.org{pair.remote}"\n')

    done = memfs(pair.a, "sync", "--json", environ={"GIT_SSH_COMMAND": str(script)})

    assert done.json["synced"][0]["pushed"]
    assert "hunter2" not in done.out + done.err
    pair.a.config(f'remote = "https://somebody:hunter2@127.0.0.1:1{pair.remote}"\n')
    for options in ([], ["--json"]):
        failed = memfs(pair.a, "sync", *options)
        assert failed.code == 10
        assert "hunter2" not in failed.out + failed.err


def test_a_fetch_that_was_cut_short_is_made_good(pair: Pair) -> None:
    """The newest commit is there already, and nothing of what it has: a process died, or the disk was full."""
    put(pair.b, "global/theirs.md", memory("theirs-1"))
    quietly(pair.b)
    name = git(pair.remote, "rev-parse", "main")
    loose = f"objects/{name[:2]}/{name[2:]}"
    (pair.a.home / ".git" / loose).parent.mkdir(exist_ok=True)
    shutil.copy(pair.remote / loose, pair.a.home / ".git" / loose)

    assert sync(pair.a)["brought"] == ["global/theirs.md"]

    assert_same(pair)


# ---- what is asked before it is done


def test_histories_with_nothing_in_common_are_not_joined_and_the_way_out_works(pair: Pair, tmp_path: Path) -> None:
    """Nothing changes; with `.git` moved away both sides' memories are merged as files."""
    put(pair.a, "global/mine.md", memory("mine-1"))
    other = machine(tmp_path / "c", new_remote(tmp_path / "other.git"))
    put(other, ".gitattributes", "*.md merge=memfs -text\n")  # or it might begin with the very same commit
    put(other, "global/theirs.md", memory("theirs-1"))
    quietly(other)
    pair.a.config(f'remote = "{tmp_path / "other.git"}"\n')

    sentence = refused(pair.a, code=6)

    assert "no history in common" in sentence
    assert f"move {pair.a.home / '.git'} away" in sentence
    assert sorted(memories(pair.a)) == ["global/mine.md", "global/note.md"]
    (pair.a.home / ".git").rename(pair.a.root / "old-history")
    sync(pair.a)
    quietly(other)
    assert sorted(memories(pair.a)) == ["global/mine.md", "global/note.md", "global/theirs.md"]
    assert_same(Pair(pair.a, other, tmp_path / "other.git"))


@pytest.mark.parametrize("path", ["src/main.py", "main.py", "notes.md"])
def test_a_repository_of_something_else_gets_no_memories(tmp_path: Path, remote: Path, path: str) -> None:
    """An address that was mistaken costs nothing; a repository that a host began with a README is no such thing."""
    clone = other_clone(remote, tmp_path / "clone")
    committed(clone, {"README.md": "# Mine\n", "LICENSE": "Free.\n", ".github/x.yml": "x\n"})
    world = machine(tmp_path / "a", remote)
    put(world, "global/note.md", memory("note-1"))
    assert sync(world)["pushed"]
    other = new_remote(tmp_path / "other.git")
    head = committed(other_clone(other, tmp_path / "program"), {path: "print()\n"})
    new = machine(tmp_path / "b", other)
    put(new, "global/note.md", memory("note-1"))

    sentence = refused(new, code=6)

    assert f"holds what is no memory, such as {path}" in sentence
    assert git(other, "rev-parse", "main") == head
    assert sync(new, "--yes")["pushed"]
    assert sorted(files_of(other)) == [".gitattributes", ".gitignore", "global/note.md", path]


def many(pair: Pair, store: str = "global") -> None:
    """Have both machines hold ten memories in *store*."""
    for number in range(10):
        put(pair.a, f"{store}/n{number}.md", memory(f"{store.replace('/', '-')}-{number}"))
    quietly(pair.a)
    quietly(pair.b)


@pytest.mark.parametrize("store", ["global", "groups/team"])
@pytest.mark.parametrize("also", [False, True], ids=["alone", "the other side changed, too"])
def test_a_third_of_a_store_never_vanishes_unasked(pair: Pair, store: str, *, also: bool) -> None:
    """Neither from the remote nor from here; each store counts for itself; `--yes` lets it."""
    many(pair, "global")
    many(pair, store)
    for number in range(5):
        (pair.a.home / f"{store}/n{number}.md").unlink()
    if also:
        put(pair.b, "global/more.md", memory("more-1"))
        quietly(pair.b)

    sentence = refused(pair.a, code=6)

    assert "5 of 10 memories" in sentence or "5 of 11 memories" in sentence or "5 of 12" in sentence
    assert "from the remote" in sentence
    assert f"{store}/n0.md" in files_of(pair.remote)
    assert sync(pair.a, "--yes")["pushed"]
    assert f"{store}/n0.md" not in files_of(pair.remote)
    sentence = refused(pair.b, code=6)
    assert "would vanish here" in sentence
    assert "if not: `memfs sync --restore` brings them all back, on both sides." in sentence
    assert (pair.b.home / f"{store}/n0.md").exists()
    assert sync(pair.b, "--yes")["brought"]
    assert_same(pair)


def told(sentence: str) -> list[str]:
    """Return the words after `memfs` of the command that *sentence* names last."""
    command: str = re.findall(r"`memfs ([^`]+)`", sentence)[-1]
    return command.split()


@pytest.mark.parametrize(
    ("refuse", "also"),
    [(False, False), (True, True)],
    ids=["at once, alone", "after a refusal, which has committed; the other side changed, too"],
)
def test_what_was_lost_here_comes_back_by_the_command_that_is_told(pair: Pair, *, refuse: bool, also: bool) -> None:
    """Byte for byte, in every store; what was moved stays where it is, and edits made since stay."""
    many(pair, "global")
    many(pair, "groups/team")
    put(pair.a, "global/plain.md", "no header\r\n")
    quietly(pair.a)
    quietly(pair.b)
    meant = memories(pair.a)
    meant["global/n9.md"] += b"\nMore.\n"
    meant["groups/team/moved.md"] = meant.pop("global/n8.md")
    for store in ("global", "groups/team"):
        for number in range(7):
            (pair.a.home / f"{store}/n{number}.md").unlink()
    (pair.a.home / "global/plain.md").unlink()
    (pair.a.home / "global/n8.md").rename(pair.a.home / "groups/team/moved.md")
    put(pair.a, "global/n9.md", meant["global/n9.md"])
    if also:
        meant["global/more.md"] = memory("more-1").encode()
        put(pair.b, "global/more.md", memory("more-1"))
        quietly(pair.b)
    sentence = refused(pair.a, code=6) if refuse else "`memfs sync --restore`"

    done = memfs(pair.a, *told(sentence), "--json").json["synced"][0]

    assert memories(pair.a) == meant
    assert done["pushed"]
    assert {f"global/n{number}.md" for number in range(7)} < set(done["brought"])
    assert not sync(pair.a)["pushed"]
    quietly(pair.b)
    assert memories(pair.b) == meant


def test_what_was_lost_on_the_other_machine_is_kept_by_the_command_that_is_told(pair: Pair) -> None:
    """Here nothing vanishes; there it comes back, though it was let go."""
    many(pair)
    meant = memories(pair.b)
    for number in range(7):
        (pair.a.home / f"global/n{number}.md").unlink()
    quietly(pair.a, yes=True)

    assert memfs(pair.b, *told(refused(pair.b, code=6))).code == 0

    assert memories(pair.b) == meant
    quietly(pair.a)
    assert memories(pair.a) == meant
    assert_same(pair)


def test_a_group_and_a_project_with_repositories_of_their_own_get_theirs_back(world: World, tmp_path: Path) -> None:
    """The command that is told names them."""
    world.config("[groups.team]\nmembers = []\n")
    stores = {"--group team": world.home / "groups" / "team", "--workspace": world.folder() / ".memory"}
    git(stores["--workspace"], "init", "-q")
    for number, (words, store) in enumerate(stores.items()):
        store.mkdir(parents=True, exist_ok=True)
        for name in "abc":
            (store / f"{name}.md").write_text(memory(f"{name}-1"))
        meant = files_below(store)
        remote = new_remote(tmp_path / f"{number}.git")
        assert memfs(world, "sync", *words.split(), "--remote", remote).code == 0
        for name in "ab":
            (store / f"{name}.md").unlink()

        command = told(memfs(world, "sync", *words.split()).sentence)
        assert memfs(world, *command).code == 0

        assert command == ["sync", *words.split(), "--restore"]
        assert {name: (store / name).read_bytes() for name in ("a.md", "b.md", "c.md")} == {
            name: meant[name] for name in ("a.md", "b.md", "c.md")
        }
        assert set(files_of(remote, "main")) >= {"a.md", "b.md", "c.md"}


def test_a_bringing_back_that_was_cut_short_may_be_given_up(pair: Pair) -> None:
    """By the word that lets memories vanish."""
    many(pair)
    meant = memories(pair.a)
    (pair.a.home / "global/n0.md").unlink()

    def killed(what: str, *_: int) -> None:
        if what == "pushing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        syncing.sync(pair.a.config(), shelf_of(pair.a.config()), restore=True, progress=killed)
    assert memories(pair.a) == meant
    (pair.a.home / "global/n0.md").unlink()
    with pytest.raises(KeyboardInterrupt):
        syncing.sync(pair.a.config(), shelf_of(pair.a.config()), yes=True, progress=killed)
    quietly(pair.a)
    quietly(pair.b)

    assert meant.keys() - memories(pair.a).keys() == {"global/n0.md"}
    assert_same(pair)


def test_what_cannot_come_back_beside_what_is_there_is_told(pair: Pair) -> None:
    """A folder of its name; nothing is changed until that has another one."""
    many(pair)
    meant = memories(pair.a)
    (pair.a.home / "global/n0.md").unlink()
    put(pair.a, "global/n0.md/in.md", memory("in-1"))

    assert "global/n0.md is a file on one side and a folder" in refused(pair.a, "--restore", code=6)
    assert "Give one of them another name" in refused(pair.a, code=6)
    (pair.a.home / "global/n0.md").rename(pair.a.home / "global/n0")
    quietly(pair.a)

    assert memories(pair.a) == {**meant, "global/n0/in.md": memory("in-1").encode()}
    quietly(pair.b)
    assert_same(pair)


def test_memories_vanish_or_come_back_and_not_both(pair: Pair) -> None:
    """Who says both is asked which; nothing is synced."""
    many(pair)
    (pair.a.home / "global/n0.md").unlink()

    assert "One or the other" in refused(pair.a, "--yes", "--restore", code=2)

    assert "global/n0.md" in files_of(pair.remote)


def test_a_wish_that_met_an_unreachable_remote_is_kept_and_told(pair: Pair) -> None:
    """What was removed is committed by then, and the next sync would send that."""
    many(pair)
    meant = memories(pair.a)
    for number in range(3):
        (pair.a.home / f"global/n{number}.md").unlink()
    away = pair.remote.rename(pair.remote.with_name("away.git"))
    assert memfs(pair.a, "sync", "--restore").code == 10
    away.rename(pair.remote)

    done = quietly(pair.a)

    assert memories(pair.a) == meant
    assert "A `--restore` before this was cut short, so what vanished comes back now." in done.notes
    assert quietly(pair.a).notes == ()


@pytest.mark.parametrize(
    ("step", "clash", "since"),
    [(4, False, "nothing"), (1, True, "nothing"), (2, True, "an edit of one that is back"), (1, False, "an edit, too")],
)
def test_a_bringing_back_that_was_killed_is_finished_by_any_sync(
    pair: Pair, step: int, *, clash: bool, since: str
) -> None:
    """The rest is too little to be asked for, and does not vanish for that; nor does either text of a clash."""
    many(pair)
    meant = memories(pair.a)
    if clash:
        for each in (pair.b, pair.a):
            put(each, "global/n9.md", memory("global-9", ["Edit of A." if each is pair.a else "Edit of B."]))
        quietly(pair.b)
        del meant["global/n9.md"]
    for number in range(5):
        (pair.a.home / f"global/n{number}.md").unlink()

    def killed(what: str, number: int, _: int) -> None:
        if (what, number) == ("writing memories", step):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        syncing.sync(pair.a.config(), shelf_of(pair.a.config()), restore=True, progress=killed)
    back = sorted(meant.keys() & memories(pair.a).keys() & {f"global/n{number}.md" for number in range(5)})
    assert 0 < len(back) < 5
    if since != "nothing":
        meant[back[0]] += b"\nMore.\n"
        put(pair.a, back[0], meant[back[0]])

    done = quietly(pair.a)

    assert done.pushed
    assert meant.items() <= memories(pair.a).items()
    if clash:
        assert done.clashes
        assert {b"Edit of A.", b"Edit of B."} <= set(memories(pair.a)["global/n9.md"].splitlines())
    quietly(pair.b)
    assert meant.items() <= memories(pair.b).items()
    (pair.a.home / "global/n5.md").unlink()
    assert "global/n5.md" not in memories(pair.a)
    quietly(pair.a)
    assert "global/n5.md" not in memories(pair.a)


def test_a_memory_that_becomes_a_link_has_vanished(pair: Pair) -> None:
    """A hostile remote cannot have all files go by putting links into their places."""
    many(pair)
    clone = other_clone(pair.remote, pair.a.root / "clone")
    for number in range(10):
        (clone / f"global/n{number}.md").unlink()
        (clone / f"global/n{number}.md").symlink_to("/etc/passwd")
    committed(clone, {})

    assert "would vanish here" in refused(pair.a, code=6)
    assert len(memories(pair.a)) == 11


def test_a_store_that_was_moved_away_is_no_removal(pair: Pair) -> None:
    """It is told; what the remote has stays there, and is not brought into a half empty folder."""
    many(pair)
    away = pair.a.root / "away"
    (pair.a.home / "global").rename(away)

    done = sync(pair.a)

    assert not done["pushed"]
    assert "was moved or removed; put it back" in done["notes"][0]
    put(pair.b, "global/n0.md", memory("global-0", ["Changed."]))
    quietly(pair.b)
    assert "was moved or removed; put it back" in refused(pair.a, code=6)
    assert not (pair.a.home / "global").exists()
    away.rename(pair.a.home / "global")
    assert sync(pair.a)["brought"] == ["global/n0.md"]
    assert_same(pair)


# ---- whose git it is


def test_a_union_merge_that_the_user_set_doubles_no_keys(pair: Pair) -> None:
    """97: memfs merges by meaning, whatever .gitattributes says."""
    for world in (pair.a, pair.b):
        put(world, ".gitattributes", "*.md merge=union\n")
    put(pair.a, "global/note.md", memory("note-1", tags="all, one", title="Titled by a"))
    put(pair.b, "global/note.md", memory("note-1", tags="all, two", title="Titled by b"))
    sync(pair.a)
    sync(pair.b)
    sync(pair.a)

    text = memories(pair.a)["global/note.md"].decode()
    assert text.count("tags:") == text.count("title:") == 1
    assert set(parse(memories(pair.a)["global/note.md"], "x.md").tags) == {"all", "one", "two"}
    assert memories(pair.a) == memories(pair.b)


def test_what_the_user_has_staged_and_edits_stays(pair: Pair) -> None:
    """Their own files in the home's repository: staged, edited, new; a sync in both directions touches none."""
    put(pair.a, "global/diagram.txt", "one\n")
    put(pair.a, "global/list.txt", "one\n")
    git(pair.a.home, "add", "global/diagram.txt", "global/list.txt")
    git(pair.a.home, "commit", "-q", "-m", "mine")
    put(pair.a, "global/diagram.txt", "two\n")
    git(pair.a.home, "add", "global/diagram.txt")
    put(pair.a, "global/list.txt", "two\n")
    put(pair.a, "global/new.txt", "new\n")
    put(pair.a, "global/mine.md", memory("mine-1"))
    put(pair.b, "global/theirs.md", memory("theirs-1"))
    quietly(pair.b)
    before = git(pair.a.home, "status", "--porcelain"), git(pair.a.home, "diff", "--cached"), git(pair.a.home, "diff")

    sync(pair.a)

    after = git(pair.a.home, "status", "--porcelain"), git(pair.a.home, "diff", "--cached"), git(pair.a.home, "diff")
    assert after == (before[0].replace("?? global/mine.md\n", ""), *before[1:])
    assert sorted(name for name in files_of(pair.remote) if name.endswith(".md")) == sorted(
        name for name in memories(pair.a) if name.endswith(".md")
    )


def test_another_version_that_was_staged_is_told_of(pair: Pair) -> None:
    """82: what is on the disk is synced; what was staged can still be had."""
    put(pair.a, "global/note.md", memory("note-1", ["Staged.", *PARTS[1:]]))
    git(pair.a.home, "add", "global/note.md")
    put(pair.a, "global/note.md", memory("note-1", ["Edited.", *PARTS[1:]]))

    told = sync(pair.a)["notes"][0]

    assert "Another version of global/note.md was staged" in told
    assert "Staged." in git(pair.a.home, *told.split("`")[1].split()[1:])
    sync(pair.b)
    assert_same(pair)


def test_in_the_middle_of_a_merge_nothing_is_synced(pair: Pair) -> None:
    """83: the person finishes it first."""
    put(pair.a, "global/mine.md", memory("mine-1"))
    head = git(pair.a.home, "rev-parse", "HEAD")
    (pair.a.home / ".git/MERGE_HEAD").write_text(f"{head}\n")

    sentence = refused(pair.a, code=6)

    assert "in the middle of a merge. `git commit` finishes it, once nothing is in conflict" in sentence
    assert git(pair.a.home, "rev-parse", "HEAD") == head
    (pair.a.home / ".git/MERGE_HEAD").unlink()
    assert sync(pair.a)["pushed"]


def test_while_git_holds_the_index_nothing_is_forced(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """86: a lock of git's own is waited for, never removed; afterwards all is as it should be."""
    monkeypatch.setattr("memfs.repository.LOCK_SECONDS", 0.2)
    put(pair.b, "global/note.md", memory("note-1", ["Changed.", *PARTS[1:]]))
    quietly(pair.b)
    lock = pair.a.home / ".git/index.lock"
    lock.touch()

    with pytest.raises(Busy) as caught:
        quietly(pair.a)

    assert str(lock) in str(caught.value)
    assert lock.exists()
    lock.unlink()
    sync(pair.a)
    assert_same(pair)


def test_what_seems_to_hold_a_secret_stays_here_and_so_does_what_is_ignored(pair: Pair) -> None:
    """Each is told with its reason; the rest goes over."""
    put(pair.a, "global/keys.md", memory("keys-1", [f"aws_access_key_id = {SECRET}"]))
    put(pair.a, "global/draft.md", memory("draft-1"))
    put(pair.a, "global/mine.md", memory("mine-1"))
    put(pair.a, "global/.gitignore", "draft.md\n")

    done = sync(pair.a)
    sync(pair.b)

    assert "global/keys.md is not synced: it seems to hold a secret" in "\n".join(done["notes"])
    assert "global/draft.md is not synced" in "\n".join(done["notes"])
    assert sorted(memories(pair.b)) == ["global/mine.md", "global/note.md"]
    assert not [raw for raw in ever(pair.remote) if SECRET.encode() in raw]
    assert not [raw for raw in ever(pair.a.home) if SECRET.encode() in raw]


def test_a_secret_is_not_taken_along_by_the_first_sync_either(tmp_path: Path, pair: Pair) -> None:
    """Nor what is half merged: a new machine with memories of its own takes up the history of the others."""
    new = machine(tmp_path / "c", pair.remote)
    put(new, "global/keys.md", memory("keys-1", [f"aws_access_key_id = {SECRET}"]))
    put(new, "global/half.md", memory("half-1", ["<<<<<<< x\na\n=======\nb\n>>>>>>> y"]))
    put(new, "global/fine.md", memory("fine-1"))

    sync(new)
    sync(pair.a)

    assert sorted(memories(pair.a)) == ["global/fine.md", "global/note.md"]
    assert not [raw for raw in (*ever(pair.remote), *ever(new.home)) if SECRET.encode() in raw or b"<<<<<<<" in raw]


@pytest.mark.parametrize("here", ["edited", "added", "removed"])
def test_a_file_that_is_edited_while_a_sync_runs_is_not_overwritten(pair: Pair, here: str) -> None:
    """It is neither committed nor what it was: nothing is written at all, and the next sync merges it."""
    path = "global/new.md" if here == "added" else "global/note.md"
    put(pair.b, path, memory("note-1", [*PARTS[:-1], "Changed by b."]))
    put(pair.b, "global/a-new-one.md", memory("new-1"))
    quietly(pair.b)
    mine = pair.a.root / "mine.md"
    mine.write_text(memory("note-2" if here == "added" else "note-1", ["Changed by a.", *PARTS[1:]]))
    act = f"rm -f {pair.a.home / path}" if here == "removed" else f"cp {mine} {pair.a.home / path}"
    script = put(pair.a, "../ssh.sh", f'#!/bin/sh\n{act}\nfor last; do :; done\nexec sh -c "$last"\n')
    script.chmod(0o755)
    pair.a.config(f'remote = "ssh://example.org{pair.remote}"\n')

    done = memfs(pair.a, "sync", environ={"GIT_SSH_COMMAND": str(script)})

    assert done.code == 5
    assert f"{path} is not committed" in done.sentence
    assert not (pair.a.home / "global/a-new-one.md").exists()
    if here == "removed":
        assert not (pair.a.home / path).exists()
    else:
        assert (pair.a.home / path).read_text() == mine.read_text()
    pair.a.config(f'remote = "{pair.remote}"\n')
    sync(pair.a)
    sync(pair.b)
    assert_same(pair)
    assert "Changed by b." in "".join(raw.decode() for raw in memories(pair.a).values())


@pytest.mark.parametrize("obstacle", ["write-protected", "a folder", "a link", "behind a link"])
def test_what_cannot_be_written_here_is_told_and_comes_later(pair: Pair, obstacle: str) -> None:
    """Nothing is lost or doubled by the half that was written; with the obstacle away, the next sync goes through."""
    path = "global/sub/note.md" if obstacle == "behind a link" else "global/note.md"
    for number in range(3):
        put(pair.b, f"global/{number}.md", memory(f"new-{number}"))
    file, elsewhere = pair.a.home / path, pair.a.root / "elsewhere"
    elsewhere.mkdir()
    if obstacle != "write-protected":
        (pair.b.home / "global/note.md").unlink()
        quietly(pair.b)
        quietly(pair.a)
    put(pair.b, path, memory("note-1", ["Changed.", *PARTS[1:]]))
    quietly(pair.b)
    if obstacle == "write-protected":
        file.chmod(0o444)
    elif obstacle == "a folder":
        file.mkdir()
    elif obstacle == "a link":
        file.symlink_to(elsewhere / "note.md")
    else:
        file.parent.symlink_to(elsewhere)

    done = memfs(pair.a, "sync")

    assert done.code in (5, 6, 7), done
    assert path in done.sentence or str(file.parent) in done.sentence
    assert not list(elsewhere.iterdir())
    if obstacle == "write-protected":
        file.chmod(0o644)
    elif file.is_symlink():
        file.unlink()
    elif file.parent.is_symlink():
        file.parent.unlink()
    else:
        shutil.rmtree(file)
    sync(pair.a)
    sync(pair.b)
    assert_same(pair)
    assert len(memories(pair.a)) == 4


class DiedError(BaseException):
    """What ends a sync in the middle."""


@pytest.mark.parametrize("story", ["a clash that was moved", "a swap", "a name that both took", "a removal"])
@pytest.mark.parametrize("written", [1, 2, 3])
def test_a_sync_that_died_while_it_wrote_is_finished_as_it_was_meant(pair: Pair, story: str, written: int) -> None:
    """What it wrote are no edits of anybody's: it comes to what it would have come to, and nothing is there twice."""
    ids = {"note-1"}
    if story == "a clash that was moved":
        put(pair.a, "global/note.md", memory("note-1", ["Said by a.", *PARTS[1:]]))
        (pair.b.home / "global/note.md").unlink()
        put(pair.b, "global/moved.md", memory("note-1", ["Said by b.", *PARTS[1:]]))
    elif story == "a swap":
        ids |= {""}
        put(pair.a, "global/plain.md", "Plain.\n")
        quietly(pair.a)
        quietly(pair.b)
        put(pair.a, "global/plain.md", "Plain and edited.\n")
        put(pair.b, "global/plain.md", memory("note-1"))
        put(pair.b, "global/note.md", "Plain.\n")
    elif story == "a name that both took":
        ids |= {"of-a", "of-b"}
        put(pair.a, "global/new.md", memory("of-a", ["Said by a."]))
        put(pair.b, "global/new.md", memory("of-b", ["Said by b."]))
    else:
        ids |= {"new-1"}
        put(pair.a, "global/new.md", memory("new-1"))
        (pair.b.home / "global/note.md").rename(pair.b.home / "global/sub.md")
    quietly(pair.b)

    def progress(what: str, done: int, _: int) -> None:
        if (what, done) == ("writing memories", written):
            raise DiedError

    config = pair.a.config()
    with suppress(DiedError):
        syncing.sync(config, shelf_of(config), progress=progress)
    done = memfs(pair.a, "sync", "--json")

    clash = story == "a clash that was moved"
    assert done.code == (9 if clash else 0), done
    assert [parse(raw, "x.md").state for raw in memories(pair.a).values()].count("conflict") == clash
    assert "refs/memfs/merging" not in git(pair.a.home, "for-each-ref")
    if clash:
        put(pair.a, "global/moved.md", memory("note-1", ["Said by both.", *PARTS[1:]]))
        assert sync(pair.a)["pushed"]
    quietly(pair.b)
    assert_same(pair)
    found = [parse(raw, "x.md") for raw in memories(pair.a).values()]
    assert sorted(each.id if each.id_written else "" for each in found) == sorted(ids)
    if story == "a swap":
        assert memories(pair.a)["global/note.md"] == b"Plain and edited.\n"


# ---- hostile remotes


def tree_of(repository: Path, entries: list[tuple[str, str, bytes]]) -> str:
    """Return a tree of entries (mode, name, content) as no git would make it; of a tree its name is the content."""
    raw = b""
    for mode, name, content in entries:
        kind = {"40000": "", "160000": ""}.get(mode, "blob")
        oid = git(repository, "hash-object", "-w", "--stdin", feed=content) if kind else content.decode()
        raw += f"{mode} ".encode() + os.fsencode(name) + b"\0" + bytes.fromhex(oid)
    return git(repository, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", feed=raw)


def test_a_hostile_tree_writes_nothing_outside_and_runs_nothing(pair: Pair) -> None:
    """Files of others stay in the repository; no link is followed, no name leads out; memories arrive."""
    canary = pair.a.root / "canary"
    evil = f"#!/bin/sh\ntouch {canary}\n".encode()
    remote = pair.remote
    submodule = git(remote, "rev-parse", "main").encode()
    inner = tree_of(remote, [("100755", "pre-commit", evil), ("100644", "x.md", b"evil\n")])
    dotgit = tree_of(remote, [("40000", "hooks", inner.encode()), ("100644", "config", b"[core]\n\tpager = evil\n")])
    outside = tree_of(remote, [("100644", "outside.md", b"evil\n"), ("100644", "outside.txt", b"evil\n")])
    odd = ['quo"te.md', "new\nline.md", "back\\slash.md", "-dash.md", "tab\t.md", "\u202e.md", "sp ace.md", ":x.md"]
    stores = sorted([
        ("40000", "..", outside.encode()),
        ("40000", ".git", dotgit.encode()),
        ("120000", "link.md", b"/etc/passwd"),
        ("120000", "folder", str(pair.a.root).encode()),
        ("160000", "module", submodule),
        ("160000", "module.md", submodule),
        ("100755", "run.sh", evil),
        ("100755", "tool.md", memory("tool-1").encode()),
        *(("100644", name, memory(f"odd-{number}").encode()) for number, name in enumerate(odd)),
        ("100644", "note.md", memory("note-1").encode()),
    ], key=lambda entry: os.fsencode(entry[1] + ("/" if entry[0] == "40000" else "")))  # fmt: skip
    groups = tree_of(remote, [("40000", name, outside.encode()) for name in ("..", "BAD", "team")])
    top = [
        ("40000", "..", outside.encode()),
        ("40000", ".GIT", dotgit.encode()),
        ("40000", ".git", dotgit.encode()),
        ("100644", ".gitattributes", b"*.md merge=memfs\n"),
        ("40000", ".github", inner.encode()),
        ("100644", ".gitignore", b"/*\n!/global/\n!/groups/\n"),
        ("100644", "README.md", b"# Memories\n"),
        ("100644", "config.toml", b'mode = "hybrid"\n'),
        ("40000", "git~1", dotgit.encode()),
        ("40000", "global", tree_of(remote, stores).encode()),
        ("40000", "groups", groups.encode()),
    ]
    new = git(remote, "commit-tree", "-p", "main", "-m", "evil", tree_of(remote, top))
    git(remote, "update-ref", "refs/heads/main", new)
    kept = {"config.toml", ".gitignore", ".gitattributes"}
    before = {name for name in files_below(pair.a.root) if not name.startswith(("memory/", "cache/", "state/"))}
    config = (pair.a.home / "config.toml").read_bytes()

    put(pair.b, "global/other.md", memory("other-1"))
    one, other = sync(pair.a), sync(pair.b)

    wanted = {f"global/{name}" for name in (*odd, "note.md", "tool.md")} | {"groups/team/outside.md"}
    assert set(memories(pair.a)) == wanted
    assert set(memories(pair.b)) == wanted | {"global/other.md"}
    assert set(one["brought"]) == wanted - {"global/note.md"}
    assert set(one["brought"]) <= set(other["brought"])
    for world in (pair.a, pair.b):
        at_home = {name for name in files_below(world.home) if not name.startswith((".git/", "global/", "groups/"))}
        assert at_home == kept
        assert not [path for path in (world.home / "global").rglob("*") if path.is_symlink() or path.name == "run.sh"]
        assert not os.access(world.home / "global/tool.md", os.X_OK)
        assert not (world.home / ".git/hooks").exists()
        assert "pager" not in (world.home / ".git/config").read_text()
    assert (pair.a.home / "config.toml").read_bytes() == config
    after = {name for name in files_below(pair.a.root) if not name.startswith(("memory/", "cache/", "state/"))}
    assert after == before
    assert not canary.exists()
    # a merge is without what no git puts anywhere; and it goes on: changes go over, though such names were around
    listed = git(pair.b.home, "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    assert "global/run.sh" in listed
    assert not [name for name in listed if re.search(r"(?i)(^|/)(\.\.|\.git|git~1)/", name)]
    put(pair.a, "global/more.md", memory("more-1"))
    assert sync(pair.a)["pushed"]
    assert "global/more.md" in sync(pair.b)["brought"]
    assert memories(pair.a) == memories(pair.b)


def test_files_of_others_change_only_where_they_are_already(pair: Pair) -> None:
    """What the user committed beside the memories is kept up to date; what is edited or not here is let alone."""
    clone = other_clone(pair.remote, pair.a.root / "clone")
    script = "#!/bin/sh\n"
    settings = (pair.a.home / "config.toml").read_text()
    first = {"README.md": "# One\n", "global/picture.svg": "<svg/>\n", "global/run.sh": script, "config.toml": settings}
    committed(clone, first)
    quietly(pair.a)
    quietly(pair.b)
    assert not (pair.a.home / "README.md").exists()
    git(pair.a.home, "checkout", "-q", "--", "README.md", "global/picture.svg", "global/run.sh")
    (pair.a.home / "global/run.sh").chmod(0o755)
    put(pair.a, "global/picture.svg", "<svg>mine</svg>\n")
    second = {"README.md": "# Two\n", "global/picture.svg": "<svg>theirs</svg>\n", "global/run.sh": "#!\n"}
    committed(clone, second | {"config.toml": 'remote = "elsewhere"\n'})

    sync(pair.a)

    assert (pair.a.home / "config.toml").read_text() == settings
    assert (pair.a.home / "README.md").read_text() == "# Two\n"
    assert (pair.a.home / "global/picture.svg").read_text() == "<svg>mine</svg>\n"
    assert (pair.a.home / "global/run.sh").read_text() == "#!\n"
    assert os.access(pair.a.home / "global/run.sh", os.X_OK)
    committed(clone, {"README.md": None, "global/picture.svg": None})
    sync(pair.a)
    assert not (pair.a.home / "README.md").exists()
    assert (pair.a.home / "global/picture.svg").exists()


RUNNING = {
    "core.fsmonitor": "{run}", "core.hooksPath": "{hooks}", "core.pager": "{run}", "core.editor": "{run}",
    "core.sshCommand": "{run}", "core.gitProxy": "{run}", "core.askPass": "{run}", "core.alternateRefsCommand": "{run}",
    "credential.helper": "{run}", "diff.external": "{run}", "diff.evil.command": "{run}", "diff.evil.textconv": "{run}",
    "filter.evil.clean": "{run}", "filter.evil.smudge": "{run}", "filter.evil.process": "{run}",
    "filter.evil.required": "true", "merge.evil.driver": "{run}", "merge.memfs.driver": "{run}", "merge.tool": "evil",
    "mergetool.evil.cmd": "{run}", "gpg.program": "{run}", "gpg.ssh.program": "{run}", "commit.gpgSign": "true",
    "log.showSignature": "true", "sequence.editor": "{run}", "interactive.diffFilter": "{run}",
    "uploadpack.packObjectsHook": "{run}", "remote.origin.url": "ext::{run}", "remote.origin.uploadpack": "{run}",
    "remote.origin.receivepack": "{run}", "remote.origin.vcs": "evil", "protocol.allow": "always",
    "protocol.ext.allow": "always", "url.ext::{run} .insteadOf": "/", "url.ext::{run}.pushInsteadOf": "/",
    "trailer.evil.command": "{run}", "receive.denyCurrentBranch": "ignore",
    "gc.auto": "1", "gc.recentObjectsHook": "{run}", "alias.fetch": "!{run}", "alias.fast-import": "!{run}",
    "submodule.recurse": "true", "http.proxy": "http://127.0.0.1:1", "ssh.variant": "simple",
    "hook.evil.command": "{run}", "hook.evil.event": "reference-transaction", "push.recurseSubmodules": "on-demand",
}  # fmt: skip


def poisoned(folder: Path, root: Path) -> Path:
    """Have the git folder *folder* name a program wherever one can be named; return the file it would write."""
    canary = root / "canary"
    script = root / "evil.sh"
    script.write_text(f'#!/bin/sh\necho "$0 $*" >> {canary}\ncat\n')
    script.chmod(0o755)
    hooks = root / "hooks"
    hooks.mkdir()
    names = (
        "applypatch-msg pre-commit prepare-commit-msg commit-msg post-commit pre-rebase post-checkout post-merge "
        "pre-push pre-receive update proc-receive post-receive post-update reference-transaction push-to-checkout "
        "pre-auto-gc post-rewrite post-index-change fsmonitor-watchman"
    )
    for name in names.split():
        for place in (hooks, folder / "hooks"):
            place.mkdir(exist_ok=True)
            shutil.copy(script, place / name)
    for key, value in RUNNING.items():
        git(
            folder,
            "config",
            "--file",
            str(folder / "config"),
            key.format(run=script),
            value.format(run=script, hooks=hooks),
        )
    (folder / "info").mkdir(exist_ok=True)
    (folder / "info/attributes").write_text("* filter=evil diff=evil merge=evil\n")
    return canary


def test_what_a_hostile_config_names_is_never_run(pair: Pair) -> None:
    """Every key that runs a program, every hook: a sync that commits, fetches, merges and pushes meets none of them."""
    put(pair.a, ".gitattributes", "* filter=evil diff=evil merge=evil\n")
    canary = poisoned(pair.a.home / ".git", pair.a.root)
    put(pair.a, "global/note.md", memory("note-1", ["Changed by a.", *PARTS[1:]]))
    put(pair.a, "global/mine.md", memory("mine-1"))
    put(pair.b, "global/note.md", memory("note-1", [*PARTS[:-1], "Changed by b."]))
    quietly(pair.b)

    done = sync(pair.a)

    assert done["pushed"]
    assert done["brought"] == ["global/note.md"]
    assert not canary.exists(), canary.read_text()
    sync(pair.b)
    assert memories(pair.a) == memories(pair.b)
    (pair.a.home / "global/note.md").touch()
    subprocess.run(["git", "status"], cwd=pair.a.home, env=pair.a.environ, capture_output=True, check=False)
    assert canary.exists()  # of somebody who looks without care


# ---- what else lies in the home folder


def test_nothing_but_memories_and_gits_rules_ever_leaves(tmp_path: Path, remote: Path) -> None:
    """Settings, the journal, the index, drafts and keys that lie about in the home folder are on this machine."""
    home = tmp_path / "home/.memory"
    world = new_world(tmp_path, MEMFS_HOME=str(home), MEMFS_STATE=str(home / "state"), MEMFS_CACHE=str(home / "cache"))
    home.mkdir(parents=True)
    for name in ("secret.txt", "notes.md", "global/.hidden.md", "global/.obsidian/x.md", "global/x.txt", "groups/x.md",
                 "groups/BAD/x.md", "global/.memfs-1-abc.tmp"):  # fmt: skip
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("private\n")
    for scope in ("global", "groups/team"):
        (home / scope).mkdir(parents=True, exist_ok=True)
        (home / scope / "shared.md").write_text(memory(f"shared-{scope[-4:]}"))

    assert memfs(world, "sync", "--remote", remote).code == 0
    (home / "global/shared.md").write_text(memory("shared-obal", ["Changed."]))
    assert memfs(world, "sync").code == 0

    names = {name for commit in git(remote, "rev-list", "--all").split() for name in files_of(remote, commit)}
    assert names == {".gitattributes", ".gitignore", "global/shared.md", "groups/team/shared.md"}


def test_a_group_with_a_remote_of_its_own_is_synced_with_that_alone(tmp_path: Path, pair: Pair) -> None:
    """One `memfs sync` does both; the home's repository knows nothing of the group's memories."""
    theirs = new_remote(tmp_path / "team.git")
    for world in (pair.a, pair.b):
        world.config(f'remote = "{pair.remote}"\n[groups.team]\nmembers = []\nremote = "{theirs}"\n')
    put(pair.a, "groups/team/plan.md", memory("plan-1"))
    put(pair.a, "groups/own/mine.md", memory("mine-1"))

    # the group comes first into a repository of its own: by itself, then with all others
    assert memfs(pair.a, "sync", "--group", "team").code == 0
    told = [each["scope"] for each in memfs(pair.a, "sync", "--json").json["synced"]]
    assert memfs(pair.b, "sync").code == 0

    assert told == ["home", "group:team"]
    assert sorted(files_of(theirs)) == [".gitattributes", "plan.md"]
    assert sorted(name for name in files_of(pair.remote) if name.startswith("g")) == [
        "global/note.md",
        "groups/own/mine.md",
    ]
    assert memories(pair.a) == memories(pair.b)


def test_a_group_that_is_configured_to_have_its_own_remote_never_goes_to_the_homes(tmp_path: Path, pair: Pair) -> None:
    """Also before its first sync, when there is no repository in its folder yet."""
    theirs = new_remote(tmp_path / "team.git")
    pair.a.config(f'remote = "{pair.remote}"\n[groups.team]\nmembers = []\nremote = "{theirs}"\n')
    put(pair.a, "groups/team/plan.md", memory("plan-1", ["Only for the team."]))

    assert memfs(pair.a, "sync").code == 0

    assert "plan.md" in files_of(theirs)
    assert not [raw for raw in ever(pair.remote) if b"Only for the team." in raw]


@pytest.mark.parametrize("link", ["global", "groups", "groups/team"])
def test_what_lies_behind_a_link_is_neither_sent_nor_written(pair: Pair, link: str) -> None:
    """It may be another repository: that gets no commit, and the remote's memories for it are refused, not lost."""
    elsewhere = pair.a.root / "elsewhere"
    elsewhere.mkdir()
    git(elsewhere, "init", "-q", "-b", "main")
    git(elsewhere, "commit", "-q", "--allow-empty", "-m", "theirs")
    store = {"global": "global", "groups": "groups/team", "groups/team": "groups/team"}[link]
    (elsewhere / ("team" if link == "groups" else ".")).mkdir(exist_ok=True)
    (elsewhere / ("team" if link == "groups" else ".") / "own.md").write_text(memory("own-1"))
    shutil.rmtree(pair.a.home / link, ignore_errors=True)
    (pair.a.home / link).parent.mkdir(parents=True, exist_ok=True)
    (pair.a.home / link).symlink_to(elsewhere)

    done = sync(pair.a)

    assert not done["pushed"]
    assert git(elsewhere, "log", "--format=%s") == "theirs"
    put(pair.b, f"{store}/new.md", memory("new-1"))
    quietly(pair.b)
    assert "is a link" in refused(pair.a, code=6)
    assert not list(elsewhere.rglob("new.md"))
    assert git(elsewhere, "log", "--format=%s") == "theirs"


def test_rules_that_are_links_are_not_written_through(tmp_path: Path, remote: Path) -> None:
    """Whoever left a link where git's rules belong gets no file of ours at its end."""
    world = machine(tmp_path / "a", remote)
    for name in (".gitignore", ".gitattributes"):
        (world.home / name).symlink_to(world.root / f"outside{name}")
    put(world, "global/note.md", memory("note-1"))

    assert sync(world)["pushed"]

    assert not list(world.root.glob("outside*"))
    assert sorted(files_of(remote)) == ["global/note.md"]


# ---- memories of a project with a repository of their own


def own_repository(world: World) -> Path:
    """Return the workspace `project`, whose memories have a repository of their own."""
    project = world.folder()
    git(project / ".memory", "init", "-q", "-b", "main")
    (project / ".memory/note.md").write_text(memory("note-1"))
    return project


def test_a_projects_own_repository_is_synced_where_the_user_said_and_nowhere_else(tmp_path: Path, remote: Path) -> None:
    """The remote is the user's to name: one that lies in the repository is not used, and nothing of it runs."""
    a, b = new_world(tmp_path / "a"), new_world(tmp_path / "b")
    project = own_repository(a)
    canary = poisoned(project / ".memory/.git", a.root)
    git(
        project / ".memory", "config", "--file", ".git/config", "remote.origin.url", str(new_remote(tmp_path / "x.git"))
    )

    alone = sync(a, "--workspace")
    idle = memfs(a, "sync", "--workspace").out
    done = sync(a, "--workspace", "--remote", remote)

    assert (alone["remote"], alone["pushed"]) == (None, False)
    assert "nothing to do: all is committed, and there is no remote\n" in idle
    assert "`memfs sync --workspace --remote URL` sets one" in idle
    assert done["pushed"]
    assert sorted(name for name in files_of(remote) if name.endswith(".md")) == ["note.md"]
    assert not git(tmp_path / "x.git", "for-each-ref")
    assert not canary.exists(), canary.read_text()
    other = b.folder()
    git(other / ".memory", "init", "-q", "-b", "main")
    assert sync(b, "--workspace", "--remote", remote)["brought"] == ["note.md"]
    assert (other / ".memory/note.md").read_text() == memory("note-1")
    assert "remote" not in (a.home / "config.toml").read_text().split("[")[0]


def test_memories_without_a_repository_of_their_own_travel_with_the_project(world: World) -> None:
    """That is said, and what to do; also where `.memory` is a link to somewhere that has one."""
    project = world.folder()
    git(project, "init", "-q", "-b", "main")

    sentence = refused(world, "--workspace", code=6)

    assert "travel with the project's" in sentence
    (project / ".memory").rmdir()
    elsewhere = world.root / "elsewhere"
    elsewhere.mkdir()
    git(elsewhere, "init", "-q", "-b", "main")
    (project / ".memory").symlink_to(elsewhere)
    assert memfs(world, "sync", "--workspace").code == 6


# ---- what status tells


def test_status_says_what_is_synced_with_what_and_what_waits(tmp_path: Path, pair: Pair) -> None:
    """As of the last sync, without the network, and without the credentials of the address."""
    theirs = "https://me:pw123@127.0.0.1:9/team.git"
    groups = f'[groups.team]\nmembers = ["{pair.a.trusted()}"]\nremote = "{theirs}"\n'
    pair.a.config(f'mode = "hybrid"\nremote = "{pair.remote}"\n{groups}')
    put(pair.a, "groups/team/plan.md", memory("plan-1"))

    def told() -> dict[str, Any]:
        stores = memfs(pair.a, "status", "--json").json["stores"]
        return {each["scope"]: each["remote"] for each in stores}

    assert told() == {
        "workspace": None,
        "global": {"address": str(pair.remote), "unpushed": 0},
        "group:team": {"address": "https://127.0.0.1:9/team.git", "unpushed": None},
    }
    pair.remote.rename(tmp_path / "away")
    put(pair.a, "global/mine.md", memory("mine-1"))
    with pytest.raises(Unreachable):
        quietly(pair.a)
    assert told()["global"]["unpushed"] == 1
    shown = memfs(pair.a, "status").out
    assert f"syncs with {pair.remote}: 1 commit not pushed yet" in shown
    assert "syncs with https://127.0.0.1:9/team.git: not synced yet" in shown


# ---- several at once


def test_two_syncs_of_one_home_wait_for_each_other(pair: Pair) -> None:
    """All succeed, one after the other, and do the work once."""
    for number in range(4):
        put(pair.a, f"global/n{number}.md", memory(f"n-{number}"))
    script = "import runpy, sys; sys.argv = ['memfs', 'sync']; runpy.run_module('memfs', run_name='__main__')"

    told = finished([pair.a.start(script) for _ in range(4)])

    assert sum("pushed" in each for each in told) == 1
    sync(pair.b)
    assert_same(pair)
    assert len(memories(pair.b)) == 5


@contextmanager
def watching(world: World, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Have `memfs sync --watch` run meanwhile; what it says is in the file `log`."""
    with (world.root / "log").open("wb") as log:
        command = [*MEMFS, "sync", "--watch", *options]
        process = subprocess.Popen(command, cwd=world.folder(), env=world.environ, stdout=log, stderr=log)
        try:
            assert within_deadline(lambda: b"nothing to do" in (world.root / "log").read_bytes())
            yield process
        finally:
            process.kill()
            process.wait()


def test_watch_syncs_what_changes_here_and_ends_when_it_is_told(pair: Pair) -> None:
    """Once it has been quiet for a while; SIGTERM is the end, without a word, and leaves nothing half done."""
    branch = pair.remote / "refs/heads/main"
    before = branch.read_bytes()
    with watching(pair.a) as process:
        put(pair.a, "global/mine.md", memory("mine-1"))
        assert within_deadline(lambda: branch.read_bytes() != before)
        assert "global/mine.md" in files_of(pair.remote)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=DEADLINE_SECONDS) != 0
    assert b"Traceback" not in (pair.a.root / "log").read_bytes()
    sync(pair.a)
    sync(pair.b)
    assert_same(pair)


def test_watch_brings_what_others_changed_also_after_the_remote_was_away(pair: Pair) -> None:
    """On its timer; that the remote cannot be reached is told, and is no reason to end."""
    log = pair.a.root / "log"
    with watching(pair.a, "--every", "1"):
        pair.remote.rename(pair.remote.with_name("away"))
        assert within_deadline(lambda: b"cannot be reached" in log.read_bytes())
        pair.remote.with_name("away").rename(pair.remote)
        put(pair.b, "global/theirs.md", memory("theirs-1"))
        quietly(pair.b)
        assert within_deadline((pair.a.home / "global/theirs.md").exists)


def test_a_server_that_runs_meanwhile_finds_what_came(pair: Pair) -> None:
    """An agent that is connected needs no restart."""
    put(pair.b, "global/theirs.md", memory("theirs-1", ["The lighthouse stands in the north."], title="Lighthouse"))
    quietly(pair.b)
    with connected(pair.a, LEGACY, "--mode", "global") as agent:
        assert agent.call("search_memories", query="lighthouse")["results"] == []
        sync(pair.a)
        found = agent.call("search_memories", query="lighthouse")["results"]

    assert [each["title"] for each in found] == ["Lighthouse"]
