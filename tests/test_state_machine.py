"""Anything, in any order, against a dict: what memfs finds is what the files say, and only what was asked changes."""

from __future__ import annotations

import random
import re
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from hypothesis.stateful import initialize
from hypothesis.stateful import invariant
from hypothesis.stateful import precondition
from hypothesis.stateful import rule

from memfs.answers import Done
from memfs.errors import Conflict
from memfs.errors import MemfsError
from memfs.errors import NotFound
from memfs.errors import Twins
from memfs.errors import Unwritable
from memfs.memory import derived_id
from memfs.memory import parse
from tests.machines import run
from tests.machines import soak
from tests.worlds import files_below
from tests.worlds import new_world

SCOPES = ("workspace", "group:team", "global")
"""Nearest first."""
NAMES = ("a.md", "b.md", "Notes.MD", "sub/a.md", "sub/deep/c.md", "ü.md")
BROKEN = ("---\na: [\n---\n{}\n", "{}\n<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n", "---\nno end\n{}\n")
PLAIN = (
    "{}\n",
    "# Heading\n\n{}",
    "\r\n{}\r\n",
    "---\n---\n{}\n",
    "---\ntitle: 'T'  # mine\ncolour: red\n---\n{}\n\n\n",
)
picks = st.integers(0, 999)
"""Chooses among whatever there is at the time."""

Place = tuple[str, str]
"""A scope, and a path below its store."""


class Memories(RuleBasedStateMachine):
    """A workspace in hybrid mode with its three stores; `files` is what they ought to hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="memfs-machine-"))
        self.world = new_world(self.folder)
        self.files: dict[Place, bytes] = {}
        self.words: list[str] = []
        self.former: dict[str, set[bytes]] = {}
        self.forgotten: dict[str, bytes] = {}

    def teardown(self) -> None:
        """Remove the machine."""
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        """Open the workspace twice, as two agents do."""
        project = self.world.trusted()
        self.world.config(f'mode = "hybrid"\n[groups.team]\nmembers = ["{project}"]\n')
        self.roots = {
            "workspace": project / ".memory",
            "group:team": self.world.home / "groups/team",
            "global": self.world.home / "global",
        }
        self.here = self.world.open()
        self.other = self.world.open()

    # ---- what the machine knows

    def word(self) -> str:
        """Return a word that no memory ever had."""
        self.words.append(f"own{len(self.words):05}x")
        return self.words[-1]

    def path(self, place: Place) -> Path:
        """Return where *place* lies."""
        return self.roots[place[0]] / place[1]

    def words_in(self, raw: bytes) -> list[str]:
        """Return the words of the machine's own in *raw*."""
        return re.findall(r"own\d{5}x", raw.decode())

    def put(self, place: Place, raw: bytes) -> None:
        """Write a file as an editor does, and note it."""
        self.path(place).parent.mkdir(parents=True, exist_ok=True)
        self.path(place).write_bytes(raw)
        self.note(place, raw)

    def note(self, place: Place, raw: bytes) -> None:
        """Note what *place* holds now."""
        self.files[place] = raw
        self.former.setdefault(parse(raw, place[1]).id, set()).add(raw)

    def done(self, done: Done) -> Place:
        """Return the place of what a verb did, after taking over what is there now."""
        place = (done.entry.store.scope, done.entry.memory.path)
        self.note(place, self.path(place).read_bytes())
        return place

    def pick(self, number: int, *, usable: bool = True) -> Place | None:
        """Return one of the places that hold a memory, and, if *usable*, one that may be changed under its path."""
        places = [
            place for place, raw in sorted(self.files.items()) if not usable or parse(raw, place[1]).state == "ok"
        ]
        return places[number % len(places)] if places else None

    def twins_of(self, place: Place) -> list[Place]:
        """Return the places that carry the written id of *place*, nearest first."""
        memory = parse(self.files[place], place[1])
        if not memory.id_written:
            return [place]
        same = [other for other, raw in self.files.items() if parse(raw, other[1]).id == memory.id]
        return sorted(same, key=lambda other: (SCOPES.index(other[0]), other[1]))

    def named(self, place: Place) -> str:
        """Return the absolute path of *place*, by which it can always be had."""
        return str(self.path(place))

    # ---- what memfs does

    @rule(scope=st.sampled_from(SCOPES), tags=st.lists(st.sampled_from(("x", "y, z", "ü")), max_size=2))
    def save(self, scope: str, tags: list[str]) -> None:
        """Save a new memory."""
        word = self.word()
        place = self.done(self.here.save(f"Saved {word} here.", {"tags": list(tags)}, scope=scope))

        assert self.words_in(self.files[place]) == [word]
        assert place[0] == scope

    @rule(number=picks, with_body=st.booleans())
    def update(self, number: int, *, with_body: bool) -> None:
        """Change a key, or the text."""
        if (place := self.pick(number)) is None:
            return
        word = self.word()
        done = self.here.update(self.named(place), {"category": f"c{number}"}, f"New {word}." if with_body else None)

        assert self.done(done) == place
        assert parse(self.files[place], place[1]).category == f"c{number}"

    @rule(number=picks, to=st.sampled_from(SCOPES))
    def move(self, number: int, to: str) -> None:
        """Move a memory to another store, or finish a move that was cut off."""
        if (place := self.pick(number)) is None or len(self.twins_of(place)) > 1:
            return
        done = self.here.move(self.named(place), to)

        if to != place[0]:
            assert not self.path(place).exists()
            del self.files[place]
        moved = self.done(done)
        assert moved[0] == to

    @rule(number=picks)
    def forget(self, number: int) -> None:
        """Remove a memory, however broken."""
        if (place := self.pick(number, usable=False)) is None:
            return
        memory = parse(self.files[place], place[1])
        self.here.forget(self.named(place))

        assert not self.path(place).exists()
        self.forgotten[memory.id] = self.files.pop(place)

    @precondition(lambda self: self.forgotten)
    @rule(number=picks)
    def restore(self, number: int) -> None:
        """Bring back a forgotten memory, byte for byte."""
        memory_id = sorted(self.forgotten)[number % len(self.forgotten)]
        raw = self.forgotten.pop(memory_id)
        named = {
            name for place, other in self.files.items() for name in (parse(other, place[1]).id, derived_id(place[1]))
        }
        if memory_id in named:
            return  # it has been made again since, or the file of that path, which this is still a name of
        if [raw] != [each for each in self.former.get(memory_id, ()) if each == raw]:
            return
        before = dict(self.files)
        try:
            place = self.done(self.here.restore(memory_id))
        except MemfsError:
            assert self.on_disk() == before
            return
        assert self.files[place] in self.former[memory_id]
        assert {other: each for other, each in self.files.items() if other != place} == before

    @rule()
    def undo(self) -> None:
        """Take back the last change: one file comes back as it was, or nothing happens at all."""
        before = dict(self.files)
        try:
            self.here.undo()
        except (NotFound, Conflict, Unwritable):
            assert self.on_disk() == before
            return
        after = self.on_disk()
        changed = {place for place in before.keys() | after.keys() if before.get(place) != after.get(place)}
        assert len(changed) <= 2
        for place in changed:
            if place in after:
                known = set().union(*self.former.values())
                assert after[place] in known
        for place in changed & before.keys():
            del self.files[place]
        for place in changed & after.keys():
            self.note(place, after[place])

    # ---- what others do

    @rule(
        scope=st.sampled_from(SCOPES), name=st.sampled_from(NAMES), form=st.sampled_from(PLAIN), with_id=st.booleans()
    )
    def write(self, scope: str, name: str, form: str, *, with_id: bool) -> None:
        """Write a file in an editor, new or over another one."""
        text = form.format(f"Written {self.word()} there.")
        if with_id:
            text = f"---\nid: w{len(self.words)}\n---\n{text.removeprefix('---').removeprefix(chr(10))}"
        if parse(text.encode(), name).state == "ok":
            self.put((scope, name), text.encode())

    @rule(number=picks)
    def edit(self, number: int) -> None:
        """Change a file's text in place, to the same length."""
        if (place := self.pick(number, usable=False)) is None or not self.words_in(self.files[place]):
            return
        raw = self.files[place]
        old = self.words_in(raw)[0]
        self.put(place, raw.replace(old.encode(), self.word().encode()))

    @rule(number=picks, form=st.sampled_from(BROKEN))
    def break_it(self, number: int, form: str) -> None:
        """Leave a file half merged, or with a header that cannot be read."""
        if (place := self.pick(number)) is not None:
            self.put(place, form.format(f"Broken {self.word()} now.").encode())

    @rule(number=picks, scope=st.sampled_from(SCOPES), name=st.sampled_from(NAMES))
    def rename(self, number: int, scope: str, name: str) -> None:
        """Rename a file by hand, within its store or into another one, if the name is free there."""
        place, target = self.pick(number, usable=False), (scope, name)
        if place is None or target in self.files:
            return
        self.path(target).parent.mkdir(parents=True, exist_ok=True)
        self.path(place).rename(self.path(target))
        self.note(target, self.files.pop(place))

    @rule(number=picks, scope=st.sampled_from(SCOPES), name=st.sampled_from(NAMES))
    def copy(self, number: int, scope: str, name: str) -> None:
        """Copy a file by hand: two files of one written id."""
        place, target = self.pick(number), (scope, name)
        if place is not None and target not in self.files:
            self.path(target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.path(place), self.path(target))
            self.note(target, self.files[place])

    @rule(number=picks)
    def remove(self, number: int) -> None:
        """Remove a file by hand."""
        if (place := self.pick(number, usable=False)) is not None:
            self.path(place).unlink()
            del self.files[place]

    @rule(number=picks, damage=st.sampled_from(("gone", "garbage", "half", "reopen", "reindex")))
    def damage(self, number: int, damage: str) -> None:
        """Lose the cache, garble one of its files, open the workspace anew, or rebuild the index."""
        if damage == "gone":
            shutil.rmtree(self.world.cache, ignore_errors=True)
        elif damage == "reindex":
            assert self.here.reindex() == len(self.files)
        else:
            self.here = self.world.open()
            self.other = self.world.open()
        files = sorted(path for path in self.world.cache.rglob("*") if path.is_file() and path.stat().st_size)
        if damage in ("garbage", "half") and files:
            path = files[number % len(files)]
            path.write_bytes(b"garbage" if damage == "garbage" else path.read_bytes()[: path.stat().st_size // 2])

    # ---- what holds

    def on_disk(self) -> dict[Place, bytes]:
        """Return what the stores hold."""
        return {(scope, name): raw for scope, root in self.roots.items() for name, raw in files_below(root).items()}

    @invariant()
    def only_what_was_asked_has_changed(self) -> None:
        """The files are those of the dict, byte for byte."""
        if hasattr(self, "roots"):
            assert self.on_disk() == self.files

    @invariant()
    def the_list_is_complete(self) -> None:
        """Each file once, and nothing else."""
        if hasattr(self, "here"):
            for workspace in (self.here, self.other):
                listing = workspace.list(limit=1_000)
                listed = sorted((entry.store.scope, entry.memory.path) for entry in listing.entries)
                assert listed == sorted(self.files)
                assert listing.total == len(self.files)

    @invariant()
    def what_is_there_is_found_and_what_is_gone_is_not(self) -> None:
        """Each memory by its id, its path and a word of its text; no word that went is anywhere."""
        if not hasattr(self, "here"):
            return
        chosen = random.Random(len(self.words)).sample(sorted(self.files), min(3, len(self.files)))
        for place in chosen:
            self.is_found(place)
        present = {word for raw in self.files.values() for word in self.words_in(raw)}
        for word in [word for word in self.words if word not in present][-2:]:
            hits = self.here.search(word, limit=50).hits
            assert all(word not in hit.entry.memory.body and word not in hit.snippet.text for hit in hits)

    def is_found(self, place: Place) -> None:
        """Assert that the memory at *place* is found by path, by word and by id."""
        raw = self.files[place]
        memory = parse(raw, place[1])
        entry = self.here.get(self.named(place))
        assert (entry.memory, entry.file.raw, entry.store.scope) == (memory, raw, place[0])
        for word in self.words_in(raw)[:1]:
            hits = [(hit.entry.store.scope, hit.entry.memory.path) for hit in self.other.search(word, limit=50).hits]
            assert place in hits
        twins = self.twins_of(place)
        alike = len({self.files[twin] for twin in twins}) == 1 and len({scope for scope, _ in twins}) == len(twins)
        if memory.id_written and len(twins) > 1 and not alike:
            with pytest.raises(Twins):
                self.other.get(memory.id)
        elif memory.id_written:
            assert self.other.get(memory.id).path == self.path(twins[0])
        elif memory.state == "ok":
            nearest = min(
                (
                    other
                    for other in self.files
                    if other[1] == place[1] and not parse(self.files[other], other[1]).id_written
                ),
                key=lambda other: SCOPES.index(other[0]),
            )
            assert self.other.get(memory.id).path == self.path(nearest)


@pytest.mark.no_cover  # repeats what is measured elsewhere
def test_whatever_happens_memfs_finds_what_the_files_say() -> None:
    """Saves, edits, renames, copies, moves, damage and undo in any order: files, list, get and search agree."""
    run(Memories, examples=12, steps=25)


@pytest.mark.soak
def test_whatever_happens_for_long_memfs_finds_what_the_files_say() -> None:
    """The same for as long as there is time, in longer stories."""
    soak(Memories, steps=60)
