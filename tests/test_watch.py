"""The watcher, on real files and the real kernel: what happens elsewhere is found, told, and costs nothing else."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

import memfs.feed
import memfs.watch
from memfs.answers import Event
from memfs.changes import Stamp
from memfs.feed import since
from memfs.scanning import Scan
from memfs.store import Store
from memfs.watch import MAX_FOLDERS
from memfs.watch import Watcher
from memfs.watch import _Watched
from memfs.watch.eyes import Told
from memfs.workspace import Workspace
from tests.commands import MEMFS
from tests.commands import memfs as command
from tests.worlds import DEADLINE_SECONDS
from tests.worlds import World
from tests.worlds import finished
from tests.worlds import rounds
from tests.worlds import stopped
from tests.worlds import within_deadline
from tests.worlds import without_powers

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own order of events is Linux's")


class Watching(Watcher):
    """A watched workspace, and what came of it.

    Attributes:
        scans: How often a whole store was looked at.
        stirs: How often the watcher said that something happened.
        heard: What listeners were told: added, changed and removed paths.
    """

    def __init__(self, here: Workspace) -> None:
        super().__init__(here.view.stores, self._refresh)
        self.here = here
        self.scans = 0
        self.stirs = self._refreshed = 0
        self.heard: list[Event] = []
        here.listen(self.heard.append)
        here.hints = self
        self.start()
        assert within_deadline(self.settled)

    def _refresh(self, store: Store) -> None:
        self.stirs += 1
        self.here.refresh(store)
        self._refreshed += 1

    def scanned(self, store: Store, scan: Scan, seconds: float) -> None:
        """Count, beside what a watcher does."""
        self.scans += 1
        super().scanned(store, scan, seconds)

    def settled(self) -> bool:
        """Return whether there is nothing to tell, and hints suffice from here on."""
        return len(self._watched) <= self.stirs == self._refreshed and all(
            each.first is None and (each.lost == each.found or each.identity is None) for each in self._watched.values()
        )

    def finds(self, text: str) -> list[str]:
        """Return the paths of what a search for *text* finds right now."""
        return sorted(hit.entry.memory.path for hit in self.here.search(text, limit=1_000).hits)

    def has_heard(self, path: str) -> bool:
        """Return whether the last that listeners were told speaks of *path*."""
        return any(path in paths for event in self.heard for paths in event.changes)


@pytest.fixture
def store(world: World) -> Path:
    """Return the folder of the workspace's store."""
    return world.folder() / ".memory"


@pytest.fixture
def watching(world: World, store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    """Return a watched workspace that holds a few memories; no scan is due, however slow the machine is."""
    monkeypatch.setattr(memfs.watch, "PERIOD_SECONDS", 10 * DEADLINE_SECONDS)
    monkeypatch.setattr(memfs.watch, "WAIT_SECONDS", DEADLINE_SECONDS)
    for name in ("a.md", "sub/b.md", "sub/deep/c.md"):
        put(store, name, "old words\n")
    with watched(world) as watching:
        yield watching


@contextmanager
def watched(world: World, *, mode: str | None = None) -> Iterator[Watching]:
    """Yield the workspace of *world*, watched, and stop watching."""
    watching = Watching(world.open(world.root / "project", mode=mode))
    try:
        yield watching
    finally:
        watching.stop()


def put(folder: Path, name: str, text: str) -> Path:
    """Write the file *name* in place, as an editor without care does; return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def shell(folder: Path, script: str) -> None:
    """Run *script* in *folder*; fails when it fails."""
    subprocess.run(["sh", "-ec", script], cwd=folder, check=True, capture_output=True)


# ---- what a search finds, at once and without a scan


def test_while_nothing_happens_a_search_looks_at_no_file(watching: Watching) -> None:
    """Reading, ours too, is no change: nothing is scanned, nothing is told, and nothing is due."""
    before = (watching.scans, watching.stirs)

    for _ in range(20):
        assert watching.finds("old") == ["a.md", "sub/b.md", "sub/deep/c.md"]

    assert watching.take(watching.here.view.stores[0]) == frozenset()
    assert (watching.scans, watching.stirs) == before
    assert watching.notes() == ()


SAVES = {
    "truncate and write": "echo zebra > a.md",
    "append and cut": "echo zebra >> a.md; sed -n '$p' a.md > .x.tmp; cat .x.tmp > a.md",
    "replace": "echo zebra > .a.md.new; mv .a.md.new a.md",
    "replace from outside": "echo zebra > ../outside; mv ../outside a.md",
    "copy over": "echo zebra > ../outside; cp ../outside a.md",
    "sed -i": "sed -i s/.*/zebra/ a.md",
    "vim, by hand": "echo > .a.md.swp; echo > 4913; rm 4913; mv a.md a.md~; echo zebra > a.md; rm a.md~ .a.md.swp",
    "vim": "vim -Nu NONE -es -c '%s/.*/zebra/' -c wq a.md",
    "emacs": "ln -s me@host:1 .#a.md; mv a.md a.md~; echo zebra > a.md; rm .#a.md",
    "remove and make": "rm a.md; echo zebra > a.md",
    "hard link": "echo zebra > .new; rm a.md; ln .new a.md; rm .new",
}


@linux_only
@pytest.mark.parametrize("save", SAVES)
def test_what_an_editor_saves_is_found_by_the_next_search(watching: Watching, store: Path, save: str) -> None:
    """One hit, nothing of the old text, no scan; and listeners are told of that file and no other (D40)."""
    if not shutil.which(SAVES[save].split(" ", maxsplit=1)[0]) and save == "vim":
        pytest.skip("vim is not installed")
    scans = watching.scans

    shell(store, SAVES[save])

    assert watching.finds("zebra") == ["a.md"]
    assert watching.finds("old") == ["sub/b.md", "sub/deep/c.md"]
    assert watching.scans == scans
    assert within_deadline(lambda: watching.has_heard("a.md"))
    assert {path for event in watching.heard for paths in event.changes for path in paths} == {"a.md"}


@linux_only
def test_a_search_waits_for_events_that_are_on_their_way(watching: Watching, store: Path) -> None:
    """Written in place, in the same size, and asked for at once, again and again: never the text before."""
    scans = watching.scans

    for number in range(50):
        put(store, "sub/b.md", f"number{number:06d}\n")
        assert watching.finds(f"number{number:06d}") == ["sub/b.md"]

    assert watching.scans == scans


def test_a_file_that_looks_unchanged_after_a_second_write_is_read_again(watching: Watching, store: Path) -> None:
    """A stamp taken within a tick of the write is not believed: the file stays due until it is settled."""
    here, of = watching.here, watching.here.view.stores[0]
    watching.stop()  # so that nothing but searches looks
    hints = Said()
    here.hints = hints
    here.search("x")
    path = put(store, "a.md", "zebra\n")
    hints.paths = frozenset({"a.md"})
    assert watching.finds("zebra") == ["a.md"]
    assert here.index.seen(of)["a.md"] != stamp_of(path)
    hints.paths = frozenset()

    assert within_deadline(lambda: watching.finds("zebra") and here.index.seen(of)["a.md"] == stamp_of(path))
    assert hints.scans == 1


class Said:
    """Hints as they are said, whatever happens."""

    def __init__(self) -> None:
        self.paths: frozenset[str] | None = None
        self.scans = 0

    def take(self, store: object, since: float | None = None) -> frozenset[str] | None:  # noqa: ARG002  (the protocol's)
        """Return what is to be said."""
        return self.paths

    def scanned(self, store: object, scan: object, seconds: float) -> None:  # noqa: ARG002
        """Count."""
        self.scans += 1


def stamp_of(path: Path) -> Stamp:
    """Return what a store would say of the file *path*."""
    about = path.stat()
    return Stamp(about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino)


@linux_only
def test_a_move_out_holds_nothing_back(watching: Watching, store: Path, world: World) -> None:
    """Watchdog's observer would wait half a second for the other end of the move, and hold back what follows."""
    scans = watching.scans

    (store / "a.md").rename(world.root / "elsewhere.md")
    put(store, "sub/b.md", "zebra\n")

    assert (watching.finds("zebra"), watching.finds("old")) == (["sub/b.md"], ["sub/deep/c.md"])
    assert watching.scans == scans


def test_folders_that_come_and_go_are_found(watching: Watching, store: Path, world: World) -> None:
    """A tree moved in, edited, renamed, moved out, removed: each time the next search is right (D41)."""
    for name in ("tree/x.md", "tree/in/y.md"):
        put(world.root, name, "zebra\n")

    (world.root / "tree").rename(store / "tree")
    assert watching.finds("zebra") == ["tree/in/y.md", "tree/x.md"]
    assert within_deadline(watching.settled)
    put(store, "tree/in/z.md", "zebra\n")
    assert watching.finds("zebra") == ["tree/in/y.md", "tree/in/z.md", "tree/x.md"]
    (store / "tree").rename(store / "wood")
    assert watching.finds("zebra") == ["wood/in/y.md", "wood/in/z.md", "wood/x.md"]
    assert within_deadline(watching.settled)
    put(store, "wood/in/y.md", "horse\n")
    assert within_deadline(lambda: watching.has_heard("wood/in/y.md") and watching.finds("horse") == ["wood/in/y.md"])
    shutil.rmtree(store / "wood/in")
    assert watching.finds("zebra") == ["wood/x.md"]
    shutil.rmtree(store / "wood")
    assert watching.finds("zebra") == []


@linux_only
def test_a_tree_that_was_moved_out_haunts_nobody(watching: Watching, store: Path, world: World) -> None:
    """Its later edits are not reported under the path that it had."""
    (store / "sub").rename(world.root / "gone")
    assert watching.finds("old") == ["a.md"]
    assert within_deadline(watching.settled)
    stirs = watching.stirs

    put(world.root, "gone/b.md", "zebra\n")
    put(world.root, "gone/deep/d.md", "zebra\n")

    assert watching.take(watching.here.view.stores[0]) == frozenset()
    assert watching.stirs == stirs


def test_two_folders_that_change_names_are_told_apart(watching: Watching, store: Path) -> None:
    """What is watched is the folder, not its name."""
    put(store, "other/b.md", "zebra\n")
    assert within_deadline(lambda: watching.finds("zebra") and watching.settled())
    shell(store, "mv sub x; mv other sub; mv x other")
    assert watching.finds("zebra") == ["sub/b.md"]
    assert within_deadline(watching.settled)
    scans = watching.scans

    put(store, "other/b.md", "horse\n")

    assert watching.finds("horse") == ["other/b.md"]
    assert watching.scans == scans or sys.platform != "linux"


def test_only_what_the_store_counts_is_hinted_at(watching: Watching, store: Path) -> None:
    """Hidden files and folders, temporary files and other endings are no news, links and pipes are no memories."""
    of = watching.here.view.stores[0]
    for name in (".x.md", ".memfs-1-2.tmp", "a.txt", "4913", ".git/HEAD.md", ".obsidian/x.md", "a.md~", "#a.md#"):
        put(store, name, "zebra\n")
    if sys.platform == "linux":
        assert watching.take(of) == frozenset()
        assert watching.settled()
    (store / "link.md").symlink_to(store / "nowhere")
    os.mkfifo(store / "pipe.md")

    assert watching.finds("zebra") == []
    put(store, "sub/B2.MD", "zebra\n")
    assert watching.finds("zebra") == ["sub/B2.MD"]


def test_folders_named_like_memories_and_what_cannot_be_read_harm_nobody(world: World, store: Path) -> None:
    """A folder x.md, a broken link, a shut folder and a shut file; changes elsewhere are still seen (D44)."""
    for name in ("x.md/in.md", "shut/s.md", "s.md", "ok/o.md"):
        put(store, name, "old\n")
    (store / "broken.md").symlink_to("nowhere")
    (store / "shut").chmod(0)
    (store / "s.md").chmod(0)
    script = TOLD + (
        "(store / 'x.md/in.md').write_text('zebra'); (store / 'ok/n.md').write_text('zebra')\n"
        "wait(lambda: {'x.md/in.md', 'ok/n.md'} <= paths())\n"
        "os.mkdir(store / 'y.md'); (store / 'shut').chmod(0o700); (store / 'shut/t.md').write_text('zebra')\n"
        "wait(lambda: {'shut/s.md', 'shut/t.md'} <= paths())\n"
        "print(watcher.notes()); watcher.stop()"
    )
    try:
        assert world.run(script, through=without_powers()) == "()\n"
    finally:
        (store / "shut").chmod(0o700)


TOLD = """
import os, sys, threading, time
from pathlib import Path
from memfs.watch import Watcher
from memfs.watch.eyes import Told
from memfs.workspace import Workspace

here = Workspace.open(Path("project"))
store = Path("project/.memory")
told = []
here.listen(told.append)
watcher = Watcher(here.view.stores, here.refresh)
here.hints = watcher
watcher.start()

def paths():
    return {path for event in list(told) for paths in event.changes for path in paths}

def wait(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, (told, watcher.notes())
        time.sleep(0.005)

wait(lambda: here.hints.take(here.view.stores[0]) is not None or watcher.notes())
"""
"""The beginning of a script of a process of its own that watches the workspace `project`."""


# ---- the root


def test_a_store_that_is_made_later_is_watched(world: World, store: Path) -> None:
    """Its folder need not be there when watching begins (D42)."""
    store.rmdir()
    with watched(world) as watching:
        assert watching.notes() == ()
        assert watching.finds("zebra") == []
        assert not store.exists()

        put(store, "a.md", "zebra\n")
        assert watching.finds("zebra") == ["a.md"]
        assert within_deadline(lambda: watching.has_heard("a.md") and watching.settled())
        put(store, "b.md", "zebra\n")
        assert within_deadline(lambda: watching.has_heard("b.md"))


def test_a_store_that_nobody_searches_is_found_when_it_is_made(world: World, store: Path) -> None:
    """The watcher itself looks whether the folder is there by now."""
    store.rmdir()
    with watched(world) as watching:
        put(store, "deep/a.md", "zebra\n")

        assert within_deadline(lambda: watching.has_heard("deep/a.md"))


@pytest.mark.parametrize("away", ["removed", "renamed"])
def test_a_store_that_is_replaced_is_watched_anew(watching: Watching, store: Path, world: World, away: str) -> None:
    """Removed or renamed away, and made again: the new folder counts, and nothing that happens in the old one."""
    shutil.rmtree(store) if away == "removed" else store.rename(world.root / "old")
    assert watching.finds("old") == []
    put(store, "new.md", "zebra\n")
    assert watching.finds("zebra") == ["new.md"]
    assert within_deadline(watching.settled)
    watching.heard.clear()

    put(world.root, "old/ghost.md", "zebra\n")
    put(store, "sub/newer.md", "zebra\n")

    assert within_deadline(lambda: watching.has_heard("sub/newer.md"))
    assert watching.finds("zebra") == ["new.md", "sub/newer.md"]
    assert not watching.has_heard("ghost.md")


def test_a_store_is_replaced_again_and_again(watching: Watching, store: Path) -> None:
    """Also where the file system gives the new folder the number of the old one."""
    for number in range(20):
        shutil.rmtree(store)
        put(store, f"n{number}.md", "zebra\n")
        assert watching.finds("zebra") == [f"n{number}.md"]
        put(store, f"n{number}.md", "horse\n")
        assert within_deadline(lambda: bool(watching.finds("horse")))

    assert watching.notes() == ()


def test_a_project_that_is_renamed_takes_nobody_along(watching: Watching, world: World) -> None:
    """The store is where it was said to be, or not there."""
    (world.root / "project").rename(world.root / "moved")

    assert watching.finds("old") == []
    put(world.root, "moved/.memory/x.md", "zebra\n")
    assert watching.finds("zebra") == []
    assert within_deadline(watching.settled)


# ---- what is lost


@linux_only
def test_events_that_the_kernel_drops_cost_a_scan(
    watching: Watching, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """More events than its queue holds, while nobody reads: what happened meanwhile is found all the same."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    pair = (store / "a.md", store / "sub/b.md")
    scans = watching.scans
    with watching._lock:  # the thread that reads waits here
        for number in range(most + 5_000):
            os.utime(pair[number % 2])
        put(store, "sub/lost.md", "zebra\n")

    assert watching.finds("zebra") == ["sub/lost.md"]
    assert within_deadline(lambda: "queue overflowed" in caplog.text and watching.settled())
    assert watching.scans > scans
    put(store, "sub/deep/next.md", "zebra\n")
    assert within_deadline(lambda: watching.has_heard("sub/deep/next.md"))


def test_a_flood_of_paths_is_forgotten_for_a_scan(
    watching: Watching, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the watcher keeps has a bound."""
    monkeypatch.setattr(memfs.watch, "MAX_PATHS", 50)
    shell(store, "for n in $(seq 200); do echo zebra > n$n.md; done")

    assert all(len(each.paths) <= 50 for each in watching._watched.values())
    assert len(watching.finds("zebra")) == 200
    assert within_deadline(lambda: watching.has_heard("n200.md"))


def test_what_no_event_tells_of_is_found_when_a_scan_is_due(
    world: World, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file written through another name of it, outside the store: no event, no changed folder (D45)."""
    monkeypatch.setattr(memfs.watch, "PERIOD_SECONDS", 0.3)
    path = put(store, "a.md", "old\n")
    (world.root / "other.md").hardlink_to(path)
    with watched(world) as watching:
        scans = watching.scans

        (world.root / "other.md").write_text("zebra\n")

        assert within_deadline(lambda: watching.has_heard("a.md"))
        assert watching.scans > scans
        assert watching.finds("zebra") == ["a.md"]


class Deaf:
    """What sees nothing and does not know it, like a network's file system that others write to."""

    def tree(self, root: str, told: Told) -> Deaf:  # noqa: ARG002  (the protocol's)
        """Return what reports nothing."""
        return self

    def follow(self, folders: Mapping[str, int]) -> tuple[bool, str]:  # noqa: ARG002
        """Say that all is well."""
        return False, ""

    def alive(self) -> bool:
        """Say that all is well."""
        return True

    def settle(self, seconds: float) -> bool:  # noqa: ARG002
        """Say that all is told."""
        return True

    def close(self) -> None:
        """Do nothing."""


def test_a_folder_that_changed_and_that_no_event_names_is_scanned(
    world: World, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever comes, goes or is replaced is found by the next search though nobody tells; once, not for ever."""
    monkeypatch.setattr(memfs.watch, "_open_eyes", Deaf)
    for name in ("a.md", "sub/b.md", "sub/deep/c.md"):
        put(store, name, "old\n")
    with watched(world) as watching:
        put(store, "sub/n.md", "zebra\n")
        assert watching.finds("zebra") == ["sub/n.md"]
        shell(store, "echo zebra > .x; mv .x sub/deep/c.md; rm a.md")
        assert watching.finds("zebra") == ["sub/deep/c.md", "sub/n.md"]
        assert watching.finds("old") == ["sub/b.md"]
        scans = watching.scans
        assert watching.finds("old") == ["sub/b.md"]
        assert watching.scans == scans


OVERLAY = 'mount -t overlay overlay -o lowerdir="$0/low",upperdir="$0/up",workdir="$0/work" "$0/project" && exec "$@"'


@linux_only
def test_a_change_below_an_overlay_is_found_when_a_scan_is_due(world: World) -> None:
    """As in a container whose lower layer is changed from outside (D45)."""
    for name in ("up", "work", "project"):
        (world.root / name).mkdir()
    put(world.root, "low/.memory/a.md", "old\n")
    through = ("unshare", "--map-root-user", "--mount", "sh", "-c", OVERLAY, str(world.root))
    if not shutil.which("unshare") or subprocess.run([*through, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this account may not mount an overlay")
    script = (
        "import memfs.watch; memfs.watch.PERIOD_SECONDS = 0.3\n"
        + TOLD
        + (
            "Path('low/.memory/a.md').write_text('zebra words')\n"
            "wait(lambda: 'a.md' in paths())\n"
            "print(len(here.search('zebra').hits)); watcher.stop()"
        )
    )

    assert world.run(script, through=through) == "1\n"


LIMITS = {
    "20 folders": ("max_inotify_watches", 20, "limit on watched folders"),
    "no folder": ("max_inotify_watches", 0, "limit on watched folders"),
    "no instance": ("max_inotify_instances", 0, "limit on watching programs"),
}


@linux_only
@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_of_the_kernels_is_said_and_costs_scans(world: World, store: Path, limit: str) -> None:
    """With 50 folders: the watcher starts, says why it scans, and changes are found and told (D43)."""
    name, most, reason = LIMITS[limit]
    for number in range(50):
        put(store, f"f{number:02d}/a.md", "old\n")
    limits = f'echo {most} > /proc/sys/user/{name} && exec "$0" "$@"'
    through = ("unshare", "--map-root-user", "--user", "sh", "-c", limits)
    if not shutil.which("unshare") or subprocess.run([*through, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this account may not limit itself")
    script = TOLD + (
        "began = time.monotonic()\n"
        "for n in range(50): (store / f'f{n:02d}/n.md').write_text('zebra')\n"
        "print(len(here.search('zebra', limit=99).hits))\n"
        "for n in range(50): (store / f'f{n:02d}/m.md').write_text('horse')\n"
        "wait(lambda: {f'f{n:02d}/m.md' for n in range(50)} <= paths())\n"
        "print(time.monotonic() - began < 10); print(*watcher.notes(), sep='\\n'); watcher.stop()"
    )

    found, in_time, *notes = world.run(script, through=through).splitlines()

    assert (found, in_time, len(notes)) == ("50", "True", 1)
    assert notes[0].startswith("The workspace store is scanned instead of watched")
    assert reason in notes[0]


@linux_only
def test_a_thread_of_watchdogs_that_ends_is_replaced(watching: Watching, store: Path) -> None:
    """Nobody would tell; so the watcher looks, and searches scan until there is a new one."""
    eyes = watching._eyes
    assert eyes is not None
    eyes.close()

    put(store, "a.md", "zebra\n")
    assert watching.finds("zebra") == ["a.md"]
    assert within_deadline(lambda: watching._eyes not in (eyes, None) and watching.settled())

    def finds_without_a_scan() -> bool:
        scans = watching.scans
        put(store, "sub/deep/c.md", f"horse {scans}\n")
        assert watching.finds("horse") == ["sub/deep/c.md"]
        return watching.scans == scans

    assert within_deadline(finds_without_a_scan)  # the new one's own first scans may not be over


def test_a_listener_that_fails_is_logged_and_told_again(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once for the same fault, however often it happens; watching goes on."""
    called: list[Store] = []

    def stirred(store: Store) -> None:
        called.append(store)
        raise RuntimeError("zebra")

    watcher = Watcher([Store(store, "workspace")], stirred)
    watcher.start()
    try:
        assert within_deadline(lambda: len(called) == 1)
        put(store, "a.md", "x\n")
        assert within_deadline(lambda: len(called) == 2)
        put(store, "b.md", "x\n")
        assert within_deadline(lambda: len(called) == 3)
    finally:
        watcher.stop()
    assert [record.levelno for record in caplog.records if record.name == "memfs.watch"] == [logging.ERROR]
    assert "zebra" in caplog.text


def test_hints_that_come_during_a_scan_are_kept(watching: Watching, store: Path) -> None:
    """Only a scan that began after them covers them; one that failed covers nothing."""
    of = watching.here.view.stores[0]
    state = watching._watched[of.key]
    watching._stirred = lambda _store: None
    state.lost += 1
    assert (watching.take(of), watching.take(of)) == (None, None)
    scan = of.scan()
    put(store, "sub/b.md", "zebra\n")
    assert within_deadline(lambda: state.paths)
    watching.scanned(of, scan, 0.001)
    assert watching.take(of) == frozenset({"sub/b.md"})
    state.lost += 1
    assert watching.take(of) is None
    scan = of.scan()
    state.lost += 1
    watching.scanned(of, scan, 0.001)
    assert watching.take(of) is None


def test_a_root_that_is_missed_by_a_scan_is_watched_anew(watching: Watching, store: Path) -> None:
    """Removed before a scan and made again before its end, with the number that it had before."""
    of = watching.here.view.stores[0]
    watching._stirred = lambda _store: None
    with watching._aiming:  # the watcher's own thread looks nowhere
        before = watching._watched[of.key].identity
        shutil.rmtree(store)
        assert before is not None
        assert watching._eyes is None or watching._eyes.settle(DEADLINE_SECONDS)  # all that is told of the old one
        scan = of.scan()
        put(store, "a.md", "zebra\n")
        watching._watched[of.key].begun = watching._watched[of.key].lost
        watching.scanned(of, scan, 0.001)

        assert watching.take(of) is None


# ---- many, and much


def test_many_folders_are_watched_too(world: World, store: Path) -> None:
    """Beyond the number up to which their times are compared."""
    for number in range(MAX_FOLDERS + 50):
        put(store, f"f{number}/a.md", "old\n")
    with watched(world) as watching:
        scans = watching.scans
        put(store, "f7/b.md", "zebra\n")
        put(store, f"f{MAX_FOLDERS + 49}/a.md", "zebra\n")

        if sys.platform == "linux":
            assert watching.finds("zebra") == [f"f{MAX_FOLDERS + 49}/a.md", "f7/b.md"]
            assert watching.scans == scans
        assert within_deadline(lambda: watching.has_heard("f7/b.md"))


def test_slow_writing_in_place_ends_with_the_final_text(watching: Watching, store: Path) -> None:
    """Many small steps: readers in between do no harm, and the end is told (D49)."""
    writer = (
        "import sys, time\nwith open(sys.argv[1], 'w') as file:\n"
        "  for step in range(64): file.write(f'step{step:02d} ' * 128); file.flush(); time.sleep(0.02)"
    )
    began = time.monotonic()
    writing = subprocess.Popen([sys.executable, "-c", writer, str(store / "a.md")])
    assert within_deadline(lambda: watching.has_heard("a.md"))
    while writing.poll() is None:
        watching.finds("step00")
    assert writing.wait() == 0

    assert watching.finds("step63") == ["a.md"]
    assert watching.stirs < 10 + 2 * (time.monotonic() - began) / 0.02


def test_touched_files_are_told_and_left_as_they_are(watching: Watching, store: Path) -> None:
    """A new time alone changes no byte and no answer (D47)."""
    touch_all(watching, store, 300)


@pytest.mark.soak
def test_ten_thousand_touched_files_are_left_as_they_are(watching: Watching, store: Path) -> None:
    """Likewise of ten thousand (D47)."""
    touch_all(watching, store, 10_000)


def touch_all(watching: Watching, store: Path, number: int) -> None:
    """Touch *number* memories, and wait until all is well again."""
    for each in range(number):
        put(store, f"f{each % 7}/n{each}.md", f"zebra number{each}\n")
    assert watching.here.reindex() == number + 3
    assert within_deadline(lambda: len(watching.finds("zebra")) == min(number, 1_000) and watching.settled())
    shell(store, "find . -name 'n*.md' -exec touch {} +")
    after = {path: path.stat().st_mtime_ns for path in store.rglob("n*.md")}
    of = watching.here.view.stores[0]
    # what was touched just before it was looked at stays due, for the next search
    assert within_deadline(lambda: watching.finds("zebra") and watching.here.index.seen(of) == of.scan().files)

    assert watching.finds(f"number{number - 1}") == [f"f{(number - 1) % 7}/n{number - 1}.md"]
    assert {path: path.stat().st_mtime_ns for path in store.rglob("n*.md")} == after


def test_after_switching_branches_the_index_is_the_files(world: World, store: Path) -> None:
    """Git writes in place, removes and makes folders: each switch is found whole, and told (D46)."""
    switch_branches(world, store, 60, 3)


@pytest.mark.soak
def test_after_switching_large_branches_the_index_is_the_files(world: World, store: Path) -> None:
    """A thousand changed memories, as long as it lasts (D46)."""
    switch_branches(world, store, 1_000, 20)


def switch_branches(world: World, store: Path, number: int, times: int) -> None:
    """Switch *times* between two branches with *number* memories that differ; check what is found after each."""
    git = "git -c user.name=x -c user.email=x -c init.defaultBranch=horse"
    for each in range(number):
        put(store, f"f{each % 5}/n{each}.md", f"horse {each}\n")
    shell(store.parent, f"{git} init -q; {git} add .; {git} commit -qm 1; {git} checkout -qb zebra")
    shutil.rmtree(store)
    for each in range(number):
        put(store, f"g{each % 5}/n{each}.md" if each % 2 else f"f{each % 5}/n{each}.md", f"zebra {each}\n")
    shell(store.parent, f"{git} add -A .; {git} commit -qm 2")
    with watched(world) as watching:
        of = watching.here.view.stores[0]
        for each in rounds(times):
            there, gone = ("horse", "zebra") if each % 2 == 0 else ("zebra", "horse")

            shell(store.parent, f"{git} checkout -q {there}")

            assert (len(watching.finds(there)), watching.finds(gone)) == (number, [])
            assert within_deadline(
                lambda: watching.settled() and watching.here.index.seen(of).keys() == of.scan().files.keys()
            )
        assert watching.notes() == ()


def test_two_processes_tell_each_other(world: World, watching: Watching) -> None:
    """What one saves the other hears, though it is the other's index that has it already."""
    script = TOLD + (
        "print('ready', flush=True)\n"
        "wait(lambda: any('ours' in path for path in paths()))\n"
        "here.save('theirs zebra'); watcher.stop(); print(len(here.search('zebra').hits))"
    )
    process = world.start(script)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        watching.here.save("ours zebra")
        assert within_deadline(
            lambda: any("theirs" in path for event in watching.heard for path in event.changes.added)
        )
        assert finished([process]) == ["2\n"]
    finally:
        stopped(process)
    assert len(watching.finds("zebra")) == 2


def test_all_stores_of_a_view_are_watched_and_told_apart(world: World, store: Path) -> None:
    """The global store, which is made by a move, too; and the same path in both is two files."""
    put(store, "a.md", "---\nid: abc\n---\nold\n")
    with watched(world, mode="hybrid") as watching:
        other = world.open(mode="hybrid")
        other.move("abc", "global")
        put(store, "a.md", "new zebra\n")

        assert within_deadline(lambda: len({event.store.scope for event in watching.heard}) == 2)
        assert [hit.entry.store.scope for hit in watching.here.search("zebra").hits] == ["workspace"]
        assert watching.here.get("abc").store.scope == "global"


# ---- life


def test_stopping_is_quick_and_leaves_no_thread(store: Path) -> None:
    """Twice is once; afterwards only scans can tell, and watching can begin again."""
    before = set(threading.enumerate())
    of = Store(store, "workspace")
    watcher = Watcher([of], lambda _store: None)
    watcher.start()
    watcher.start()
    running = set(threading.enumerate()) - before

    began = time.monotonic()
    watcher.stop()
    watcher.stop()

    assert time.monotonic() - began < 0.5
    assert 1 <= len(running) <= (2 if sys.platform == "linux" else 4)
    assert set(threading.enumerate()) == before
    assert watcher.take(of) is None
    watcher.start()
    assert watcher.notes() == ()
    watcher.stop()


def test_a_watcher_may_be_stopped_from_what_it_calls_and_while_it_calls(store: Path) -> None:
    """By its own thread it does not wait for itself, and another's waits for a moment only."""
    entered, leave = threading.Event(), threading.Event()
    mine: list[Watcher] = []

    def stop_self(_store: Store) -> None:
        mine[0].stop()
        entered.set()

    def hang(_store: Store) -> None:
        entered.set()
        leave.wait(DEADLINE_SECONDS)

    mine.append(Watcher([Store(store, "workspace")], stop_self))
    mine[0].start()
    assert entered.wait(DEADLINE_SECONDS)
    entered.clear()
    hanging = Watcher([Store(store, "workspace")], hang)
    hanging.start()
    assert entered.wait(DEADLINE_SECONDS)
    began = time.monotonic()
    hanging.stop()
    assert time.monotonic() - began < 0.5
    leave.set()


def test_something_is_told_soon_and_not_too_often(store: Path) -> None:
    """After 20 ms of quiet; and while it goes on without a pause, after half a second all the same."""
    state = _Watched(Store(store, "workspace"))
    state.first, state.last = 100.0, 100.3
    assert state.due() == pytest.approx(100.32)
    state.last = 100.6
    assert state.due() == pytest.approx(100.5)
    told: list[Store] = []
    watcher = Watcher([state.store], told.append)
    watcher.start()
    try:
        assert within_deadline(lambda: len(told) == 1)
        while len(told) == 1:  # no pause: only patience ends it
            put(store, "a.md", "x\n")
    finally:
        watcher.stop()


def test_a_store_behind_a_link_is_not_watched(world: World, store: Path) -> None:
    """A repository's link leads nowhere, for the watcher as for the store; the log is not filled with it."""
    put(world.root, "secret/a.md", "zebra\n")
    store.rmdir()
    store.symlink_to(world.root / "secret")
    told: list[Store] = []
    watcher = Watcher([Store(store, "workspace")], told.append)
    watcher.start()
    try:
        assert within_deadline(lambda: len(told) == 1)
        put(world.root, "secret/b.md", "zebra\n")
        assert watcher.take(told[0]) is None
        assert all(each.tree is None for each in watcher._watched.values())
    finally:
        watcher.stop()


# ---- other systems


@pytest.fixture
def observed(world: World, store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    """Return a workspace that is watched as on systems without inotify: by watchdog's observer."""
    from memfs.watch.observer import Observed

    monkeypatch.setattr(memfs.watch, "_open_eyes", Observed)
    for name in ("a.md", "sub/b.md", "sub/deep/c.md"):
        put(store, name, "old words\n")
    with watched(world) as watching:
        yield watching


def test_watchdogs_observer_tells_of_files(observed: Watching, store: Path) -> None:
    """Made, replaced and removed files are found at once for their folder's time; edits in place once they are told."""
    shell(store, "echo zebra > n.md; echo zebra > .x; mv .x sub/b.md; rm sub/deep/c.md")
    assert observed.finds("zebra") == ["n.md", "sub/b.md"]
    assert observed.finds("old") == ["a.md"]
    assert within_deadline(lambda: observed.has_heard("sub/deep/c.md") and observed.settled())
    scans = observed.scans

    put(store, "sub/b.md", "horse\n")

    assert within_deadline(lambda: observed.has_heard("sub/b.md") and observed.finds("horse") == ["sub/b.md"])
    assert observed.scans == scans
    assert observed.notes() == ()


def test_watchdogs_observer_tells_of_folders_and_follows_the_root(
    observed: Watching, store: Path, world: World
) -> None:
    """Trees that come and go, and a store that is removed, renamed and made again."""
    put(world.root, "tree/in/x.md", "zebra\n")
    (world.root / "tree").rename(store / "tree")
    assert within_deadline(lambda: observed.has_heard("tree/in/x.md"))
    (store / "tree").rename(world.root / "out")
    assert within_deadline(lambda: observed.finds("zebra") == [])
    store.rename(world.root / "old")
    put(store, "new.md", "zebra\n")
    assert within_deadline(lambda: observed.has_heard("new.md") and observed.settled())
    for number in range(3):
        shutil.rmtree(store)
        put(store, f"deep/again{number}.md", f"zebra{number}\n")
        assert within_deadline(lambda: observed.has_heard(f"deep/again{number}.md"))  # noqa: B023
        assert observed.finds(f"zebra{number}") == [f"deep/again{number}.md"]


# ---- memfs watch


class Onlooker:
    """Somebody who hears of what happens in a workspace."""

    def __init__(self, here: Workspace) -> None:
        self.here = here
        self.cursor = ""
        self.sees()

    def sees(self) -> list[tuple[str, str, str, str]]:
        """Return what happened since the last call: what, title, path below the store, by whom."""
        for store in self.here.view.stores:
            self.here.refresh(store)
        told = since(self.here, self.cursor)
        self.cursor = told.cursor
        return sorted((each.what, each.title, each.place.path.name, each.by) for each in told.happenings)


def test_a_feed_tells_what_changes_amount_to(world: World, store: Path) -> None:
    """Moved is what has gone here and come there; a copy, a touch, and what came and went, are what they are."""
    put(store, "a.md", "---\nid: abc\n---\n# Cats\n")
    put(store, "b.md", "# Dogs\nwithout an id\n")
    onlooker = Onlooker(world.open())

    (store / "b.md").rename(store / "b1.md")
    (store / "a.md").rename(store / "a1.md")
    assert onlooker.sees() == [("moved", "Cats", "a1.md", "other"), ("moved", "Dogs", "b1.md", "other")]
    shutil.copy(store / "a1.md", store / "copy.md")
    (store / "a1.md").touch()
    assert onlooker.sees() == [("added", "Cats", "copy.md", "other")]
    put(store, "gone.md", "x\n")
    onlooker.here.refresh(onlooker.here.view.stores[0])
    (store / "gone.md").unlink()
    (store / "copy.md").write_text("# Tigers\n")
    (store / "b1.md").unlink()
    assert onlooker.sees() == [("changed", "Tigers", "copy.md", "other"), ("removed", "Dogs", "b1.md", "other")]


def test_a_feed_says_memfs_only_of_what_memfs_just_did(
    world: World, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The undo journal has just recorded that very change: the same bytes later, by another hand, are another's."""
    here = world.open()
    onlooker = Onlooker(here)
    saved = here.save("purr", {"title": "Cats"}).entry.memory
    assert onlooker.sees() == [("added", "Cats", saved.path, "memfs")]
    here.update(saved.id, {"tags": ["x"]})
    assert onlooker.sees() == [("changed", "Cats", saved.path, "memfs")]
    here.undo()
    assert onlooker.sees() == [("changed", "Cats", saved.path, "memfs")]
    raw = (store / saved.path).read_bytes()
    put(store, saved.path, "# Dogs\n")
    assert onlooker.sees() == [("changed", "Dogs", saved.path, "other")]
    monkeypatch.setattr(memfs.feed, "JUST_SECONDS", 0.0)
    (store / saved.path).write_bytes(raw)
    assert onlooker.sees() == [("changed", "Cats", saved.path, "other")]


def test_a_feed_names_the_session_that_did_it(world: World, store: Path) -> None:
    """Saved, changed, moved within a moment, forgotten: whoever did it last, not who wrote it first or says so."""
    first, second, nobody = (
        World(world.root, {"MEMFS_SESSION": name}).open(world.folder(), mode="hybrid") for name in ("s-1", "s-2", "")
    )
    cursor = since(second, "").cursor

    def told() -> list[tuple[str, str, str, str]]:
        nonlocal cursor
        for each in second.view.stores:
            second.refresh(each)
        feed = since(second, cursor)
        cursor = feed.cursor
        return [(each.what, each.place.scope, each.by, each.session) for each in feed.happenings]

    saved = first.save("purr", {"title": "Cats"}).entry.memory.id
    first.move(saved, "global")
    assert told() == [("added", "global", "memfs", "s-1")]
    second.update(saved, {"tags": ["x"]})
    assert told() == [("changed", "global", "memfs", "s-2")]
    nobody.update(saved, {"tags": ["y"]})
    assert told() == [("changed", "global", "memfs", "")]
    nobody.move(saved, "workspace")
    assert told() == [("moved", "workspace", "memfs", "")]
    first.forget(saved)
    assert told() == [("removed", "workspace", "memfs", "s-1")]
    first.undo()
    assert told() == [("added", "workspace", "memfs", "s-1")]
    put(store, "lie.md", "---\nsession: s-2\n---\nmeow\n")
    assert told() == [("added", "workspace", "other", "")]


@pytest.mark.parametrize("cursor", ["", "x", "none:0", "none:0@x", "@", "x:1@y", "\0", "none:²@"])
def test_a_feed_goes_on_from_whatever_it_was_left_at(world: World, store: Path, cursor: str) -> None:
    """A cursor that says nothing begins now, and the next one is good."""
    put(store, "a.md", "# Cats\n")
    here = world.open()
    here.refresh(here.view.stores[0])

    later = since(here, cursor).cursor
    put(store, "b.md", "# Dogs\n")
    here.refresh(here.view.stores[0])

    assert [each.title for each in since(here, later).happenings] == ["Dogs"]


class Looking:
    """A running `memfs watch`.

    Attributes:
        process: It.
        out: What it has printed so far.
        err: The same of standard error, or the terminal's.
    """

    def __init__(self, world: World, *arguments: str, terminal: bool = False) -> None:
        ours, theirs = pty.openpty() if terminal else os.pipe()
        self.process = subprocess.Popen(
            [*MEMFS, "watch", *arguments],
            cwd=world.folder(),
            env={**world.environ, "TERM": "xterm", "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs if terminal else subprocess.PIPE,
        )
        os.close(theirs)
        self.fd = ours
        self.out = ""
        self.err = ""

    def read(self) -> bool:
        """Take in what there is to read; return whether there may be more to come."""
        for fd in (self.fd, *([self.process.stderr.fileno()] if self.process.stderr else [])):
            if fd >= 0 and select.select([fd], [], [], 0)[0]:
                try:
                    text = os.read(fd, 65_536).decode()
                except OSError:  # the terminal's other end is closed
                    return False
                if fd == self.fd:
                    self.out += text
                else:
                    self.err += text
        return self.process.poll() is None

    def shows(self, pattern: str) -> bool:
        """Return whether it comes to print a line that matches *pattern*."""
        return within_deadline(lambda: self.read() is None or re.search(pattern, self.plain))

    @property
    def plain(self) -> str:
        """Return all that it printed, without styles."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.err + self.out)

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        """End it; return its exit code."""
        self.process.send_signal(how)
        return self.closed()

    def closed(self) -> int:
        """Return its exit code once it has ended."""
        try:
            assert within_deadline(lambda: not self.read())
            for _ in range(8):  # what it said last
                self.read()
            return self.process.wait(DEADLINE_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
            if self.process.stderr:
                self.process.stderr.close()
            if self.fd >= 0:
                os.close(self.fd)
                self.fd = -1


OTHERS = "by an editor, git or another program"


def test_watch_shows_what_happens_at_a_terminal(world: World, store: Path) -> None:
    """What is watched, then a line for each change; Ctrl-C ends it without a word. The text of a memory is inert."""
    put(store, "cats.md", "# Cats\npurr\n")
    looking = Looking(world, terminal=True)
    assert looking.shows(rf"Watching workspace  {re.escape(str(store))}")

    shell(store, "sed -i s/purr/meow/ cats.md")
    assert looking.shows(rf"\d\d:\d\d:\d\d  changed  Cats  workspace: {re.escape(str(store))}/cats.md  {OTHERS}")
    command(world, "save", "We deploy on Fridays.")
    assert looking.shows(r"added    We deploy on Fridays\.  workspace: .*  by memfs")
    shell(store, "rm cats.md")
    assert looking.shows(rf"removed  Cats  workspace: .*cats\.md  {OTHERS}")
    put(store, "evil.md", "# \x1b]0;owned\x07 \u202egnp.exe\n")
    assert looking.shows(r"added    \\u001b\]0;owned\\u0007 \\u202egnp\.exe")

    assert looking.end() == 130
    assert "\x1b]0" not in looking.out
    assert "Traceback" not in looking.out
    assert len(re.findall(r"^\d\d:", looking.plain, re.MULTILINE)) == 4


def test_watch_gives_a_program_one_object_a_line(world: World, store: Path) -> None:
    """At once; moves between scopes as one, with both places; and by whom. What people are told is on the side."""
    looking = Looking(world, "--mode", "hybrid", "--json")
    assert looking.shows("Watching global")

    saved = world.open(mode="hybrid").save("purr", {"title": "Cats", "session": "s-1"}).entry
    assert looking.shows('"session": "s-1"')
    path = store / saved.memory.path
    shell(store, f"sed -i s/purr/meow/ '{path}'")
    assert looking.shows('"what": "changed"')
    shell(store, f"touch '{path}'; echo > other.md")
    assert looking.shows(r"other\.md")
    world.open(mode="hybrid").move(saved.memory.id, "global")
    assert looking.shows('"what": "moved"')
    shell(world.home, f"mv global/'{path.name}' global/renamed.md")
    assert looking.shows("renamed.md")
    world.open(mode="hybrid").forget(saved.memory.id)
    assert looking.shows('"what": "removed"')
    looking.end()

    told = [line for line in map(json.loads, looking.out.splitlines()) if line["id"] == saved.memory.id]
    assert [(each["what"], each["scope"], each["by"]) for each in told] == [
        ("added", "workspace", "memfs"),
        ("changed", "workspace", "other"),
        ("moved", "global", "memfs"),
        ("moved", "global", "other"),
        ("removed", "global", "memfs"),
    ]
    assert told[0]["session"] == "s-1"
    assert "session" not in told[1]
    assert told[2]["from"] == {"scope": "workspace", "path": str(path)}
    assert {each["title"] for each in told} == {"Cats"}
    assert "Watching" not in looking.out


def test_watch_says_what_it_watches_beside_the_pipe(world: World, store: Path) -> None:
    """Standard output has nothing but changes, in plain text."""
    looking = Looking(world)
    assert looking.shows("Watching workspace")

    put(store, "a.md", "# Zebra\n")

    assert looking.shows("added    Zebra")
    assert looking.end() == 130
    assert re.fullmatch(
        rf"\d\d:\d\d:\d\d  added    Zebra  workspace: {re.escape(str(store))}/a\.md  {OTHERS}\n", looking.out
    )
    assert looking.err.strip() == f"Watching workspace  {store}"


def test_watch_ends_when_nobody_reads(world: World) -> None:
    """A closed pipe ends it though nothing changes."""
    looking = Looking(world)
    assert looking.shows("Watching workspace")

    os.close(looking.fd)
    looking.fd = -1

    try:
        assert looking.process.wait(DEADLINE_SECONDS) == 0
        assert looking.process.stderr is not None
        assert "Traceback" not in looking.process.stderr.read().decode()
    finally:
        looking.closed()


# ---- watch, for an agent


def agents(world: World, session: str = "s-1") -> World:
    """Return *world* as the tools of an agent's session have it."""
    return World(world.root, {"MEMFS_SESSION": session})


def prompted(world: World, session: str = "s-1") -> str:
    """Return what `memfs hook` tells that session with a prompt."""
    said = {"session_id": session, "cwd": str(world.folder()), "prompt": "go on"}
    answer = command(world, "hook", "user-prompt-submit", stdin=json.dumps(said))
    assert (answer.code, answer.err) == (0, "")
    return answer.out


def test_watch_tells_an_agent_what_others_did(world: World, store: Path) -> None:
    """In a line each time; not what it did itself, not what it was told already, and nothing a second time."""
    world.trusted()
    assert prompted(world) == ""
    for number in range(3):
        put(store, f"{number}.md", f"# Before {number}\n\u202e\n")
    looking = Looking(agents(world), "--session", "--every", "0")
    assert looking.shows("Before 0.*Before 1.*Before 2")

    agents(world).open().save("Mine.")
    saved = agents(world, "s-2").open().save("Theirs.", {"title": "Theirs \x1b[2J \u202e"}).entry.memory
    assert looking.shows(r"added: \*\*Theirs \\u001b\[2J \\u202e\*\* \(\w+, workspace, by session s-2, 0 min ago\)")
    agents(world).open().update(saved.id, {"tags": ["x"]})
    (store / "0.md").unlink()
    assert looking.shows(r"removed: \*\*Before 0\*\*")

    assert looking.end() == 130
    assert len(looking.out.splitlines()) == 3
    assert "Mine." not in looking.out
    assert "changed" not in looking.out
    assert prompted(world) == ""
    assert [each["event"] for each in command(world, "why", saved.id, "--json").json["shown"]] == ["watch"]


def test_watch_tells_an_agent_no_more_often_than_asked(world: World, store: Path) -> None:
    """What comes meanwhile is not lost: it is told with the next prompt."""
    world.trusted()
    looking = Looking(agents(world), "--session", "--every", "3600", "--json")
    assert looking.shows("Watching workspace")

    put(store, "a.md", "# First\n")
    assert looking.shows("First")
    put(store, "b.md", "# Second\n")
    text = prompted(world)
    looking.end()

    assert "Second" in text
    assert "First" not in text
    [line] = looking.out.splitlines()
    assert json.loads(line).keys() == {"news"}
    assert "Second" not in line


def test_watch_waits_for_a_hook_of_its_session(world: World, store: Path) -> None:
    """One that is at work when it begins, and when there is news; it does not end for it."""
    world.trusted()
    assert prompted(world) == ""
    [path] = (world.state / "sessions").glob("*.lock")
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        looking = Looking(agents(world), "--session", "--every", "0")
        assert looking.shows("Watching workspace")
        put(store, "a.md", "# First\n")
        assert not within_deadline(lambda: not looking.read(), 2)
        assert looking.out == ""

    assert looking.shows("First")
    assert looking.end() == 130


def test_watch_for_nobodys_session_begins_now(world: World, store: Path) -> None:
    """It tells what anybody does."""
    put(store, "a.md", "# Before\n")
    world.trusted()
    looking = Looking(world, "--session", "--every", "0")
    assert looking.shows("Watching workspace")

    agents(world).open().save("Theirs.")

    assert looking.shows(r"Theirs\.")
    looking.end()
    assert "Before" not in looking.out


def test_watch_refuses_a_store_that_cannot_be_read(world: World, store: Path) -> None:
    """In a sentence, when it is the only one."""
    store.rmdir()
    store.symlink_to(world.root)

    assert "symbolic link" in command(world, "watch").sentence
