"""Two machines, a remote, and anything in any order: in the end both have the same memories, and nothing is lost."""

from __future__ import annotations

import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from hypothesis.stateful import initialize
from hypothesis.stateful import rule

from memfs import syncing
from memfs.errors import Conflict
from memfs.memory import parse
from memfs.shelves import shelf_of
from memfs.syncing import Synced
from memfs.uniting import is_memory
from memfs.values import Value
from tests.machines import run
from tests.machines import soak
from tests.test_sync import git
from tests.test_sync import machine
from tests.test_sync import memories
from tests.test_sync import memory
from tests.test_sync import new_remote
from tests.worlds import World

NAMES = ("global/a.md", "global/b.md", "global/sub/c.md", "groups/team/a.md", "groups/team/d.md")
PARTS = 4
"""Of each text; far enough from each other to be merged."""
WORD = re.compile(r"\bown\d{4}x")
CLASH = re.compile(r"<{7} ours\n(.*?)\|{7} base\n.*?={7}\n(.*?)>{7} theirs\n", re.DOTALL)
ROUNDS = 8
"""After which two machines, on which nobody works any more, are quiet."""

parts = st.integers(0, PARTS - 1)
which = st.integers(0, 1)
"""One of the two machines."""
picks = st.integers(0, 99)
"""Chooses among whatever there is at the time."""


class DiedError(BaseException):
    """What ends a sync in the middle."""


class Machines(RuleBasedStateMachine):
    """Two homes with a global store and a group, a bare repository between them, and people who work on both.

    Attributes:
        given: Every word that was in a file when a sync of its machine ended well.
        taken: Every word that somebody took out of a text, or with a file, on purpose.
        said: Every word that was ever written.
        torn: The machines where a sync died while it wrote, and none was finished since.
        doubled: Whether somebody worked on such a machine: then a memory may be there twice, which `doctor` tells.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="memfs-machines-"))
        self.given: set[str] = set()
        self.taken: set[str] = set()
        self.said: list[str] = []
        self.torn: set[int] = set()
        self.doubled = False

    @initialize()
    def begin(self) -> None:
        """Set both up."""
        self.remote = new_remote(self.folder / "remote.git")
        self.worlds = [machine(self.folder / name, self.remote) for name in ("a", "b")]
        for world in self.worlds:
            project = world.trusted()
            world.config(f'mode = "hybrid"\nremote = "{self.remote}"\n[groups.team]\nmembers = ["{project}"]\n')

        self.write(0, NAMES[0])
        self.write(1, NAMES[-1])
        for at in (0, 1, 0):
            self.synced(at)

    def teardown(self) -> None:
        """Have both sync until they are quiet, check, and remove them."""
        if hasattr(self, "worlds"):
            self.end()
        shutil.rmtree(self.folder)

    # ---- what the machine knows

    def works_on(self, at: int) -> World:
        """Return a machine that somebody is about to change something on."""
        self.doubled = self.doubled or at in self.torn
        return self.worlds[at]

    def word(self) -> str:
        """Return a word that was never written."""
        self.said.append(f"own{len(self.said):04}x")
        return self.said[-1]

    def words(self, world: World) -> set[str]:
        """Return the words in the files of *world*."""
        return {word for raw in memories(world).values() for word in WORD.findall(raw.decode())}

    def file(self, world: World, number: int) -> Path | None:
        """Return one of the memories of *world* that are not in conflict."""
        there = [name for name, raw in sorted(memories(world).items()) if parse(raw, "x.md").state == "ok"]
        return world.home / there[number % len(there)] if there else None

    def text(self) -> str:
        """Return a new memory's file."""
        word = self.word()
        return memory(f"id-{word}", [f"Part {number} {word}." for number in range(PARTS)], tags=word)

    # ---- what people and agents do

    @rule(at=which, scope=st.sampled_from(("global", "group:team")))
    def save(self, at: int, scope: str) -> None:
        """An agent saves a memory."""
        body = "\n\n".join(f"Part {number} {self.word()}." for number in range(PARTS))
        self.works_on(at).open().save(body, {"title": "Same title"}, scope=scope)

    @rule(at=which, name=st.sampled_from(NAMES))
    def write(self, at: int, name: str) -> None:
        """Somebody writes a file, if the name is free."""
        path = self.works_on(at).home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(self.text())

    @rule(at=which, number=picks, part=parts)
    def edit(self, at: int, number: int, part: int) -> None:
        """Somebody edits a paragraph, in an editor."""
        if path := self.file(self.works_on(at), number):
            self.change(path, part)

    def change(self, path: Path, part: int) -> None:
        """Put a new word into a paragraph, in the place of what is there."""
        lines = path.read_text().split("\n")
        places = [place for place, line in enumerate(lines) if line.startswith("Part")]
        place = places[part % len(places)]
        old, lines[place] = lines[place], f"Part {part} {self.word()}."
        path.write_text("\n".join(lines))
        self.taken |= {*WORD.findall(old)} - {*WORD.findall(path.read_text())}

    @rule(at=which, number=picks, part=parts, other=parts, name=st.sampled_from(("", *NAMES)))
    def meet(self, at: int, number: int, part: int, other: int, name: str) -> None:
        """Two people edit one memory, the same paragraph or another one; one of them perhaps renames it, too."""
        here, there = self.works_on(at), self.works_on(1 - at)
        if path := self.file(here, number):
            for found, raw in memories(there).items():
                memory = parse(raw, "x.md")
                if memory.state == "ok" and memory.id == parse(path.read_bytes(), "x.md").id:
                    self.change(there.home / found, other)
            self.change(path, part)
            if name and not (here.home / name).exists():
                (here.home / name).parent.mkdir(parents=True, exist_ok=True)
                path.rename(here.home / name)

    @rule(at=which, number=picks, with_title=st.booleans())
    def tag(self, at: int, number: int, *, with_title: bool) -> None:
        """An agent tags a memory, or gives it another title: of two titles only one is in the file."""
        world = self.works_on(at)
        if path := self.file(world, number):
            here = world.open()
            changes: dict[str, Value | None] = {"tags": [*here.get(str(path)).memory.tags, self.word()]}
            here.update(str(path), changes | {"title": f"Title {number}"} if with_title else changes)

    @rule(at=which, number=picks, to=st.sampled_from(("global", "group:team")))
    def move(self, at: int, number: int, to: str) -> None:
        """An agent moves a memory to the other store."""
        world = self.works_on(at)
        if path := self.file(world, number):
            world.open().move(str(path), to)

    @rule(at=which, number=picks, name=st.sampled_from(NAMES))
    def rename(self, at: int, number: int, name: str) -> None:
        """Somebody renames a file, if the name is free."""
        world = self.works_on(at)
        path, target = self.file(world, number), world.home / name
        if path and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)

    @rule(at=which, number=picks, by_hand=st.booleans())
    def remove(self, at: int, number: int, *, by_hand: bool) -> None:
        """Somebody removes a memory."""
        world = self.works_on(at)
        if path := self.file(world, number):
            self.taken |= {*WORD.findall(path.read_text())}
            path.unlink() if by_hand else world.open().forget(str(path))

    @rule(at=which)
    def settle(self, at: int) -> None:
        """Somebody settles what clashes: with what was here."""
        for name, raw in memories(self.worlds[at]).items():
            if parse(raw, "x.md").state == "conflict":
                text = CLASH.sub(r"\1", raw.decode())
                (self.worlds[at].home / name).write_text(text)
                self.taken |= {*WORD.findall(raw.decode())} - {*WORD.findall(text)}

    @rule(at=which)
    def lose_the_index(self, at: int) -> None:
        """The cache is gone."""
        shutil.rmtree(self.worlds[at].cache, ignore_errors=True)

    # ---- syncs

    def synced(self, at: int, dies_after: int = 0) -> Synced | None:
        """Sync a machine; None when something there waits for a person. Dies at that progress, if any."""
        world = self.worlds[at]
        calls = 0

        def progress(*_: object) -> None:
            nonlocal calls
            calls += 1
            if calls == dies_after:
                raise DiedError

        before = memories(world)
        config = world.config()
        try:
            done = syncing.sync(config, shelf_of(config), yes=True, progress=progress)
        except Conflict:
            assert any(parse(raw, "x.md").state == "conflict" for raw in before.values()), before
            return None
        self.torn.discard(at)
        held = {raw for raw in before.values() if parse(raw, "x.md").state != "ok"}
        self.given |= {word for raw in before.values() if raw not in held for word in WORD.findall(raw.decode())}
        assert set(done.clashes) <= {
            name for name, raw in memories(world).items() if parse(raw, "x.md").state == "conflict"
        }
        return done

    @rule(at=which)
    def sync(self, at: int) -> None:
        """A machine syncs."""
        self.synced(at)

    @rule(at=which, dies_after=st.integers(1, 12))
    def sync_in_vain(self, at: int, dies_after: int) -> None:
        """A machine syncs, and dies in the middle of it."""
        before = memories(self.worlds[at])
        with suppress(DiedError):
            self.synced(at, dies_after)
            return
        if memories(self.worlds[at]) != before:
            self.torn.add(at)

    # ---- the end

    def end(self) -> None:
        """Sync until nothing happens any more; then all is the same everywhere, and nothing is lost or doubled."""
        for _ in range(ROUNDS):
            quiet = True
            for at in (0, 1):
                self.settle(at)
                done = self.synced(at)
                quiet = quiet and done is not None and not (done.committed or done.brought or done.pushed)
            if quiet:
                break
        else:
            raise AssertionError("they never come to an end")
        a, b = map(memories, self.worlds)
        assert a == b
        ids = [parse(raw, "x.md").id for raw in a.values()]
        assert self.doubled or len(ids) == len(set(ids)), ids
        assert set(self.said) - self.taken <= self.words(self.worlds[0])
        places = (self.remote, *(world.home for world in self.worlds))
        ever = "".join(git(place, "log", "--all", "-p", "-m", "--format=") for place in places)
        assert self.given <= {*WORD.findall(ever)}
        for place in places:
            git(place, "fsck", "--strict")
            listed = git(place, "for-each-ref", "--format=%(refname)").split("\n")
            assert not [name for name in listed if name.startswith(("refs/memfs/pending", "refs/memfs/merging"))]
        tracked = git(self.remote, "ls-tree", "-r", "--name-only", "main").split("\n")
        assert sorted(filter(is_memory, tracked)) == sorted(a)
        for world in self.worlds:
            assert git(world.home, "status", "--porcelain") == ""
            listing = world.open().list(limit=1_000)
            assert {str(entry.path) for entry in listing.entries} == {str(world.home / name) for name in a}


@pytest.mark.no_cover  # repeats what is measured elsewhere
def test_whatever_happens_two_machines_come_to_the_same_memories() -> None:
    """Saves, edits, tags, moves, renames, removals, syncs and deaths in any order; then nobody misses a text."""
    run(Machines, examples=5, steps=20)


@pytest.mark.soak
def test_whatever_happens_for_long_two_machines_come_to_the_same_memories() -> None:
    """The same for as long as there is time, in longer stories."""
    soak(Machines, steps=40)
