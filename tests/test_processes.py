"""Several processes and threads at once: nothing lost, nothing doubled, nobody kept waiting."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from memfs import trust
from memfs.errors import Changed
from memfs.index import Index
from memfs.locks import flock
from memfs.memory import parse
from memfs.workspace import Workspace
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import finished
from tests.worlds import rounds
from tests.worlds import stopped
from tests.worlds import within_deadline

BEGIN = """
import json, sys
from pathlib import Path
from memfs.errors import MemfsError
from memfs.workspace import Workspace
folder, mode, *rest = sys.argv[1:]
workspace = Workspace.open(Path(folder), mode=mode)
print("ready", flush=True)
sys.stdin.readline()
"""
SAVER = f"""{BEGIN}
ids = []
for number in range(int(rest[1])):
    done = workspace.save(f"lighthouse {{number}} of process {{rest[0]}}", {{"title": "One title for all"}})
    assert done.entry.memory.id == workspace.get(done.entry.memory.id).memory.id
    ids.append(done.entry.memory.id)
print(json.dumps(ids))
"""
APPENDER = f"""{BEGIN}
from memfs.errors import Changed
for number in range(int(rest[1])):
    while True:
        entry = workspace.get("shared")
        body = entry.memory.body + f"\\nline {{number}} of {{rest[0]}}"
        try:
            workspace.update("shared", {{}}, body, expect=entry.file.digest)
        except Changed:
            continue
        break
"""
OBEDIENT = f"""{BEGIN}
for line in sys.stdin:
    verb, memory_id, *arguments = line.split()
    try:
        if verb == "update":
            answer = workspace.update(memory_id, {{}}, "changed").verb
        elif verb == "forget":
            answer = workspace.forget(memory_id).verb
        elif verb == "move":
            done = workspace.move(memory_id, arguments[0])
            answer = "was there" if any("already" in note for note in done.notes) else "move"
        else:
            answer = str(len(workspace.search(memory_id, limit=1000).hits))
    except MemfsError as error:
        answer = error.code
    print(answer, flush=True)
"""
READER = f"""{BEGIN}
hits = 0
while hits < int(rest[0]):
    results = workspace.search("lighthouse", limit=1000)
    assert len(results.hits) >= hits, (len(results.hits), hits)
    hits = len(results.hits)
print(hits)
"""
INDEXER = f"""{BEGIN}
workspace.reindex()
print("done", flush=True)
"""


@contextmanager
def begun(processes: Sequence[subprocess.Popen[str]]) -> Iterator[None]:
    """Let *processes*, once they are all ready, go on at the same moment; kill what is left of them in the end."""
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", process.communicate()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        yield
    finally:
        for process in processes:
            stopped(process)


def together(processes: Sequence[subprocess.Popen[str]]) -> list[str]:
    """Return what *processes*, begun at the same moment, print until they end by themselves."""
    with begun(processes):
        return finished(processes)


def told(process: subprocess.Popen[str], command: str) -> None:
    """Send *command* to a process that does as it is told."""
    assert process.stdin is not None
    process.stdin.write(command + "\n")
    process.stdin.flush()


def answer(process: subprocess.Popen[str]) -> str:
    """Return what *process* says to the command before."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()
    return line.rstrip("\n")


# ---- nothing lost, nothing doubled


@pytest.mark.parametrize(("writers", "saves"), [(8, 10), pytest.param(8, 50, marks=pytest.mark.soak)])
def test_saves_of_one_title_by_many_processes_are_all_kept(world: World, writers: int, saves: int) -> None:
    """B15: as many files and ids as saves, each complete, each found, by processes that write while they look."""
    folder = world.folder()

    said = together([world.start(SAVER, folder, "isolated", name, saves) for name in range(writers)])

    ids = [memory_id for line in said for memory_id in json.loads(line)]
    files = files_below(folder / ".memory")
    assert len(set(ids)) == len(files) == writers * saves
    assert {parse(raw, path).id for path, raw in files.items()} == set(ids)
    workspace = world.open(folder)
    assert workspace.list(limit=1).total == writers * saves
    assert {hit.entry.memory.id for hit in workspace.search("lighthouse", limit=1_000).hits} <= set(ids)
    assert workspace.twins() == []


@pytest.mark.parametrize(("writers", "lines"), [(4, 8), pytest.param(4, 100, marks=pytest.mark.soak)])
def test_no_line_is_lost_between_processes_that_update_one_memory(world: World, writers: int, lines: int) -> None:
    """B16: with a repeat after `Changed` every line is in, once, in each writer's order; every step can be undone."""
    folder = world.folder()
    world.open(folder).save("first", {"id": "shared", "title": "Shared"})

    together([world.start(APPENDER, folder, "isolated", name, lines) for name in range(writers)])

    workspace = world.open(folder)
    found = workspace.get("shared").memory.body.splitlines()[1:]
    for name in range(writers):
        assert [line for line in found if line.endswith(f"of {name}")] == [f"line {n} of {name}" for n in range(lines)]
    assert len(found) == writers * lines
    assert len(workspace.search(f'"line {lines - 1}"').hits) == 1
    kept = [version for version in workspace.history("shared", 1_000).versions if version.kept]
    assert len(kept) == min(writers * lines, 50)


def test_an_update_with_an_outdated_digest_is_refused(world: World) -> None:
    """B17: the code is `changed`, and the file is byte for byte what the other process wrote."""
    mine, theirs = world.open(), world.open()
    entry = mine.save("one", {"title": "T"}).entry
    theirs.update(entry.memory.id, {}, "two")
    before = entry.path.read_bytes()

    with pytest.raises(Changed) as raised:
        mine.update(entry.memory.id, {"tags": ["x"]}, expect=entry.file.digest)
    with pytest.raises(Changed):
        mine.forget(entry.memory.id, expect=entry.file.digest)
    assert raised.value.code == "changed"

    assert entry.path.read_bytes() == before
    assert len(mine.history(entry.memory.id).versions) == 2


@pytest.mark.parametrize("number", [20, pytest.param(200, marks=pytest.mark.soak)])
def test_an_update_that_races_a_removal_ends_in_one_of_the_two(world: World, number: int) -> None:
    """B18: the memory is changed or gone; gone means no file and no hit, and the loser hears why."""
    folder = world.folder()
    workspace = world.open(folder)
    processes = [world.start(OBEDIENT, folder, "isolated") for _ in range(2)]
    outcomes: Counter[tuple[str, str]] = Counter()
    with begun(processes):
        updater, forgetter = processes
        for each in rounds(number):
            entry = workspace.save(f"lighthouse{each}", {"title": f"T{each}"}).entry
            told(updater, f"update {entry.memory.id}")
            told(forgetter, f"forget {entry.memory.id}")
            outcome = answer(updater), answer(forgetter)
            outcomes[outcome] += 1

            assert outcome[0] in ("update", "not_found", "changed")
            assert outcome[1] in ("forget", "changed")
            if outcome[1] == "forget":
                assert not entry.path.exists()
                assert workspace.search(f'"T{each}"').hits == ()
                assert entry.path.name not in {kept.name for kept in entry.store.root.iterdir()}
            else:
                assert outcome[0] == "update"
                assert workspace.get(entry.memory.id).memory.body == "changed"
    assert workspace.list(limit=1).total == len(files_below(folder / ".memory"))
    assert outcomes


@pytest.mark.parametrize("number", [15, pytest.param(200, marks=pytest.mark.soak)])
def test_one_memory_moved_by_two_processes_at_once_is_moved_once(world: World, number: int) -> None:
    """B19: one moves it; the other is told that it is there already, or gets a typed error; one file is left."""
    folder = world.folder()
    workspace = world.open(folder, mode="hybrid")
    processes = [world.start(OBEDIENT, folder, "hybrid") for _ in range(2)]
    with begun(processes):
        for each in rounds(number):
            entry = workspace.save("the same text", {"title": f"T{each}"}).entry
            for process in processes:
                told(process, f"move {entry.memory.id} global")
            outcome = sorted(answer(process) for process in processes)

            assert "move" in outcome
            outcome.remove("move")
            assert outcome[0] in ("was there", "not_found", "changed")
            assert [parse(raw, path).title for path, raw in files_below(folder / ".memory").items()] == []
            assert len(files_below(world.home / "global")) == each + 1
            assert workspace.get(entry.memory.id).file.raw == entry.file.raw
    assert workspace.twins() == []


def test_opposite_moves_and_saves_in_many_workspaces_end_in_order(world: World) -> None:
    """Processes that move and save through one global store neither wait for each other for ever nor lose anything."""
    script = f"""{BEGIN}
import random
for number in range(4):
    done = workspace.save(f"lighthouse {{number}}", scope=random.choice(["workspace", "global"]))
    workspace.move(done.entry.memory.id, "global")
    if number % 2:
        workspace.move(done.entry.memory.id, "workspace")
"""
    folders = [world.folder(f"project-{name}") for name in range(4)]

    together([world.start(script, folder, "hybrid") for folder in folders])

    assert [len(files_below(folder / ".memory")) for folder in folders] == [2] * 4
    assert len(files_below(world.home / "global")) == 8
    for folder in folders:
        assert world.open(folder, mode="hybrid").list(limit=1).total == 10


def test_first_saves_in_many_new_workspaces_are_all_trusted(world: World) -> None:
    """Of processes that each make a store at the same moment none takes back what another wrote down."""
    folders = [world.root / f"new-{name}" for name in range(8)]
    for folder in folders:
        folder.mkdir()

    together([world.start(SAVER, folder, "isolated", "x", 1) for folder in folders])

    assert [trust.is_trusted(world.state, folder) for folder in folders] == [True] * 8


# ---- nobody kept waiting


def test_a_process_that_only_has_a_workspace_open_is_in_nobodys_way(world: World) -> None:
    """B20: idle, or even stopped by its shell, it holds no lock; woken, it sees what the others did."""
    folder = world.folder()
    world.open(folder).save("the lighthouse", {"title": "T"})
    idle = world.start(OBEDIENT, folder, "isolated")
    with begun([idle]):
        told(idle, "search lighthouse")
        assert answer(idle) == "1"
        idle.send_signal(signal.SIGSTOP)

        together([world.start(SAVER, folder, "isolated", name, 3) for name in range(2)])
        workspace = world.open(folder)
        assert workspace.reindex() == 7
        assert workspace.search("lighthouse").notes == ()
        Index(world.cache)._folder.set_aside()

        idle.send_signal(signal.SIGCONT)
        told(idle, "search lighthouse")
        assert answer(idle) == "7"


def test_a_search_sees_what_was_saved_before_it_began(world: World) -> None:
    """Readers beside writers only ever see more, up to everything."""
    folder = world.folder()
    writers = [world.start(SAVER, folder, "isolated", name, 10) for name in range(2)]
    readers = [world.start(READER, folder, "isolated", 20) for _ in range(2)]

    said = together([*writers, *readers])

    assert said[2:] == ["20\n", "20\n"]


def test_a_memory_is_found_by_name_though_the_index_is_busy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody else writes the index for long, a save is acknowledged, and what was saved can be read."""
    monkeypatch.setattr("memfs.workspace.freshness.INDEX_WAIT_SECONDS", 0.2)
    workspace = world.open()
    workspace.save("before", {"title": "Before"})
    cache = os.open(world.cache, os.O_RDONLY)
    try:
        flock(cache, 5.0, "the index is free")
        done = workspace.save("the lighthouse", {"title": "Meanwhile", "id": "MEANWHILE01"})
        by_id = workspace.get("MEANWHILE01").path
        by_title = workspace.get("meanwhile").path
    finally:
        os.close(cache)

    assert "not searchable yet: another process is writing the index" in done.notes[0]
    assert by_id == by_title == done.entry.path
    assert [hit.entry.memory.title for hit in workspace.search("lighthouse").hits] == ["Meanwhile"]


@pytest.mark.parametrize("kills", [4, pytest.param(60, marks=pytest.mark.soak)])
def test_a_killed_index_writer_leaves_an_index_that_is_written_at_once(world: World, kills: int) -> None:
    """B21: nobody has to remove a lock, and what it had half done is neither lost nor doubled."""
    folder = world.folder()
    for number in range(600):
        (folder / ".memory" / f"{number}.md").write_text(f"the lighthouse {number} " + "lorem ipsum " * 40)
    for each in rounds(kills):
        indexer = world.start(INDEXER, folder, "isolated")
        with begun([indexer]):
            assert within_deadline(lambda: writing(world.cache) or indexer.poll() is not None)  # noqa: B023

        workspace = world.open(folder)
        done = workspace.save("one more lighthouse", {"title": f"T{each}"})
        assert done.notes == ()
        assert workspace.list(limit=1).total == 601 + each
        assert len(workspace.search("lighthouse", limit=1_000).hits) == 601 + each


def writing(cache: Path) -> bool:
    """Return whether somebody has the lock of the index right now."""
    import fcntl

    if not cache.exists():
        return False
    fd = os.open(cache, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(fd)


@pytest.mark.parametrize("what", ["locks", "index", "cache"])
def test_whoever_clears_the_cache_while_others_work_loses_nothing(world: World, what: str) -> None:
    """B22: each lock file, the index or the whole cache is removed again and again; every save is kept and found."""
    folder = world.folder()
    processes = [world.start(SAVER, folder, "isolated", name, 12) for name in range(3)]
    with begun(processes):
        removed = 0
        while any(process.poll() is None for process in processes):
            if what == "locks":
                for lock in world.cache.rglob("*.lock"):
                    lock.unlink(missing_ok=True)
                    removed += 1
            elif removed < 8:
                for place in [world.cache] if what == "cache" else list(world.cache.glob("index-*")):
                    shutil.rmtree(place, ignore_errors=True)
                    removed += 1
            within_deadline(lambda: all(process.poll() is not None for process in processes), 0.05)
        said = finished(processes)

    assert removed
    ids = {memory_id for line in said for memory_id in json.loads(line)}
    workspace = world.open(folder)
    assert {hit.entry.memory.id for hit in workspace.search("lighthouse", limit=100).hits} == ids
    assert len(ids) == 36


def test_a_program_that_a_face_starts_while_memfs_writes_is_in_nobodys_way(world: World) -> None:
    """B25: a git or an editor started in the middle of saves inherits neither the store's lock nor the index's."""
    folder = world.folder()
    workspace = world.open(folder)
    workspace.save("first")
    children: list[subprocess.Popen[bytes]] = []
    with ThreadPoolExecutor(1) as pool:
        saving = pool.submit(lambda: [workspace.save(f"lighthouse {number}") for number in range(20)])
        while not saving.done() or not children:
            children.append(subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False))
            within_deadline(saving.done, 0.02)
        saving.result()
    try:
        with workspace.view.stores[0].lock(seconds=0):
            pass
        Index(world.cache)._folder.set_aside()
        assert len(world.open(folder).search("lighthouse", limit=50).hits) == 20
    finally:
        for child in children:
            child.communicate()


# ---- threads


def test_one_workspace_serves_a_hundred_calls_at_once(world: World) -> None:
    """B24: of threads that save, search, get, update and list each gets its answer, and every save is there."""
    workspace = world.open()
    first = workspace.save("the lighthouse", {"title": "First"}).entry.memory.id
    calls: dict[int, Callable[[int], str]] = {
        0: lambda number: workspace.save(f"lighthouse {number}", {"title": f"T{number}"}).entry.memory.id,
        1: lambda _: workspace.search("lighthouse", limit=100).hits[0].entry.memory.id,
        2: lambda _: workspace.get(first).memory.id,
        3: lambda number: workspace.update(first, {"tags": [f"t{number}"]}).entry.memory.id,
        4: lambda _: workspace.list(limit=100).entries[0].memory.id,
    }

    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(lambda number: calls[number % 5](number), range(100)))

    assert len(answers) == 100
    assert all(answers)
    assert {entry.memory.title for entry in workspace.list(limit=100).entries} == {
        "First",
        *(f"T{number}" for number in range(0, 100, 5)),
    }


def test_many_workspaces_in_one_process_share_stores_and_index(world: World) -> None:
    """A server with a workspace for each client: threads with their own `Workspace` lose nothing either."""
    folders = [world.folder(f"p{number % 2}") for number in range(6)]

    def work(number: int) -> int:
        workspace: Workspace = world.open(folders[number], mode="hybrid")
        for each in range(4):
            workspace.save(f"lighthouse {each}", scope="global" if each % 2 else "workspace")
        return len(workspace.search("lighthouse", limit=100).hits)

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(work, range(6)))

    assert all(count >= 4 for count in found)
    assert world.open(folders[0], mode="global").list(limit=1).total == 12
    assert [world.open(folder).list(limit=1).total for folder in folders[:2]] == [6, 6]


def test_first_saves_by_threads_of_one_process_are_all_trusted(world: World) -> None:
    """Two clients of one server that begin two projects at once."""
    folders = [world.root / f"new-{number}" for number in range(8)]
    for folder in folders:
        folder.mkdir()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda folder: world.open(folder).save("first"), folders))

    assert [trust.is_trusted(world.state, folder) for folder in folders] == [True] * 8


def test_a_memory_on_its_way_is_there_at_every_moment(world: World) -> None:
    """P10: whoever looks in both stores while it is moved to and fro sees it in one of them, or briefly in both."""
    folder = world.folder()
    entry = world.open(folder, mode="hybrid").save("the lighthouse", {"title": "T"}).entry
    places = [entry.path, world.home / "global" / entry.memory.path]
    script = f"""{BEGIN}
for number in range(12):
    workspace.move(rest[0], ["global", "workspace"][number % 2])
"""
    process = world.start(script, folder, "hybrid", entry.memory.id)
    looks = misses = 0
    with begun([process]):
        while process.poll() is None:
            looks += 1
            # the first once more: it may have come back while the second was looked at
            misses += not any(place.exists() for place in (*places, places[0]))
        finished([process])

    assert looks
    assert misses == 0
