"""Killed at any moment of a sync: all repositories are whole, nothing blocks, and the next sync finishes the work."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from memfs.memory import parse
from tests.commands import MEMFS
from tests.commands import memfs
from tests.disks import POWER
from tests.disks import THROUGH
from tests.disks import disk_of
from tests.test_sync import Pair
from tests.test_sync import assert_same
from tests.test_sync import git
from tests.test_sync import machine
from tests.test_sync import memories
from tests.test_sync import memory
from tests.test_sync import new_remote
from tests.test_sync import put
from tests.test_sync import quietly
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import new_world
from tests.worlds import rounds
from tests.worlds import with_small_disk

WORD = re.compile(r"\bkill\d+\w")
STORES = ("global", "global/sub", "groups/team")
LEFT = re.compile(
    r"\.git/(?:.*\.lock|memfs-index-.*|fast_import_crash_.*|objects/.*tmp_.*|refs/memfs/(?:merging|pending))"
    r"|.*\.memfs-.*\.tmp|.*/network/.*"
)
"""What a process that dies may leave in the home folder and the state folder, and nobody has after the next sync."""


class Story:
    """What two people do between the kills, in words of its own."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.number = 0
        self.taken: set[str] = set()

    def word(self, who: str) -> str:
        """Return a word that was never written."""
        self.number += 1
        return f"kill{self.number}{who}"

    def goes_on(self, world: World, who: str, part: int) -> None:
        """New memories, edits of one paragraph (each person has one), moves and a removal."""
        for _ in range(4):
            word = self.word(who)
            text = memory(f"id-{word}", [f"Part {number} {word}." for number in range(4)])
            put(world, f"{self.rng.choice(STORES)}/{word}.md", text)
        there = sorted(memories(world))
        for name in self.rng.sample(there, min(3, len(there))):
            path = world.home / name
            text = path.read_text()
            lines = text.split("\n")
            place = [number for number, line in enumerate(lines) if line.startswith("Part")][part]
            lines[place] = f"Part {part} {self.word(who)}."
            path.write_text("\n".join(lines))
            self.taken |= {*WORD.findall(text)} - {*WORD.findall(path.read_text())}
        for name in self.rng.sample(there, min(2, len(there))):
            path = world.home / name
            target = world.home / self.rng.choice(STORES) / f"{self.word(who)}.md"
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        self.taken |= {f"kill{number}{who}" for number in range(self.number + 1)} - words(world)


def words(world: World) -> set[str]:
    """Return the words in the memories of *world*."""
    return {word for raw in memories(world).values() for word in WORD.findall(raw.decode())}


def killed(world: World, after: float) -> bool:
    """Start a sync and kill it *after* so many seconds; return whether it was still at work."""
    process = subprocess.Popen(
        [*MEMFS, "sync"], cwd=world.folder(), env=world.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=after)
    process.kill()
    return process.wait() != 0


POWER_CUT = """
import json
from pathlib import Path
from memfs import config, syncing
from memfs.shelves import shelf_of
def git(*words):
    done = subprocess.run(["git", "-C", home, *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else done.stderr
settings = config.load()
home = settings.home
(home / "global").mkdir(parents=True)
for number in range(60):
    (home / f"global/n{number}.md").write_text(f"note {number}")
for number in range(3):
    (home / "global/n0.md").write_text(f"version {number}")
    assert syncing.sync(settings, shelf_of(settings)).committed
head = git("rev-parse", "HEAD")
cut_power()
print(json.dumps([git("fsck", "--strict"), git("rev-parse", "HEAD") == head, git("show", "HEAD:global/n0.md")]))
"""


def test_what_a_sync_committed_survives_a_power_cut(world: World) -> None:
    """96: the repository is whole, and the commit is there, where nothing unflushed is left."""
    image, disk = disk_of(world)
    cut = World(world.root, {"MEMFS_HOME": str(disk / "home")})

    assert json.loads(cut.run(POWER + POWER_CUT, image, disk, through=THROUGH)) == ["", True, "version 2"]


FULL_DISK = """
import json, os, subprocess, sys
from memfs import config, syncing
from memfs.shelves import shelf_of
from memfs.errors import MemfsError
settings = config.load()
home = settings.home
os.environ["GIT_CONFIG_GLOBAL"] = "/dev/null"
(home / "config.toml").write_text(f'remote = "{sys.argv[1]}"\\n')
settings = config.load()
shelf = shelf_of(settings)
(home / "global").mkdir()
(home / "global/mine.md").write_text("mine " * 1000)
told = []
for room in (20, 60, 100, 200, 300, 400, 500, 600, 700, 800):
    filler = home / "filler"
    with filler.open("wb") as file:
        free = os.statvfs(home).f_bavail * os.statvfs(home).f_frsize
        file.write(b"x" * max(0, free - room * 1024))
    try:
        syncing.sync(settings, shelf)
        told.append("synced")
    except (MemfsError, OSError) as error:
        told.append(getattr(error, "code", str(error)))
    filler.unlink()
syncing.sync(settings, shelf)
fsck = subprocess.run(["git", "-C", home, "fsck", "--strict"], capture_output=True, text=True)
left = [str(path) for path in (home / "global").rglob(".*")]
texts = {path.name: path.read_text() for path in (home / "global").iterdir()}
print(json.dumps([told, fsck.returncode, left, texts]))
"""


def test_on_a_full_disk_a_sync_fails_and_harms_nothing(tmp_path: Path) -> None:
    """Wherever the room ends: an error with a sentence, and with more room the next sync brings all of it."""
    remote = new_remote(tmp_path / "remote.git")
    b = machine(tmp_path / "b", remote)
    for number in range(40):
        put(b, f"global/n{number}.md", f"note {number} " + os.urandom(2_000).hex())
    quietly(b)
    a = new_world(tmp_path / "a")
    through = with_small_disk(a.home, "2m")

    told, fsck, left, texts = json.loads(a.run(FULL_DISK, remote, through=through))

    assert told[-1] == "synced"
    assert "synced" not in told[:2]
    assert (fsck, left) == (0, [])
    quietly(b)
    assert texts == {name.removeprefix("global/"): raw.decode() for name, raw in memories(b).items()}
    assert len(texts) == 41


@pytest.mark.parametrize("kills", [5, pytest.param(60, marks=pytest.mark.soak)])
def test_a_killed_sync_is_finished_by_the_next(tmp_path: Path, kills: int) -> None:
    """95: from the very first sync on; fsck clean, no lock, nothing lost, nothing doubled, nothing left lying about."""
    remote = new_remote(tmp_path / "remote.git")
    pair = Pair(machine(tmp_path / "a", remote), machine(tmp_path / "b", remote), remote)
    story = Story(kills)
    takes = 0.5
    for _ in rounds(kills):
        story.goes_on(pair.a, "a", 0)
        story.goes_on(pair.b, "b", 3)
        quietly(pair.b, yes=True)
        wanted = (words(pair.a) | words(pair.b)) - story.taken

        killed(pair.a, random.uniform(0.1, takes))

        for folder in (pair.a.home, pair.b.home, pair.remote):
            if (folder / "HEAD").exists() or (folder / ".git/objects").exists():
                git(folder, "fsck", "--strict")
        began = time.monotonic()
        done = memfs(pair.a, "sync", "--yes")
        takes = time.monotonic() - began
        assert done.code == 0, done
        assert not [name for name in files_below(pair.a.home) if LEFT.fullmatch(name)]
        assert not [name for name in files_below(pair.a.state) if LEFT.fullmatch(name)]
        quietly(pair.b, yes=True)
        assert_same(pair)
        assert words(pair.a) >= wanted
        ids = [parse(raw, "x.md").id for raw in memories(pair.a).values()]
        assert len(ids) == len(set(ids))
        git(pair.a.home, "add", "--dry-run", "global")
