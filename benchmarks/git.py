"""How long git takes to carry memories: commits, syncs between two machines, authors, and a search in time.

python -m benchmarks.git [--runs 11] [--json]

Every command is a fresh process, timed until it has ended; the remote is a bare repository beside the two machines,
and nothing outside a temporary folder is touched. The goals are for two cores.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import corpus
from benchmarks.rows import Goal
from benchmarks.rows import Row
from benchmarks.rows import publish
from benchmarks.rows import told
from benchmarks.stdio import Failed
from benchmarks.worlds import FEW
from benchmarks.worlds import GOAL_MEMORIES
from benchmarks.worlds import World
from benchmarks.worlds import worlds

MANY = 500
"""Memories in a large commit."""
COMMITS = 1_000
"""In the history that authors are learned from."""


class Bench:
    """The measurements, one after the other, below *folder*; *runs* of each that changes little."""

    def __init__(self, folder: Path, large: World, runs: int) -> None:
        self.folder = folder
        self.large = large
        self.runs = runs

    def rows(self) -> Iterator[Row]:
        """Yield each row as soon as it is measured.

        Searching comes before anything is deleted: ext4 without a journal looks at each inode that was freed in the
        last minutes before it gives a new one, so that putting 1,000 files out takes 0.03 s or 0.6 s there.
        """
        yield from self.searching()
        yield from self.committing()
        yield from self.syncing()
        yield from self.learning()

    def committing(self) -> Iterator[Row]:
        """Yield how long `memfs commit` takes beside a staged file, for one memory and for many."""
        world = World.make(self.folder / "commit", FEW)
        git(world.project, "init", "-q")
        memfs(world, "commit")
        (world.project / "staged.txt").write_text("the user's own")
        git(world.project, "add", "staged.txt")
        for count, limit in ((1, 150.0), (MANY, 300.0)):
            took = []
            for run in range(self.runs + 1):
                new = world.store() / f"n{count}-{run}"
                corpus.write(new, corpus.notes(count, seed=1_000 + run))
                os.sync()  # as what `memfs save` wrote, and what anybody wrote half a minute ago
                took.append(memfs(world, "commit"))
                shutil.rmtree(new)
                memfs(world, "commit")
            note = "files flushed before, beside a staged one that stays staged"
            yield Row(f"memfs commit of {count:,}, beside {FEW:,} others", "ms", took[1:], Goal(limit), note)
        staged = git(world.project, "diff", "--cached", "--name-only")
        if staged != "staged.txt\n":
            raise Failed(f"the user's index was changed: {staged}")

    def syncing(self) -> Iterator[Row]:
        """Yield how long two machines take to have the same memories."""
        remote = self.folder / "remote.git"
        git(self.folder, "init", "-q", "--bare", str(remote))
        machines = [World.make(self.folder / name, 1) for name in ("one", "two")]
        for world in machines:
            memfs(world, "sync", "--remote", str(remote))
        rounds = []
        for run in range(3):
            for name, world in zip("ab", machines, strict=True):
                notes = list(corpus.notes(FEW, seed=100 + 2 * run + (name == "b")))
                corpus.write(Path(world.environ["MEMFS_HOME"]) / "global" / f"{name}{run}", notes)
            rounds.append(sum(memfs(machines[which], "sync") for which in (0, 1, 0)))
        have = [len(list(Path(each.environ["MEMFS_HOME"]).rglob("*.md"))) for each in machines]
        if have != [3 * 2 * FEW] * 2:
            raise Failed(f"the machines have {have} memories")
        yield Row(f"sync of {FEW:,} new memories each way", "s", rounds, Goal(5.0), "three syncs: one, two, one")
        took = [memfs(machines[0], "sync") for _ in range(self.runs + 1)]
        yield Row("memfs sync, nothing to do", "ms", took[1:], Goal(400.0), f"{have[0]:,} memories, a local remote")

    def searching(self) -> Iterator[Row]:
        """Yield how long a search takes in the memories as they were."""
        world = World.make(self.folder / "past", FEW)
        git(world.project, "init", "-q")
        memfs(world, "commit")
        os.sync()  # or the disk is at work on what was written for the measurements
        asked = corpus.questions(world.notes, self.runs, seed=3)
        first = memfs(world, "search", "--at", "HEAD", "--", asked[0].text)
        yield Row(f"search --at, {FEW:,} memories, first", "s", [first], Goal(1.0), "a process, index and all")
        took = [memfs(world, "search", "--at", "HEAD", "--", each.text) for each in asked]
        yield Row("search --at, repeated", "ms", took, Goal(100.0), "a process each")

    def learning(self) -> Iterator[Row]:
        """Yield how long it takes to learn who wrote each memory from a long history, and to date all by it."""
        from memfs import learned

        world = self.large
        git(world.project, "init", "-q")
        names = sorted(path.name for path in world.store().glob("*.md"))
        imported = b"".join(history(world, names))
        subprocess.run(["git", "fast-import", "--quiet"], cwd=world.project, input=imported, check=True)  # noqa: S607
        git(world.project, "symbolic-ref", "HEAD", "refs/heads/main")
        git(world.project, "read-tree", "HEAD")
        world.build_to_stay()
        here = world.open()
        known: list[float] = []
        start = time.perf_counter()
        notes = learned.learn(here, lambda: known.append(time.perf_counter() - start))
        dated = time.perf_counter() - start
        who = here.index.learned(here.view.own[0]).find(names[0])
        if notes or who is None or not who.author:
            raise Failed(f"the authors are not known: {notes}")
        yield Row(f"authors of {len(names):,} memories over {COMMITS:,} commits", "s", known[:1], Goal(3.0), "known")
        yield Row("the same, and all of them dated by it", "s", [dated], None, "in steps; whoever saves has his turn")


def history(world: World, names: list[str]) -> Iterator[bytes]:
    """Yield what git-fast-import(1) reads: `COMMITS` commits of seven authors that add the memories *names*."""
    for number in range(COMMITS):
        who = f"author-{number % 7} <a{number % 7}@example.com> {1_700_000_000 + number * 1_000} +0000"
        yield f"commit refs/heads/main\ncommitter {who}\ndata 1\n.\n".encode()
        for name in names[number::COMMITS]:
            raw = (world.store() / name).read_bytes()
            yield f'M 100644 inline ".memory/{name}"\ndata {len(raw)}\n'.encode() + raw + b"\n"


def memfs(world: World, *arguments: str) -> float:
    """Return how long `memfs` takes with *arguments* in the project of *world*.

    Raises:
        Failed: It does not end well.
    """
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "memfs", *arguments],
        cwd=world.project,
        env=world.environ,
        capture_output=True,
        check=False,
    )
    took = time.perf_counter() - start
    if done.returncode:
        raise Failed(f"memfs {' '.join(arguments)}: exit {done.returncode}, {done.stderr.decode()}")
    return took


def git(folder: Path, *arguments: str) -> str:
    """Return what git prints in *folder*."""
    return subprocess.run(
        ["git", *arguments],  # noqa: S607
        cwd=folder,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def main() -> None:
    """Measure what the command line asks for, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.git", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--memories", type=int, default=GOAL_MEMORIES, help="whose authors are learned (default 10,000)"
    )
    parser.add_argument("--runs", type=int, default=11, help="runs of each command (default 11)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    with worlds(options.memories) as (large, few):
        rows = told(Bench(few.folder.parent, large, options.runs).rows())
    publish(rows, as_json=options.json)


if __name__ == "__main__":
    main()
