"""How fast a question across projects is, with every project watched; nothing outside a temporary folder is touched.

python -m benchmarks.sharing [--projects 50] [--memories 500] [--json]

`search_all_projects` over stdio, every time taken at the client, and the same question to the library. The goals are
for two cores and 50 projects of 500 memories; with more, those that depend on the number are left out.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from unittest import mock

from benchmarks import corpus
from benchmarks.rows import Goal
from benchmarks.rows import Row
from benchmarks.rows import publish
from benchmarks.rows import say
from benchmarks.rows import timed
from benchmarks.rows import told
from benchmarks.serving import IDLE_SECONDS
from benchmarks.serving import MEMFS
from benchmarks.serving import SETTLING_SECONDS
from benchmarks.serving import WARMING
from benchmarks.serving import cpu_seconds
from benchmarks.serving import word
from benchmarks.stdio import Client
from benchmarks.stdio import Failed
from benchmarks.worlds import HIDDEN
from benchmarks.worlds import SETTLED_SECONDS
from memfs import config as configuration
from memfs import projects
from memfs.watch import Watcher
from memfs.workspace import Workspace

PROJECTS, MEMORIES = 50, 500
"""What the goals are for."""
SEARCHES, CHANGES = 300, 40


class Bench:
    """The measurements, one after the other.

    Args:
        folder: Below it is the machine.
        count: How many projects it has.
        each: How many memories each of them has.
    """

    def __init__(self, folder: Path, count: int, each: int) -> None:
        self.notes = list(corpus.notes(count * each))
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(HIDDEN)}
        self.environ |= {name: str(folder / name[6:].lower()) for name in ("MEMFS_HOME", "MEMFS_CACHE", "MEMFS_STATE")}
        self.folders = [folder / f"project-{number}" for number in range(count)]
        self.name = f"{count} projects × {each:,} memories"
        self.at_scale = (count, each) <= (PROJECTS, MEMORIES)
        config = configuration.load(self.environ)
        config.home.mkdir()
        config.path.write_text("cross_project = true\n")
        for number, project in enumerate(self.folders):
            corpus.write(project / ".memory", self.notes[number * each : (number + 1) * each])
            projects.note(config, project)
        time.sleep(SETTLED_SECONDS)

    def rows(self) -> Iterator[Row]:
        """Yield each row as soon as it is measured; the one that changes memories comes last."""
        everywhere = Workspace.open(self.folders[0], environ=self.environ).across()
        say(f"indexing {self.name}")
        for store in everywhere.view.stores:
            everywhere.index.refresh(store, store.scan().files)
        yield self.asking(everywhere)
        with Client(MEMFS, self.environ, self.folders[0]) as client:
            client.greet()
            first = client.call("search_all_projects", query=self.questions()[0]).seconds
            yield Row("search_all_projects, the first of a server", "ms", [first], None, self.name)
            yield self.calling(client)
            yield self.idling(client)
            yield self.finding(client)

    def goal(self, goal: Goal) -> Goal | None:
        """Return *goal*, unless it is not meant for so many memories."""
        return goal if self.at_scale else None

    def questions(self) -> Sequence[str]:
        """Return what is asked, the first `WARMING` not to be counted."""
        return [question.text for question in corpus.questions(self.notes, SEARCHES + WARMING, seed=1)]

    def asking(self, everywhere: Workspace) -> Row:
        """Return how long the library takes, with somebody who watches every project."""
        watcher = everywhere.hints = Watcher(everywhere.view.stores, everywhere.refresh)
        watcher.start()
        took = [timed(partial(everywhere.search, text)) for text in self.questions()]
        watcher.stop()
        return Row(
            "Workspace.across().search, watched and warm", "ms", took[WARMING:], self.goal(Goal(15.0)), self.name
        )

    def calling(self, client: Client) -> Row:
        """Return how long the tool takes, hits read from disk, as its client sees it."""
        took = [client.call("search_all_projects", query=text).seconds for text in self.questions()]
        return Row("search_all_projects over stdio, warm", "ms", took[WARMING:], self.goal(Goal(15.0)), self.name)

    def idling(self, client: Client) -> Row:
        """Return what CPU the server takes that watches all projects and is asked nothing."""
        values = []
        if Path("/proc/self/stat").exists():
            time.sleep(SETTLING_SECONDS)
            before = cpu_seconds(client.pid)
            time.sleep(IDLE_SECONDS)
            values = [(cpu_seconds(client.pid) - before) / IDLE_SECONDS]
        return Row(f"CPU of a server that watches them, idle for {IDLE_SECONDS:g} s", "%", values, self.goal(Goal(1.0)))

    def finding(self, client: Client) -> Row:
        """Return how long after a file was written in another project the next question has found it."""
        took, missed = [], 0
        for number in range(CHANGES):
            text = word("elsewhere", number)
            path = self.folders[number % len(self.folders)] / ".memory" / f"{text}.md"
            start = time.perf_counter()
            path.write_text(f"{text} was written elsewhere.\n")
            found = client.call("search_all_projects", query=f'"{text}"', output_mode="compact").result["results"]
            took.append(time.perf_counter() - start)
            missed += len(found) != 1
        if missed:
            raise Failed(f"{missed} of {CHANGES} files were not found by the question after them")
        note = f"all {CHANGES} by the very next question"
        return Row("written in another project to found", "ms", took[1:], None, note)


def main() -> None:
    """Measure what the command line asks for, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sharing", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--projects", type=int, default=PROJECTS, help=f"how many (default {PROJECTS})")
    parser.add_argument("--memories", type=int, default=MEMORIES, help=f"of each (default {MEMORIES})")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    if options.projects < 1 or options.memories < 1:
        parser.error("at least 1 project with 1 memory")
    with tempfile.TemporaryDirectory(prefix="memfs-bench-") as folder, mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith(HIDDEN)]:
            del os.environ[name]
        rows = told(Bench(Path(folder), options.projects, options.memories).rows())
    publish(rows, as_json=options.json)


if __name__ == "__main__":
    main()
