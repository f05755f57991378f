"""How fast memfs is on this machine, against what it is meant to reach; nothing outside a temporary folder is touched.

python -m benchmarks.speed [--memories 10000] [--runs 21] [--json]

Median and 95th percentile; a verdict counts the median, and the percentile where the goal names one.
The goals are for two cores and 10,000 memories; with more, those that depend on the number are left
out, and a warm search has one of its own.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from functools import partial
from itertools import cycle
from statistics import median

from benchmarks import corpus
from benchmarks.rows import Goal
from benchmarks.rows import Row
from benchmarks.rows import publish
from benchmarks.rows import timed
from benchmarks.rows import told
from benchmarks.worlds import FEW
from benchmarks.worlds import GOAL_MEMORIES
from benchmarks.worlds import SETTLED_SECONDS
from benchmarks.worlds import Quiet
from benchmarks.worlds import World
from benchmarks.worlds import worlds
from memfs.workspace import Workspace

SEARCHES, SCANNED_SEARCHES = 500, 60
SAVES, CHANGES = 61, 31
BUILDS, LARGE_BUILDS = 5, 2
"""How often the index is built from nothing, at most; the second with more memories than the goals are for."""


class Bench:
    """The measurements, one after the other, on *count* memories with *runs* runs of each process."""

    def __init__(self, large: World, small: World, runs: int) -> None:
        self.large = large
        self.small = small
        self.runs = runs
        self.count = len(large.notes)
        self.has_command = small.process("-m", "memfs", "--version") is not None

    def rows(self) -> Iterator[Row]:
        """Yield each row as soon as it is measured; those that change memories come last."""
        yield from self.builds()
        yield self.index_size()
        for world in (self.small, self.large) if self.small is not self.large else (self.large,):
            yield self.searching_processes(world)
        yield from self.small_processes()
        yield from self.warm_searches()
        yield self.saves()
        yield from self.refreshes()

    def at_scale(self, goal: Goal) -> Goal | None:
        """Return *goal*, unless it is not meant for so many memories."""
        return goal if self.count <= GOAL_MEMORIES else None

    def builds(self) -> Iterator[Row]:
        """Yield time and memory of indexing everything from nothing, in fresh processes."""
        took = [self.large.build() for _ in range(min(self.runs, BUILDS if self.at_scale(Goal()) else LARGE_BUILDS))]
        seconds, cpu, peak = ([each[key] for each in took] for key in ("seconds", "cpu", "peak"))
        name = f"index {self.count:,} memories from nothing"
        yield Row(name, "s", seconds, self.at_scale(Goal(2.0)), f"{median(cpu):.2f} s of CPU")
        yield Row(f"{name}, peak memory", "MB", peak, self.at_scale(Goal(130.0)))

    def index_size(self) -> Row:
        """Return the size of the index against that of the text."""
        for world in {id(world): world for world in (self.small, self.large)}.values():
            world.build_to_stay()
        files = [path for path in (self.large.folder / "cache").rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        note = f"{size / 1e6:.1f} MB for {self.large.text / 1e6:.1f} MB"
        return Row("index on disk against the text", "×", [size / self.large.text], Goal(2.0), note)

    def searching_processes(self, world: World) -> Row:
        """Return how long `memfs search` takes as a fresh process, scan and all."""
        count = len(world.notes)
        goal = Goal(120.0) if count <= FEW else self.at_scale(Goal(200.0))
        asked = corpus.questions(world.notes, self.runs + 1)
        values = self.processes(world, [["search", "--", question.text] for question in asked])
        return Row(f"memfs search, fresh process, {count:,} memories", "ms", values, goal)

    def processes(self, world: World, commands: Sequence[Sequence[str]]) -> list[float]:
        """Return how long each of *commands* takes but for the first, which warms the disk's cache up."""
        if not self.has_command:
            return []
        took = [world.process("-m", "memfs", *command) for command in commands]
        return [each for each in took[1:] if each is not None]

    def small_processes(self) -> Iterator[Row]:
        """Yield how many times as long as an empty Python program the smallest commands take; runs take turns."""
        yield self.factor("memfs --version", self.small, ["--version"], Goal(4.0))
        for world in {id(world): world for world in (self.small, self.large)}.values():
            count = len(world.notes)
            goal = Goal(6.0) if count <= GOAL_MEMORIES else None
            yield self.factor(f"memfs get ID, {count:,} memories", world, ["get", world.notes[0].id], goal)

    def factor(self, name: str, world: World, command: Sequence[str], goal: Goal | None) -> Row:
        """Return the row for *command* against `python -c pass`."""
        factors, times, empty = [], [], []
        for _ in range(self.runs + 1 if self.has_command else 0):
            nothing, ours = world.process("-c", "pass"), world.process("-m", "memfs", *command)
            if nothing is not None and ours is not None:
                factors.append(ours / nothing)
                times.append(ours)
                empty.append(nothing)
        note = f"{median(times) * 1e3:.0f} ms against {median(empty) * 1e3:.0f} ms" if factors else ""
        return Row(f"{name}, against python -c pass", "×", factors[1:], goal, note)

    def warm_searches(self) -> Iterator[Row]:
        """Yield how long a search takes in a process that has searched before, hits read from disk."""
        workspace = self.warm()
        asked = [question.text for question in corpus.questions(self.large.notes, SEARCHES + 20, seed=1)]
        for text in asked[:20]:
            workspace.search(text)
        took = [timed(partial(workspace.search, text)) for text in asked[20:]]
        goal = Goal(3.0, 8.0) if self.count <= GOAL_MEMORIES else Goal(p95=25.0)
        yield Row(f"Workspace.search, warm, {self.count:,} memories", "ms", took, goal, "told that nothing changed")
        workspace.hints = None
        took = [timed(partial(workspace.search, text)) for text in asked[:SCANNED_SEARCHES]]
        yield Row("the same with a scan before each", "ms", took)

    def warm(self) -> Workspace:
        """Return the large workspace, up to date, with somebody who watches."""
        workspace = self.large.open()
        for store in workspace.view.stores:
            workspace.refresh(store)
        workspace.hints = Quiet()
        return workspace

    def saves(self) -> Row:
        """Return how long a save takes until it is on the disk and can be found."""
        workspace = self.warm()
        fresh = corpus.notes(SAVES, seed=2)
        took = [
            timed(partial(workspace.save, note.body, {"title": note.title, "tags": list(note.tags)})) for note in fresh
        ]
        note = f"at {self.count:,} memories"
        return Row("save, durable and searchable", "ms", took[1:], self.at_scale(Goal(30.0)), note)

    def refreshes(self) -> Iterator[Row]:
        """Yield how long it takes to bring in one file that was changed by somebody else."""
        workspace = self.warm()
        workspace.hints = None
        (store,) = workspace.view.stores
        paths = cycle(note.file_name for note in self.large.notes)
        cases: list[tuple[str, Goal, Callable[[str], object]]] = [
            ("found by a scan", Goal(60.0), lambda _: workspace.refresh(store)),
            ("path known", Goal(25.0), lambda path: workspace.refresh(store, [path])),
        ]
        for how, goal, refresh in cases:
            took = []
            for number in range(CHANGES):
                path = next(paths)
                with (store.root / path).open("a") as file:
                    file.write(f"\nChanged {number} times.\n")
                time.sleep(SETTLED_SECONDS)
                took.append(timed(partial(refresh, path)))
            name = f"refresh after one change among {self.count:,}, {how}"
            yield Row(name, "ms", took[1:], self.at_scale(goal))


def main() -> None:
    """Measure what the command line asks for, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--memories", type=int, default=GOAL_MEMORIES, help="how many (default 10,000)")
    parser.add_argument("--runs", type=int, default=21, help="runs of each fresh process (default 21)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    if options.memories < 10 or options.runs < 1:
        parser.error("at least 10 memories and 1 run")
    with worlds(options.memories) as (large, small):
        rows = told(Bench(large, small, options.runs).rows())
    publish(rows, as_json=options.json)


if __name__ == "__main__":
    main()
