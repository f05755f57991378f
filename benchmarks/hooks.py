"""How long an agent waits for its memory: `memfs hook` as its client calls it, and news from one project to the next.

python -m benchmarks.hooks [--memories 10000] [--runs 21] [--json]

Every hook is a fresh process that is handed its JSON, and timed until it has ended; nothing outside a temporary folder
is touched. The goals are for two cores and 10,000 memories; with more, those that depend on the number are left out.
"""

from __future__ import annotations

import argparse
import json
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
from benchmarks.serving import MEMFS
from benchmarks.serving import warmed
from benchmarks.serving import word
from benchmarks.stdio import Client
from benchmarks.stdio import Failed
from benchmarks.worlds import FEW
from benchmarks.worlds import GOAL_MEMORIES
from benchmarks.worlds import World
from benchmarks.worlds import worlds
from memfs import config as configuration
from memfs import trust

HOOK = (sys.executable, "-m", "memfs", "hook")
CHANNEL = "api-contract"
WAYS: dict[str, dict[str, object]] = {
    "group": {"scope": "group:shop"},
    "channel": {"channels": [CHANNEL]},
    "global": {"is_global": True},
}
"""How a memory comes to be heard in another project, and what its save says."""


class Bench:
    """The measurements, one after the other, on a machine with many memories and one with *few*; *runs* of each."""

    def __init__(self, large: World, few: World, runs: int) -> None:
        self.large = large
        self.few = few
        self.runs = runs

    def rows(self) -> Iterator[Row]:
        """Yield each row as soon as it is measured; those that change memories come last."""
        for world in (self.few, self.large) if self.few is not self.large else (self.large,):
            trust.set_trusted(configuration.load(world.environ).state, world.project, trusted=True)
            world.build_to_stay()
            yield from self.hooks(world)
        yield from self.hearing()

    def hooks(self, world: World) -> Iterator[Row]:
        """Yield how long the hooks take that an agent waits for, beside the memories of *world*."""
        count = len(world.notes)
        goal = Goal(150.0) if count <= FEW else Goal(250.0) if count <= GOAL_MEMORIES else None
        asked = corpus.questions(world.notes, self.runs + 1, seed=3)
        events = {
            "session-start": [{"source": "startup"} for _ in asked],
            "user-prompt-submit": [{"prompt": f"ok. {each.text} Then run the tests."} for each in asked],
            "post-tool-use": [{"tool_name": "Read", "tool_input": {"file_path": "src/app.py"}} for _ in asked],
        }
        for event, every in events.items():
            answers = [hook(world, world.project, event, f"s-{number}", **said) for number, said in enumerate(every)]
            took, texts = zip(*answers, strict=True)
            note = f"{sum(map(bool, texts[1:]))} of {self.runs} had something to tell"
            yield Row(f"memfs hook {event}, {count:,} memories", "ms", took[1:], goal, note)

    def hearing(self) -> Iterator[Row]:
        """Yield how long it takes to save in one project and tell of it with the next prompt in another."""
        world, other = self.few, self.few.folder / "other"
        corpus.write(other / ".memory", corpus.notes(FEW, seed=4))
        config = configuration.load(world.environ)
        config.home.mkdir(exist_ok=True)
        config.path.write_text(
            f'mode = "hybrid"\n[groups.shop]\nmembers = {json.dumps([str(world.project), str(other)])}\n'
            f'[workspaces.{json.dumps(str(other))}]\nchannels = ["api-*"]\n'
        )
        trust.set_trusted(config.state, other, trusted=True)
        with Client(MEMFS, {**world.environ, "MEMFS_SESSION": "s-a"}, world.project) as client:
            warmed(client.greet())
            for way, said in WAYS.items():
                hook(world, other, "session-start", "s-b", source="startup")
                took = [self.heard(client, other, word(way, number), said) for number in range(self.runs + 1)]
                name = f"saved in one project, told with the next prompt in another: {way}"
                note = f"all {self.runs} by the very next prompt; {FEW:,} memories in each"
                yield Row(name, "ms", took[1:], Goal(300.0), note)

    def heard(self, client: Client, other: Path, text: str, said: dict[str, object]) -> float:
        """Return how long it takes to save *text* and have it told in the project *other*.

        Raises:
            Failed: It is not told.
        """
        start = time.perf_counter()
        client.call("store_memory", content=f"{text} was learned just now.", **said)
        _, answer = hook(self.few, other, "user-prompt-submit", "s-b", prompt="go on")
        took = time.perf_counter() - start
        if text not in answer:
            raise Failed(f"{text} was saved and is not told: {answer}")
        return took


def hook(world: World, folder: Path, event: str, session: str, **said: object) -> tuple[float, str]:
    """Return how long `memfs hook` takes for *event* of *session*, and what it answers.

    Raises:
        Failed: It does not end well.
    """
    about = json.dumps({"session_id": session, "cwd": str(folder), **said})
    start = time.perf_counter()
    done = subprocess.run(
        [*HOOK, event], cwd=folder, env=world.environ, input=about, capture_output=True, text=True, check=False
    )
    took = time.perf_counter() - start
    if done.returncode or done.stderr:
        raise Failed(f"memfs hook {event}: exit {done.returncode}, {done.stderr}")
    return took, done.stdout


def main() -> None:
    """Measure what the command line asks for, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hooks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--memories", type=int, default=GOAL_MEMORIES, help="how many (default 10,000)")
    parser.add_argument("--runs", type=int, default=21, help="runs of each hook (default 21)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    if options.memories < 10 or options.runs < 1:
        parser.error("at least 10 memories and 1 run")
    with worlds(options.memories) as (large, few):
        rows = told(Bench(large, few, options.runs).rows())
    publish(rows, as_json=options.json)


if __name__ == "__main__":
    main()
