"""The undo journal, and taking back what memfs did."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from memfs.errors import Ambiguous
from memfs.errors import Changed
from memfs.errors import Conflict
from memfs.errors import NotFound
from memfs.errors import StorageFailed
from memfs.errors import Unwritable
from memfs.history import NoVersion
from memfs.store import Store
from memfs.undo import DAYS
from memfs.undo import VERSIONS
from memfs.undo import Entry
from memfs.undo import Journal
from memfs.undo import new_version
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import without_powers

NOW = 1_795_000_000.0


@pytest.fixture
def store(world: World) -> Store:
    """Return the store of an empty workspace."""
    return world.open().view.stores[0]


@pytest.fixture
def journal(world: World) -> Journal:
    """Return an empty journal."""
    return Journal(world.state)


def entry(store: Store, *, at: float = NOW, memory_id: str = "m1", title: str = "T") -> Entry:
    """Return what would be written down for an update of a.md at the time *at*."""
    root = str(store.root)
    version = f"{int(at * 1_000_000):017d}-{os.urandom(3).hex()}"
    return Entry(version, "update", memory_id, title, root, "a.md", root, "a.md", "0" * 64, at)


def undo_files(world: World) -> list[Path]:
    """Return the journal's files, oldest first."""
    return sorted((world.state / "undo").rglob("*.undo"), key=lambda path: path.name)


# ---- the journal


@pytest.mark.parametrize("raw", [b"", b"text\n", b"\n\n{}\n", b"\x00\xff\r\n" * 1_000], ids=range(4))
def test_what_was_kept_comes_back_byte_for_byte(store: Store, journal: Journal, raw: bytes) -> None:
    """An entry and the bytes before it are read as they were written, by another process too."""
    kept = entry(store, title='A "title"\nof two lines – ümlaut')

    assert journal.keep(store, kept, raw) == kept

    again = Journal(journal.folder.parent)
    assert list(again.entries(store, "m1")) == [kept]
    assert again.content(store, kept) == raw


def test_entries_come_newest_first_and_only_of_what_was_asked(store: Store, journal: Journal) -> None:
    """Of one memory, or of a store; never of another store."""
    other = Store(store.root.parent / "other", "global")
    kept = [journal.keep(store, entry(store, at=NOW + number, memory_id=f"m{number % 2}"), b"x") for number in range(4)]
    journal.keep(other, entry(other), b"x")

    assert list(journal.entries(store)) == kept[::-1]
    assert list(journal.entries(store, "m0")) == [kept[2], kept[0]]
    assert list(journal.entries(store, "unknown")) == []
    assert [each.root for each in list(journal.entries(other))] == [str(other.root)]


def test_a_dropped_entry_is_forgotten_and_dropping_twice_is_no_error(store: Store, journal: Journal) -> None:
    """What did not happen is not listed, and its bytes are gone."""
    kept = journal.keep(store, entry(store), b"x")

    journal.drop(store, kept)
    journal.drop(store, kept)

    assert list(journal.entries(store)) == []
    with pytest.raises(StorageFailed):
        journal.content(store, kept)


def test_the_journal_is_for_its_owner_alone(world: World, store: Store, journal: Journal) -> None:
    """Former texts are as private as a mail folder, whatever the umask."""
    before = os.umask(0)
    try:
        journal.keep(store, entry(store), b"x")
    finally:
        os.umask(before)

    [path] = undo_files(world)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_damaged_entries_are_left_out(world: World, store: Store, journal: Journal) -> None:
    """A torn, empty, foreign or cut file costs its own version and no other."""
    good = journal.keep(store, entry(store, at=NOW), b"good")
    journal.keep(store, entry(store, at=NOW + 1), b"x" * 100)
    place = undo_files(world)[0].parent
    whole = (place / undo_files(world)[1].name).read_bytes()
    head, _, _ = whole.partition(b"\n")
    fields = json.loads(head)
    torn = {
        "empty": b"",
        "not-json": b"what?\n" + b"x" * 100,
        "a-list": b"[]\nx",
        "a-number": b"5\nx",
        "no-fields": b"{}\nx",
        "one-more": json.dumps({**fields, "more": 1}).encode() + b"\n" + b"x" * 100,
        "cut-in-the-head": whole[:40],
        "cut-after-the-head": head,
        "cut-in-the-text": whole[:-1],
        "grown": whole + b"y",
        "wrong-types": json.dumps({**fields, "version": 5, "path": None}).encode() + b"\n" + b"x" * 100,
    }
    for name, raw in torn.items():
        (place / f"00000000000000-{name}.undo").write_bytes(raw)
    (place / "00000000000000-folder.undo").mkdir()
    (place / "note.txt").write_bytes(whole)
    undo_files(world)[-1].write_bytes(whole[: len(whole) // 2])

    assert list(journal.entries(store)) == [good]
    assert list(journal.entries(store, "m1")) == [good]


def test_fifty_versions_of_a_memory_are_kept(store: Store, journal: Journal) -> None:
    """The oldest go first; another memory's are not counted."""
    other = journal.keep(store, entry(store, memory_id="other"), b"x")
    kept = [journal.keep(store, entry(store, at=NOW + number), b"x") for number in range(VERSIONS + 10)]

    assert VERSIONS == 50
    assert list(journal.entries(store, "m1")) == kept[10:][::-1]
    assert list(journal.entries(store, "other")) == [other]


def test_versions_are_kept_for_ninety_days_and_the_newest_for_ever(store: Store, journal: Journal) -> None:
    """A memory that nobody changed for a year can still be taken back once."""
    day = 86_400.0
    today = time.time()
    for age in (400.0, DAYS + 1.0):
        journal.keep(store, entry(store, at=today - age * day), b"old")
    assert len(list(journal.entries(store, "m1"))) == 1

    young = [journal.keep(store, entry(store, at=today - age * day), b"x") for age in (DAYS - 1.0, 0.0)]

    assert DAYS == 90
    assert list(journal.entries(store, "m1")) == young[::-1]


def test_versions_are_named_in_the_order_of_what_was_done() -> None:
    """Names sort by time; what happens within one tick of the clock, or after it was set back, keeps its order."""
    names = [new_version(now) for now in (0.0, NOW, NOW, NOW, NOW - 3_600.0, NOW + 3_600.0)]

    assert names == sorted(names)
    assert len(set(names)) == len(names)


def test_a_copy_that_cannot_be_kept_is_an_error_and_leaves_nothing(world: World, store: Store) -> None:
    """Where the journal's folder cannot be made the caller is told, before anything is replaced."""
    (world.root / "file").write_bytes(b"a file, not a folder")
    journal = Journal(world.root / "file")

    with pytest.raises(StorageFailed, match="keep an undo copy"):
        journal.keep(store, entry(store), b"x")

    assert list(journal.entries(store)) == []


# ---- taking back


def test_undo_of_a_save_removes_the_memory(world: World) -> None:
    """The file is gone, is found no more, and can itself be brought back."""
    workspace = world.open()
    saved = workspace.save("Indexes make reads fast", {"title": "Indexes."}).entry

    done = workspace.undo()

    assert done.notes[0] == "Took back: save of Indexes."
    assert files_below(saved.store.root) == {}
    assert workspace.search("indexes").hits == ()
    assert workspace.restore(saved.memory.id).entry.file.raw == saved.file.raw


def test_undo_of_an_update_brings_the_bytes_back(world: World) -> None:
    """Comments, order and newlines of the former text are there again, and it is what a search finds."""
    workspace = world.open()
    raw = b"---\r\n# why\r\nzeta: 1\r\nid: abc\r\ntitle: 'Old'\r\n---\r\nformer text"
    path = workspace.view.workspace / ".memory" / "note.md"
    path.write_bytes(raw)
    workspace.update("abc", {"title": "New", "tags": ["x"]}, "latter text")
    assert workspace.get("abc").memory.title == "New"

    done = workspace.undo()

    assert path.read_bytes() == raw
    assert done.entry.memory.title == "Old"
    assert [hit.entry.memory.title for hit in workspace.search("former").hits] == ["Old"]
    assert workspace.search("latter").hits == ()


def test_undo_works_for_the_longest_title(world: World) -> None:
    """A title that fills the header is as much of an undo entry as any."""
    workspace = world.open()
    saved = workspace.save("one", {"title": "é" * 30_000}).entry
    workspace.update(saved.memory.id, {}, "two")

    workspace.undo()

    assert saved.path.read_bytes() == saved.file.raw


def test_undo_of_a_move_moves_back(world: World) -> None:
    """Place, bytes and id are as before."""
    workspace = world.open(mode="hybrid")
    saved = workspace.save("shared?", {"title": "Shared"}).entry
    workspace.move(saved.memory.id, "global")

    done = workspace.undo()

    assert done.entry.path == saved.path
    assert files_below(saved.store.root) == {saved.memory.path: saved.file.raw}
    assert files_below(world.home / "global") == {}


def test_undo_of_a_forgotten_memory_brings_it_back(world: World) -> None:
    """Same path, same bytes, found again."""
    workspace = world.open()
    saved = workspace.save("Do not lose this", {"title": "Keep"}).entry
    workspace.forget(saved.memory.id)
    assert files_below(saved.store.root) == {}

    done = workspace.undo()

    assert (done.entry.path, done.entry.file.raw) == (saved.path, saved.file.raw)
    assert len(workspace.search("lose").hits) == 1


def test_undo_goes_back_step_by_step(world: World) -> None:
    """Once more takes back the one before, through save, update, move and forget, until there is nothing left."""
    workspace = world.open(mode="hybrid")
    saved = workspace.save("one", {"title": "T"}).entry
    workspace.update(saved.memory.id, {}, "two")
    moved = workspace.move(saved.memory.id, "global").entry
    workspace.update(saved.memory.id, {}, "three")
    workspace.forget(saved.memory.id)
    steps = []

    for _ in range(5):
        workspace.undo()
        steps.append(
            {name: raw.rpartition(b"---\n\n")[2] for name, raw in files_below(world.root).items() if name[-3:] == ".md"}
        )

    here = saved.path.relative_to(world.root).as_posix()
    there = moved.path.relative_to(world.root).as_posix()
    assert steps == [{there: b"three\n"}, {there: b"two\n"}, {here: b"two\n"}, {here: b"one\n"}, {}]
    with pytest.raises(NotFound, match="journal is empty"):
        workspace.undo()


def test_undo_never_overwrites_a_later_edit(world: World) -> None:
    """What was edited since is a conflict that says so, whichever step would be taken back, and stays."""
    workspace = world.open(mode="hybrid")
    saved = workspace.save("mine", {"title": "T"}).entry
    workspace.update(saved.memory.id, {}, "next")
    path = workspace.move(saved.memory.id, "global").entry.path
    path.write_bytes(path.read_bytes() + b"edited elsewhere\n")
    edited = path.read_bytes()

    for verb in ("move", "update", "save"):
        with pytest.raises(Conflict, match=f"{verb} of 'T'.*cannot be taken back.*changed since") as raised:
            workspace.undo()
        assert isinstance(raised.value.__cause__, Changed)
    with pytest.raises(NotFound):
        workspace.undo()
    assert path.read_bytes() == edited


def test_undo_finds_a_file_that_was_renamed_elsewhere(world: World) -> None:
    """The id tells which file is meant, whatever it is called by now."""
    workspace = world.open()
    saved = workspace.save("mine", {"title": "T"}).entry
    workspace.update(saved.memory.id, {}, "next")
    renamed = saved.path.rename(saved.path.with_name("renamed.md"))

    workspace.undo()
    assert files_below(saved.store.root) == {"renamed.md": saved.file.raw}
    workspace.undo()

    assert not renamed.exists()


@pytest.mark.parametrize("verb", ["save", "update"])
def test_undo_of_a_file_that_was_removed_elsewhere_says_so(world: World, verb: str) -> None:
    """There is nothing to take back where the file is gone; no other file is touched or made."""
    workspace = world.open()
    saved = workspace.save("mine", {"title": "T"}).entry
    if verb == "update":
        workspace.update(saved.memory.id, {}, "next")
    saved.path.unlink()

    with pytest.raises(Conflict, match="cannot be taken back"):
        workspace.undo()

    assert files_below(saved.store.root) == {}


def test_undo_of_forget_takes_a_free_name_where_the_old_one_is_taken(world: World) -> None:
    """Both the new file and the memory that is brought back are there."""
    workspace = world.open()
    saved = workspace.save("mine", {"title": "T"}).entry
    workspace.forget(saved.memory.id)
    saved.path.write_bytes(b"somebody else's\n")

    entry = workspace.undo().entry

    assert saved.path.read_bytes() == b"somebody else's\n"
    assert entry.path != saved.path
    assert entry.path.read_bytes() == saved.file.raw


def test_undo_stays_within_the_view(world: World) -> None:
    """In isolated mode a move to the global store is not taken back from there, and another workspace not at all."""
    hybrid = world.open(mode="hybrid")
    saved = hybrid.save("mine", {"title": "T"}).entry
    moved = hybrid.move(saved.memory.id, "global").entry

    with pytest.raises(NotFound):
        world.open(world.folder("other")).undo()
    with pytest.raises(Conflict, match="not visible in isolated mode"):
        world.open(mode="isolated").undo()

    assert moved.path.read_bytes() == saved.file.raw


@pytest.mark.parametrize("verb", ["update", "forget"])
def test_what_was_announced_and_never_done_is_not_taken_back(world: World, verb: str) -> None:
    """A process that died between writing down a change and doing it leaves the change before it to the next undo."""
    workspace = world.open()
    saved = workspace.save("one", {"title": "T"}).entry
    updated = workspace.update(saved.memory.id, {}, "two").entry
    root, path = str(saved.store.root), saved.memory.path
    after = (root, path, "0" * 64) if verb == "update" else ("", "", "")
    dead = Entry(new_version(time.time() + 1), verb, saved.memory.id, "T", root, path, *after, time.time())  # type: ignore[arg-type]
    workspace.journal.keep(saved.store, dead, updated.file.raw)

    with pytest.raises(Conflict, match="already"):
        workspace.undo()
    assert saved.path.read_bytes() == updated.file.raw
    done = workspace.undo()

    assert done.notes[0] == "Took back: update of T."
    assert files_below(saved.store.root) == {path: saved.file.raw}


# ---- bringing back


@pytest.mark.parametrize("reference", ["id", "beginning", "title", "path"])
def test_a_forgotten_memory_is_restored_by_whatever_is_known_of_it(world: World, reference: str) -> None:
    """Its id, a beginning of it, its former title or its former path."""
    workspace = world.open()
    workspace.save("another", {"title": "Another"})
    saved = workspace.save("mine", {"title": "Long gone", "id": "ABCDEF0123"}).entry
    workspace.forget(saved.memory.id)
    known = {"id": "ABCDEF0123", "beginning": "abcdef", "title": "long gone", "path": saved.memory.path}

    entry = workspace.restore(known[reference]).entry

    assert (entry.path, entry.file.raw) == (saved.path, saved.file.raw)
    assert workspace.get("ABCDEF0123").memory.body == "mine"


def test_restore_brings_any_version_back_and_keeps_the_present_one(world: World) -> None:
    """Each version has a name; what is replaced by restoring is a version too."""
    workspace = world.open()
    saved = workspace.save("one", {"title": "T"}).entry
    for body in ("two", "three"):
        workspace.update(saved.memory.id, {}, body)
    first = workspace.history(saved.memory.id).versions[-1]

    entry = workspace.restore(saved.memory.id, first.name[:18]).entry

    assert entry.file.raw == saved.file.raw
    versions = workspace.history(saved.memory.id).versions
    assert [version.kept and version.kept.verb for version in versions] == [None, "restore", "update", "update"]
    assert [version.made and version.made.verb for version in versions] == ["restore", "update", "update", "save"]
    assert [version.raw.split()[-1] for version in versions] == [b"one", b"three", b"two", b"one"]


def test_restoring_twice_gives_back_what_the_first_replaced(world: World) -> None:
    """Whoever restored by mistake restores once more."""
    workspace = world.open()
    saved = workspace.save("one", {"title": "T"}).entry
    workspace.update(saved.memory.id, {}, "two")
    workspace.restore(saved.memory.id)
    assert workspace.get(saved.memory.id).memory.body == "one"

    workspace.restore(saved.memory.id)

    assert workspace.get(saved.memory.id).memory.body == "two"


def test_restore_keeps_an_edit_that_was_made_since(world: World) -> None:
    """What a person typed after the update is itself a version from then on."""
    workspace = world.open()
    saved = workspace.save("one", {"title": "T"}).entry
    workspace.update(saved.memory.id, {}, "two")
    edited = saved.path.read_bytes() + b"typed by hand\n"
    saved.path.write_bytes(edited)

    workspace.restore(saved.memory.id)

    assert saved.path.read_bytes() == saved.file.raw
    assert workspace.history(saved.memory.id).versions[1].raw == edited


def test_restoring_a_forgotten_memory_twice_makes_one_file(world: World) -> None:
    """The second time it is there already, and the answer says so."""
    workspace = world.open()
    saved = workspace.save("mine", {"title": "T"}).entry
    workspace.forget(saved.memory.id)

    assert workspace.restore(saved.memory.id).entry.path == saved.path
    with pytest.raises(NotFound, match="nothing to bring back"):
        workspace.restore(saved.memory.id)

    assert files_below(saved.store.root) == {saved.memory.path: saved.file.raw}


def test_restore_does_not_replace_a_file_that_cannot_be_read(world: World) -> None:
    """A memory whose header was broken by an edit stays as it is; the former text gets a name of its own."""
    workspace = world.open()
    saved = workspace.save("one", {"title": "T"}).entry
    workspace.update(saved.memory.id, {}, "two")
    broken = saved.path.read_bytes().replace(b"title: T", b"title: {")
    saved.path.write_bytes(broken)

    entry = workspace.restore(saved.memory.id).entry

    assert saved.path.read_bytes() == broken
    assert entry.path.read_bytes() == saved.file.raw


def test_an_unknown_memory_or_version_is_not_found(world: World) -> None:
    """The sentence says whether there is nothing, or which versions there are."""
    workspace = world.open()
    saved = workspace.save("one", {"title": "T"}).entry

    with pytest.raises(NotFound, match="journal does not know it"):
        workspace.restore("never seen")
    with pytest.raises(NotFound, match="nothing to bring back"):
        workspace.restore(saved.memory.id)
    workspace.update(saved.memory.id, {}, "two")
    _, version = workspace.history(saved.memory.id).versions
    with pytest.raises(NoVersion, match=version.name):
        workspace.restore(saved.memory.id, "9999")


def test_a_title_that_two_forgotten_memories_had_is_ambiguous(world: World) -> None:
    """Both are listed, and neither comes back by guess."""
    workspace = world.open()
    ids = [workspace.save(body, {"title": "Same"}).entry.memory.id for body in ("one", "two")]
    for memory_id in ids:
        workspace.forget(memory_id)

    with pytest.raises(Ambiguous) as raised:
        workspace.restore("Same")

    assert raised.value.candidates == tuple(sorted(f"{memory_id}  Same" for memory_id in ids))
    assert workspace.list().total == 0


# ---- where the journal cannot be written


def test_nothing_is_replaced_moved_or_removed_without_a_copy(world: World) -> None:
    """Where the journal cannot be written only new memories are saved; the others stay as they are, and say why."""
    workspace = world.open(mode="hybrid")
    saved = workspace.save("one", {"title": "T"}).entry
    shutil.rmtree(world.state)
    world.state.write_bytes(b"a file, not a folder")

    changes: list[Callable[[], object]] = [
        lambda: workspace.update(saved.memory.id, {}, "two"),
        lambda: workspace.move(saved.memory.id, "global"),
        lambda: workspace.forget(saved.memory.id),
    ]
    for refused in changes:
        with pytest.raises(StorageFailed, match="undo copy"):
            refused()
    assert files_below(saved.store.root) == {saved.memory.path: saved.file.raw}

    assert workspace.save("another").entry.path.exists()


def test_a_first_save_succeeds_without_a_state_folder(world: World) -> None:
    """A new workspace's memory is safe even where neither trust nor undo can be written down."""
    world.state.write_bytes(b"a file, not a folder")
    (world.root / "fresh").mkdir()

    done = world.open(world.root / "fresh").save("mine", {"title": "T"})

    assert done.entry.path.read_bytes() == done.entry.file.raw


def test_a_read_only_state_folder_refuses_an_update(world: World) -> None:
    """No permission for the journal is an error of storage, and the memory is untouched."""
    saved = world.open().save("one", {"title": "T"}).entry
    for path in (world.state, *world.state.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    script = """
import sys
from pathlib import Path
from memfs.errors import StorageFailed
from memfs.errors import Unwritable
from memfs.workspace import Workspace
try:
    Workspace.open(Path(sys.argv[1])).update(sys.argv[2], {}, "two")
except StorageFailed as error:
    print(error.code)
"""

    said = world.run(script, world.folder(), saved.memory.id, through=without_powers())
    for path in (world.state, *world.state.rglob("*")):
        path.chmod(0o755)

    assert said == "storage_failed\n"
    assert saved.path.read_bytes() == saved.file.raw


def test_losing_the_journal_loses_no_memory(world: World) -> None:
    """It is the past; the present lies in the stores."""
    workspace = world.open()
    saved = workspace.save("one", {"title": "T"}).entry
    workspace.update(saved.memory.id, {}, "two")
    shutil.rmtree(world.state)

    assert world.open().get(saved.memory.id).memory.body == "two"
    assert len(workspace.history(saved.memory.id).versions) == 1
    with pytest.raises(NotFound):
        workspace.undo()


def test_a_failed_change_is_not_in_the_journal(world: World) -> None:
    """Only what happened can be taken back."""
    workspace = world.open()
    saved = workspace.save("one", {"title": "T"}).entry
    saved.path.chmod(0o444)

    with pytest.raises(Unwritable):
        workspace.update(saved.memory.id, {}, "two")
    with pytest.raises(Unwritable):
        workspace.forget(saved.memory.id)

    assert len(workspace.history(saved.memory.id).versions) == 1
