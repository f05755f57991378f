"""How well memfs knows what is said already, and how fast it finds copies among many.

python -m benchmarks.neighbours [--memories N] [--json]

Notes of developers lie among synthetic ones. Each is saved once more, changed: in other words (by hand),
with sentences dropped, with another note below, with every sixth word gone, and notes that say something
new are saved, too. What is found is what the save names first; what is wrong is anything else that it names.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
import time
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import corpus
from benchmarks.retrieval import DATA
from benchmarks.rows import Goal
from benchmarks.rows import Row
from benchmarks.rows import publish
from benchmarks.rows import timed
from benchmarks.rows import told
from benchmarks.worlds import GOAL_MEMORIES
from benchmarks.worlds import World
from memfs import memory
from memfs import trust
from memfs.workspace import Workspace

FRESH, PLANTED = 100, 100
Text = tuple[str, str, str]
"""Id of the note that it repeats, or none; title; body."""


def _lines(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def changed(rng: random.Random) -> Mapping[str, Sequence[Text]]:
    """Return by kind of change the developers' notes as somebody saves them a second time."""
    notes = _lines("devmem.open.docs.jsonl")
    halves = [(each, re.split(r"(?<=[.;:])\s+|\n", each["text"])) for each in notes]
    return {
        "in other words": [(each["id"], each["title"], each["text"]) for each in _lines("devmem.open.again.jsonl")],
        "a sentence dropped": [
            (each["id"], each["title"], " ".join(rng.sample(parts, len(parts) - 1)))
            for each, parts in halves
            if len(parts) > 2
        ],
        "another note below": [(each["id"], each["title"], f"{each['text']}\n\n{_other(rng)}") for each in notes],
        "every sixth word gone": [
            (each["id"], each["title"], " ".join(word for word in each["text"].split() if rng.random() > 1 / 6))
            for each in notes
        ],
        "something new": [("", note.title, note.body) for note in corpus.notes(FRESH, seed=7)],
    }


def _other(rng: random.Random) -> str:
    return next(corpus.notes(1, seed=rng.randrange(10**6))).body


def quality(here: Workspace) -> Iterator[Row]:
    """Yield for each kind of change how many are known, and how many others are named."""
    for kind, texts in changed(random.Random(1)).items():
        right = wrong = 0
        for wanted, title, body in texts:
            named = [each.entry.memory.id for each in here.save(body, {"title": title}).similar]
            here.undo()
            right += named[:1] == [wanted] if wanted else not named
            wrong += len([each for each in named if each != wanted])
        note = f"{right} of {len(texts)}; {wrong} others named"
        yield Row(f"saved again: {kind}" if kind != "something new" else kind, "%", [right / len(texts)], None, note)


def copies(world: World) -> Iterator[Row]:
    """Yield how long copies are looked for, files read and all, and how many of those that were planted are found."""
    rng = random.Random(3)
    for number, note in enumerate(rng.sample(list(world.notes), PLANTED)):
        words = note.body.split(" ")
        del words[rng.randrange(6) :: 12]
        (world.store() / f"planted-{number}.md").write_bytes(memory.compose({"title": note.title}, " ".join(words)))
    here = world.open()
    here.reindex()
    for least in (0.85, 0.5):
        took = [timed(partial(here.duplicates, least)) for _ in range(3)]
        began = time.process_time()
        groups = here.duplicates(least, limit=100).groups
        cpu = time.process_time() - began
        found = sum("planted" in f"{each.entry.memory.path} {each.others[0].entry.memory.path}" for each in groups)
        goal = Goal(5.0) if len(world.notes) <= GOAL_MEMORIES else None
        note = f"{found} of {PLANTED} planted copies in {len(groups)} groups; {cpu:.1f} s of CPU"
        yield Row(f"duplicates from {least} on, {len(world.notes):,} memories", "s", took, goal, note)


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.neighbours", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--memories", type=int, default=GOAL_MEMORIES, help="how many synthetic ones (default 10,000)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="memfs-bench-") as folder:
        world = World.make(Path(folder), options.memories)
        for each in _lines("devmem.open.docs.jsonl"):
            raw = memory.compose({"id": each["id"], "title": each["title"]}, each["text"])
            (world.store() / f"{each['id']}.md").write_bytes(raw)
        here = world.open()
        trust.set_trusted(here.config.state, world.project, trusted=True)  # else nothing of it is told unasked
        here.reindex()
        rows = told(quality(here))
        rows += told(copies(world))
    publish(rows, as_json=options.json)


if __name__ == "__main__":
    main()
