"""Taking back: undo, restore and versions, also when the files are no longer what the journal says."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from memfs.errors import Conflict
from memfs.errors import Exists
from memfs.errors import NotFound
from memfs.errors import OutOfScope
from memfs.errors import StorageFailed
from memfs.store import Store
from memfs.workspace import Workspace
from tests.worlds import World


def opened(world: World, mode: str = "isolated") -> Workspace:
    """Return a workspace in the folder `project`."""
    folder = world.folder()
    return Workspace.open(folder, mode=mode, environ=world.environ)


def test_an_undo_after_a_restore_takes_back_the_restore(world: World) -> None:
    """Undo goes back one step at a time: the restore, then the removal; never an older save."""
    here = opened(world)
    here.save("alpha alpha")
    beta = here.save("beta beta").entry
    here.forget(beta.memory.id)
    here.restore(beta.memory.id)

    here.undo()
    with pytest.raises(NotFound):
        here.get(beta.memory.id)
    here.undo()

    assert here.get(beta.memory.id).memory.body == "beta beta"
    assert len(here.list().entries) == 2


def test_an_update_that_was_put_back_by_hand_is_not_taken_back_twice(world: World) -> None:
    """Where a change is no longer there, undo says so and leaves everything as it is."""
    here = opened(world)
    entry = here.save("alpha").entry
    before = entry.path.read_bytes()
    here.update(entry.memory.id, {"importance": "9"})
    entry.path.write_bytes(before)

    with pytest.raises(Conflict, match="as it was before"):
        here.undo()

    assert entry.path.read_bytes() == before


def test_undo_is_never_stuck(world: World) -> None:
    """A change whose file somebody removed is told once; the next undo takes back the one before."""
    here = opened(world)
    first = here.save("alpha", {"importance": "3"}).entry
    here.update(first.memory.id, {"importance": "9"})
    second = here.save("beta").entry
    second.path.unlink()

    with pytest.raises(Conflict, match="beta"):
        here.undo()
    here.undo()

    assert here.get(first.memory.id).memory.importance == 3


def test_undo_follows_a_rename(world: World) -> None:
    """A file that was renamed by hand is still the memory that was changed."""
    here = opened(world)
    entry = here.save("alpha", {"importance": "3"}).entry
    here.update(entry.memory.id, {"importance": "9"})
    entry.path.rename(entry.path.with_name("renamed.md"))

    here.undo()

    assert here.get("renamed.md").memory.importance == 3


def test_a_restore_keeps_the_id(world: World) -> None:
    """An id is for life: bytes from before it was written come back with it."""
    here = opened(world)
    here.begin()
    here.view.stores[0].write("plain.md", b"plain words\n", "absent")
    entry = here.update("plain.md", {"importance": "8"}).entry

    restored = here.restore(entry.memory.id).entry

    assert restored.memory.id == entry.memory.id
    assert restored.memory.importance == 5


def test_a_memory_that_moved_out_of_view_is_not_doubled(world: World) -> None:
    """What lies in a store that the mode does not show is not brought back beside itself."""
    both = opened(world, "hybrid")
    entry = both.save("alpha").entry
    both.move(entry.memory.id, "global")

    with pytest.raises(OutOfScope, match="global"):
        opened(world).restore(entry.memory.id)

    assert opened(world).list().entries == ()


def test_restore_passes_over_a_move_that_changed_no_text(world: World) -> None:
    """The newest version that differs from the present text is the one to bring back."""
    here = opened(world, "hybrid")
    entry = here.save("alpha", {"importance": "3"}).entry
    here.update(entry.memory.id, {"importance": "9"})
    here.move(entry.memory.id, "global")

    restored = here.restore(entry.memory.id).entry

    assert (restored.memory.importance, restored.store.scope) == (3, "global")


def test_a_cut_off_move_is_undone_by_removing_the_new_copy(world: World) -> None:
    """Where a move left both files, undo leaves the old one."""
    here = opened(world, "hybrid")
    entry = here.save("alpha").entry
    moved = here.move(entry.memory.id, "global").entry
    entry.path.write_bytes(moved.path.read_bytes())

    here.undo()

    assert entry.path.exists()
    assert not moved.path.exists()


def test_a_failure_after_the_deed_keeps_the_undo_copy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When only the last flush fails, what was replaced can still be brought back."""
    here = opened(world)
    entry = here.save("old words").entry
    flush = os.fsync
    store_folder = entry.path.parent.stat().st_ino

    def failing(fd: int) -> None:
        if os.fstat(fd).st_ino == store_folder:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        flush(fd)

    monkeypatch.setattr("memfs.store.os.fsync", failing)
    with pytest.raises(StorageFailed):
        here.update(entry.memory.id, {}, body="new words")
    monkeypatch.undo()

    assert here.get(entry.memory.id).memory.body == "new words"
    assert here.restore(entry.memory.id).entry.memory.body == "old words"


def test_saving_under_a_known_id_is_refused(world: World) -> None:
    """A file with a header does not become a twin of the memory it was copied from."""
    here = opened(world)
    entry = here.save("alpha").entry

    with pytest.raises(Exists, match=entry.path.name):
        here.save("beta", {"id": entry.memory.id})


def test_a_broken_configuration_never_guesses_where_a_save_goes(world: World) -> None:
    """While config.toml cannot be read, nothing is saved to a place that it may have ruled out."""
    home = Path(world.environ["MEMFS_HOME"])
    home.mkdir(parents=True)
    (home / "config.toml").write_text('mode = "global"\n[oops\n')
    folder = world.root / "bare"
    folder.mkdir()
    here = Workspace.open(folder, environ=world.environ)

    with pytest.raises(Exception, match=r"config\.toml"):
        here.save("private")

    assert not (folder / ".memory").exists()
    assert Workspace.open(folder, mode="isolated", environ=world.environ).save("said so").entry


def test_a_dangling_link_is_never_trusted(world: World) -> None:
    """A repository whose `.memory` leads nowhere gets neither a file nor trust."""
    folder = world.root / "bare"
    folder.mkdir()
    (folder / ".memory").symlink_to("../nowhere")
    here = Workspace.open(folder, environ=world.environ)

    with pytest.raises(Exception, match="link"):
        here.save("x")

    assert not (Path(world.environ["MEMFS_STATE"]) / "trusted").exists()


def test_one_unreadable_store_leaves_the_others_usable(world: World) -> None:
    """In hybrid mode a workspace store that is a link costs a note, not the global memories."""
    folder = world.root / "bare"
    folder.mkdir()
    Store(Path(world.environ["MEMFS_HOME"]) / "global", "global").write("shared.md", b"shared words\n", "absent")
    (folder / ".memory").symlink_to("/etc")
    here = Workspace.open(folder, mode="hybrid", environ=world.environ)

    results = here.search("shared")

    assert [hit.entry.memory.path for hit in results.hits] == ["shared.md"]
    assert any("link" in note for note in results.notes)
    assert any("link" in flaw.problem.reason for flaw in here.status().stores[0].flaws)


def test_a_burst_of_saves_is_listed_newest_first(world: World) -> None:
    """Memories of one second are listed in the order in which they were saved."""
    here = opened(world)
    titles = [here.save(f"note number {number}").entry.memory.title for number in range(6)]

    assert [entry.memory.title for entry in here.list().entries] == titles[::-1]
