"""What is left when a process dies in the middle, or a disk is full: every acknowledged memory, whole, and no mess."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from memfs.errors import Conflict
from memfs.errors import NotFound
from memfs.locks import flock
from memfs.memory import digest
from memfs.memory import parse
from memfs.store import ABSENT
from memfs.store import Store
from memfs.workspace import Workspace
from tests.disks import POWER
from tests.disks import THROUGH
from tests.disks import disk_of
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import new_world
from tests.worlds import rounds
from tests.worlds import stopped
from tests.worlds import with_small_disk
from tests.worlds import within_deadline

SOAK = pytest.param(200, marks=pytest.mark.soak)
WHOLE = re.compile(r"version (\d+) (?:lorem ){300}end")

ADDER = """
import sys
from pathlib import Path
from memfs.workspace import Workspace
workspace = Workspace.open(Path(sys.argv[1]))
while True:
    entry = workspace.save("version 0 " + "lorem " * 300 + "end", {"title": "Lighthouse"}).entry
    print(entry.memory.path, entry.file.digest, flush=True)
"""
UPDATER = """
import random, sys
from pathlib import Path
from memfs.workspace import Workspace
workspace = Workspace.open(Path(sys.argv[1]))
while True:
    memory_id = f"memory-{random.randrange(20)}"
    version = int(workspace.get(memory_id).memory.body.split()[1]) + 1
    entry = workspace.update(memory_id, {"importance": str(version % 10 + 1)}, f"version {version} " + "lorem " * 300 + "end").entry
    print(memory_id, version, flush=True)
"""  # noqa: E501
MOVER = """
import random, sys
from pathlib import Path
from memfs.workspace import Workspace
workspace = Workspace.open(Path(sys.argv[1]), mode="hybrid")
while True:
    memory_id = f"memory-{random.randrange(5)}"
    to = random.choice(["workspace", "global"])
    workspace.move(memory_id, to)
    print(memory_id, to, flush=True)
"""
FORGETTER = """
import sys
from pathlib import Path
from memfs.workspace import Workspace
workspace = Workspace.open(Path(sys.argv[1]))
workspace.search("lighthouse")
print("ready", flush=True)
workspace.forget(sys.argv[2])
"""


def killed(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> list[list[str]]:
    """Kill *process* a moment after one of its first lines; return the words of every whole line it printed."""
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(random.randint(1, 4))]
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=random.uniform(0, 0.05))
    assert process.poll() is None, process.communicate()
    process.send_signal(number)
    rest, _ = process.communicate()
    assert process.returncode == -number
    lines += rest.splitlines(keepends=True)
    return [line.split() for line in lines if line.endswith("\n")]


def assert_orderly(workspace: Workspace) -> None:
    """Check that a dead writer left no more than one temporary file in a store, no lock, and that all heals."""
    for store in workspace.view.stores:
        assert len(store.scan().leftovers) <= 1
        with store.lock(seconds=0):
            pass
        assert workspace.refresh(store) == ""
        left = store.scan()
        assert left.leftovers == []
        assert set(files_below(store.root)) == set(left.files)
        assert set(workspace.index.seen(store)) == set(left.files)


def whole(raw: bytes) -> int:
    """Return the version that the text *raw* has, after checking that nothing of it is missing."""
    memory = parse(raw, "x.md")
    match = WHOLE.fullmatch(memory.body)
    assert memory.state == "ok"
    assert match
    return int(match[1])


# ---- killed at any moment


@pytest.mark.parametrize(
    ("kills", "number"),
    [(15, signal.SIGKILL), (3, signal.SIGTERM), pytest.param(200, signal.SIGKILL, marks=pytest.mark.soak)],
)
def test_no_acknowledged_save_is_lost_and_none_is_half(world: World, kills: int, number: int) -> None:
    """A1, A11: after each kill in a loop of saves all that was answered is there, complete, and found."""
    folder = world.folder()
    acknowledged: dict[str, str] = {}
    for _ in rounds(kills):
        acknowledged.update(dict(killed(world.start(ADDER, folder), number)))

        workspace = world.open(folder)
        assert_orderly(workspace)
        files = files_below(folder / ".memory")
        assert {path: digest(files[path]) for path in acknowledged} == acknowledged
        assert [whole(raw) for raw in files.values()] == [0] * len(files)
        assert workspace.list(limit=1).total == len(files)
        assert len(workspace.search("lighthouse", limit=1_000).hits) == min(len(files), 1_000)


@pytest.mark.parametrize("kills", [15, SOAK])
def test_after_a_kill_each_memory_is_its_last_answered_version_or_the_next(world: World, kills: int) -> None:
    """A2: in a loop of updates no memory is torn, goes back or disappears, and undo has no half version."""
    folder = world.folder()
    versions = {f"memory-{number}": 0 for number in range(20)}
    for memory_id in versions:
        world.open(folder).save("version 0 " + "lorem " * 300 + "end", {"id": memory_id, "title": memory_id})
    for _ in rounds(kills):
        acknowledged = killed(world.start(UPDATER, folder))
        versions |= {memory_id: int(version) for memory_id, version in acknowledged}

        workspace = world.open(folder)
        assert_orderly(workspace)
        for memory_id, version in versions.items():
            there = whole(workspace.get(memory_id).file.raw)
            assert there in (version, version + 1)
            versions[memory_id] = there
            for past in workspace.history(memory_id).versions:
                assert whole(past.raw) <= there
        assert workspace.list(limit=1).total == 20


@pytest.mark.parametrize("far", [False, True], ids=["one file system", "two file systems"])
@pytest.mark.parametrize("kills", [8, SOAK])
def test_a_killed_move_leaves_one_copy_or_two_equal_ones_and_never_none(
    tmp_path: Path, request: pytest.FixtureRequest, kills: int, *, far: bool
) -> None:
    """A12: a double is told by `twins`, and the next move of the memory makes it one again."""
    home = (request.getfixturevalue("elsewhere") if far else tmp_path) / "home"
    world = new_world(tmp_path, MEMFS_HOME=str(home))
    folder = world.folder()
    setup = world.open(folder, mode="hybrid")
    texts = {}
    for number in range(5):
        entry = setup.save("version 0 " + "lorem " * 300 + "end", {"id": f"memory-{number}", "title": "T"}).entry
        texts[entry.memory.id] = entry.file.raw
    for _ in rounds(kills):
        acknowledged = dict(killed(world.start(MOVER, folder)))

        workspace = world.open(folder, mode="hybrid")
        assert_orderly(workspace)
        copies: dict[str, list[str]] = {memory_id: [] for memory_id in texts}
        for store in workspace.view.stores:
            for raw in files_below(store.root).values():
                memory_id = parse(raw, "x.md").id
                assert raw == texts[memory_id]
                copies[memory_id].append(store.scope)
        doubled = {memory_id for memory_id, scopes in copies.items() if len(scopes) != 1}
        assert all(copies[memory_id] == ["workspace", "global"] for memory_id in doubled)
        assert {twins[0].memory.id for twins in workspace.twins()} == doubled
        assert len(doubled) <= 1
        # the last answers hold, but for the one memory that was on its way
        wrong = {each for each, scope in acknowledged.items() if copies[each] != [scope]}
        assert len(wrong | doubled) <= 1

        for memory_id in doubled:
            assert workspace.get(memory_id).file.raw == texts[memory_id]
            workspace.move(memory_id, random.choice(["workspace", "global"]))
        assert workspace.twins() == []
        assert workspace.list(limit=1).total == len(texts)


@pytest.mark.parametrize("scope", ["workspace", "global"])
def test_a_double_that_a_dead_mover_left_is_one_memory_to_every_verb(world: World, scope: str) -> None:
    """Read, updated or forgotten it is the nearer one; a move to either store leaves one file there."""
    workspace = world.open(mode="hybrid")
    saved = workspace.save("mine", {"title": "T"}).entry
    there = workspace.view.stores[-1].write(saved.memory.path, saved.file.raw, ABSENT)

    assert workspace.get(saved.memory.id).store.scope == "workspace"
    done = workspace.move(saved.memory.id, scope)

    assert done.entry.store.scope == scope
    assert done.entry.file.digest == there.digest
    assert [len(files_below(store.root)) for store in workspace.view.stores] == (
        [1, 0] if scope == "workspace" else [0, 1]
    )


def test_a_forgotten_memory_stays_forgotten_though_the_index_never_heard_of_it(world: World) -> None:
    """A14: killed between the removal of the file and the commit of the index, it is gone from get and search."""
    folder = world.folder()
    saved = world.open(folder).save("the lighthouse", {"title": "T"}).entry
    world.open(folder).save("another lighthouse", {"title": "Other"})
    forgetter = world.start(FORGETTER, folder, saved.memory.id)
    assert forgetter.stdout is not None
    assert forgetter.stdout.readline() == "ready\n"
    cache = os.open(world.cache, os.O_RDONLY)
    try:
        flock(cache, 5.0, "the index is free")
        assert within_deadline(lambda: not saved.path.exists())
    finally:
        stopped(forgetter)
        os.close(cache)

    workspace = world.open(folder)
    assert [hit.entry.memory.title for hit in workspace.search("lighthouse").hits] == ["Other"]
    with pytest.raises(NotFound):
        workspace.get(saved.memory.id)
    assert workspace.restore(saved.memory.id).entry.file.raw == saved.file.raw


def test_undo_after_a_killed_update_takes_back_a_whole_step(world: World) -> None:
    """Undo passes over what was only announced, ends in versions that were there, and then in none."""
    folder = world.folder()
    for number in range(20):
        world.open(folder).save("version 0 " + "lorem " * 300 + "end", {"id": f"memory-{number}", "title": "T"})
    killed(world.start(UPDATER, folder))
    workspace = world.open(folder)
    assert_orderly(workspace)
    before = {path: whole(raw) for path, raw in files_below(folder / ".memory").items()}

    announced = 0
    while sum(before.values()):
        try:
            workspace.undo()
            steps = 1
        except Conflict:
            announced += 1
            steps = 0
        after = {path: whole(raw) for path, raw in files_below(folder / ".memory").items()}
        assert sum(after.values()) == sum(before.values()) - steps
        before = after
    assert announced <= 1
    for _ in range(20):
        workspace.undo()

    assert files_below(folder / ".memory") == {}


# ---- without power


POWER_CUT = """
import json
from pathlib import Path
from memfs.memory import digest
from memfs.workspace import Workspace
def opened():
    return Workspace.open(Path(disk) / "project", mode="hybrid")
workspace = opened()
entries = [workspace.save(f"lighthouse {n} " + "lorem " * 300, {"title": f"T{n}"}).entry for n in range(4)]
updated = workspace.update(entries[0].memory.id, {}, "changed").entry
moved = workspace.move(entries[1].memory.id, "global").entry
workspace.forget(entries[2].memory.id)
wanted = {str(entry.path): entry.file.digest for entry in (updated, moved, entries[3])}
cut_power()
there = {str(path): digest(path.read_bytes()) for path in Path(disk).rglob("*.md")}
workspace = opened()
found = len(workspace.search("lighthouse").hits)
back = [workspace.restore(entry.memory.id).entry.file.digest for entry in (entries[0], entries[2])]
print(json.dumps([there == wanted, found, back == [entries[0].file.digest, entries[2].file.digest]]))
"""


def test_what_was_answered_survives_a_power_cut(world: World) -> None:
    """P1: saved, updated, moved or forgotten stays so, and can be taken back, where nothing unflushed is left."""
    image, disk = disk_of(world)
    cut = World(world.root, {"MEMFS_HOME": str(disk / "home"), "MEMFS_STATE": str(disk / "state")})

    for _ in range(2):
        subprocess.run(["mkfs.ext4", "-qF", str(image)], check=True)

        assert json.loads(cut.run(POWER + POWER_CUT, image, disk, through=THROUGH)) == [True, 2, True]


# ---- a name that is taken


def test_a_move_to_a_taken_name_keeps_both_texts(world: World) -> None:
    """A13: the other memory keeps its name and its bytes, the moved one gets a free name and keeps its id."""
    workspace = world.open(mode="hybrid")
    saved = workspace.save("mine", {"title": "T"}).entry
    theirs = workspace.view.stores[-1].write(saved.memory.path, b"theirs\n", ABSENT)

    moved = workspace.move(saved.memory.id, "global").entry

    assert moved.memory.id == saved.memory.id
    assert files_below(world.home / "global") == {theirs.path: b"theirs\n", moved.memory.path: saved.file.raw}
    assert files_below(saved.store.root) == {}


# ---- full disks


def test_a_full_disk_refuses_a_save_and_harms_nothing(world: World) -> None:
    """A3: the error's code is `no_space`, earlier memories are whole, no temporary file stays; freed, all works."""
    script = """
import json, sys
from pathlib import Path
from memfs.errors import StorageFailed
from memfs.memory import digest
from memfs.workspace import Workspace
workspace = Workspace.open(Path(sys.argv[1]), mode="global")
saved = []
try:
    while len(saved) < 1000:
        saved.append(workspace.save("lighthouse" + " " * 100_000 + "end", {"title": f"T{len(saved)}"}).entry)
except StorageFailed as error:
    refused = error
root = saved[0].store.root
def intact(entries):
    return {path.name: digest(path.read_bytes()) for path in root.iterdir()} == {
        entry.memory.path: entry.file.digest for entry in entries
    }
before = intact(saved)
grown = None
try:
    workspace.update(saved[0].memory.id, {}, "lighthouse" + " " * 400_000 + "end")
except StorageFailed as error:
    grown = error.code
after = intact(saved)
found = len(Workspace.open(Path(sys.argv[1]), mode="global").search("lighthouse", limit=1000).hits)
workspace.forget(saved.pop().memory.id)
saved.append(workspace.save("the last lighthouse", {"title": "Fits"}).entry)
freed = intact(saved)
print(json.dumps([refused.code, str(refused), before, grown, after, found == len(saved), freed]))
"""

    said = world.run(script, world.folder(), through=with_small_disk(world.home, "1m"))

    code, sentence, *facts = json.loads(said)
    assert code == "no_space"
    assert "No space left on device. Free some space and repeat it." in sentence
    assert facts == [True, "no_space", True, True, True]


def test_a_full_disk_for_the_index_costs_speed_and_not_a_memory(world: World) -> None:
    """A4: saves are acknowledged with a note, searches are right in every process, and freed space heals."""
    script = """
import json, sys
from contextlib import suppress
from pathlib import Path
from memfs.workspace import Workspace
folder, cache = Path(sys.argv[1]), Path(sys.argv[2])
workspace = Workspace.open(folder)
notes = []
for number in range(60):
    if number == 30:
        with suppress(OSError), (cache / "ballast").open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
    done = workspace.save(f"lighthouse {number} " + "lorem " * 300, {"title": f"T{number}"})
    notes += done.notes
def found(workspace):
    results = workspace.search("lighthouse", limit=100)
    return len(results.hits), list(results.notes)
first = found(workspace)
second = found(Workspace.open(folder))
(cache / "ballast").unlink()
print(json.dumps([notes, first, second, found(Workspace.open(folder)), found(Workspace.open(folder))]))
"""

    said = world.run(script, world.folder(), world.cache, through=with_small_disk(world.cache, "1m"))

    notes, first, second, *healed = json.loads(said)
    assert notes
    assert all(note.startswith("the index is in memory only") for note in notes)
    assert first[0] == second[0] == 60
    assert healed == [[60, []], [60, []]]


def test_a_full_disk_for_the_journal_refuses_what_could_not_be_taken_back(world: World) -> None:
    """An update or a removal without an undo copy does not happen; a save does."""
    script = """
import json, sys
from contextlib import suppress
from pathlib import Path
from memfs.errors import StorageFailed
from memfs.workspace import Workspace
workspace = Workspace.open(Path(sys.argv[1]))
saved = workspace.save("lighthouse " + "lorem " * 3000, {"title": "T"}).entry
with suppress(OSError), (Path(sys.argv[2]) / "ballast").open("wb") as file:
    while True:
        file.write(bytes(4096))
        file.flush()
codes = []
for refused in (
    lambda: workspace.update(saved.memory.id, {}, "two"),
    lambda: workspace.forget(saved.memory.id),
):
    try:
        refused()
    except StorageFailed as error:
        codes.append(error.code)
same = saved.path.read_bytes() == saved.file.raw
another = workspace.save("another").entry.path.exists()
(Path(sys.argv[2]) / "ballast").unlink()
left = [version.kept.verb for version in workspace.history(saved.memory.id).versions if version.kept]
workspace.update(saved.memory.id, {}, "two")
print(json.dumps([codes, same, another, left, workspace.get(saved.memory.id).memory.body]))
"""

    said = world.run(script, world.folder(), world.state, through=with_small_disk(world.state, "200k"))

    assert json.loads(said) == [["no_space", "no_space"], True, True, [], "two"]


def test_a_limit_on_the_size_of_files_keeps_the_old_text(world: World) -> None:
    """A5: with 10 kB for a file, an update with 50 kB fails, the old bytes stay and nothing lies about."""
    script = """
import json, resource, sys
from pathlib import Path
from memfs.errors import StorageFailed
from memfs.workspace import Workspace
workspace = Workspace.open(Path(sys.argv[1]))
saved = workspace.save("lighthouse", {"title": "T"}).entry
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    workspace.update(saved.memory.id, {}, "lorem " * 9000)
except StorageFailed as error:
    print(error.code, error)
print([path.name for path in saved.store.root.iterdir()] == [saved.memory.path])
print(saved.path.read_bytes() == saved.file.raw, len(workspace.history(saved.memory.id).versions) - 1)
print(len(workspace.search("lighthouse").hits))
"""

    said = world.run(script, world.folder()).splitlines()

    assert re.fullmatch(
        r"storage_failed Could not write .*\.md: File too large\. The file is larger than this account may write\.",
        said[0],
    )
    assert said[1:] == ["True", "True 0", "1"]


# ---- stores beyond all measure


def test_a_store_that_is_too_much_at_once_is_brought_in_step_by_step(world: World) -> None:
    """F78: a search answers when its time for catching up is over, says what is missing, and the next goes on."""
    world.config("[limits]\nsearch_refresh_seconds = 0.000001\n")
    root = world.folder() / ".memory"
    for number in range(500):
        (root / f"{number}.md").write_bytes(b"the lighthouse\n")
    workspace = world.open()

    results = workspace.search("lighthouse", limit=1_000)

    assert 0 < len(results.hits) < 500
    assert "not searchable yet" in results.notes[0]
    assert within_deadline(lambda: len(workspace.search("lighthouse", limit=1_000).hits) == 500)
    assert workspace.search("lighthouse").notes == ()


def test_enormous_files_cost_no_memory_and_hide_nothing(world: World) -> None:
    """F78: two gigabytes in a clone are flagged by name; the memories beside them are found, in bounded memory."""
    root = world.folder() / ".memory"
    for number in range(20):
        with (root / f"huge-{number}.md").open("wb") as file:
            file.truncate(100 << 20)
    (root / "good.md").write_bytes(b"the lighthouse\n")
    script = """
import json, resource, sys
from pathlib import Path
from memfs.workspace import Workspace
workspace = Workspace.open(Path(sys.argv[1]))
titles = [hit.entry.memory.path for hit in workspace.search("lighthouse").hits]
[status] = workspace.status().stores
kept = Path("/proc/self/status")  # ru_maxrss begins with what the parent had
lines = kept.read_text().splitlines() if kept.exists() else []
peaks = [int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")]
peak = (peaks or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss])[0]
print(json.dumps([titles, status.having("unreadable"), peak < 300 << 20]))
"""

    assert json.loads(world.run(script, world.folder())) == [["good.md"], 20, True]


def test_a_store_object_outlives_its_folder(world: World) -> None:
    """A folder that is removed and made anew, as git does at a checkout, is the same store."""
    workspace = world.open()
    saved = workspace.save("the lighthouse", {"title": "T"}).entry
    root = saved.store.root
    root.rename(root.with_name("moved-away"))
    assert workspace.search("lighthouse").hits == ()
    assert not root.exists()
    root.with_name("moved-away").rename(root)

    assert len(workspace.search("lighthouse").hits) == 1
    assert Store(root, "workspace").key == saved.store.key
